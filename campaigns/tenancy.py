"""Two accounts on one server, and what each endpoint must tell them about each other: nothing.

`ROWS` has a row for every endpoint of the OpenAPI document; `matrix` fails one that has none. Requests go straight to
the application, so that a hundred thousand of them are a matter of minutes.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from refilm.assets.local import LocalAssets
from refilm.bootstrap.clock import now
from refilm.bootstrap.process import Server, build
from refilm.config import Settings
from refilm.domain.account import KeyScope, NewKey
from refilm.domain.clip import ClipInfo
from refilm.domain.upload import Upload
from refilm.service import output_key

CLIP = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(2))
DATA_URI = "data:video/mp4;base64,c29tZSBieXRlcw=="
ADMIN = "/refilm/v1/admin"
#: Ten thousand requests from one address are what these runs are about, and not what they try.
UNLIMITED = dict.fromkeys(("max_reads_per_second", "max_writes_per_second", "max_keyless_per_second"), 0)
#: Where requests come from unless said otherwise.
HERE = "203.0.113.1"


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def all(self) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
        """Everything that a client sees but the time it took."""
        return self.status, self.body, tuple(sorted(self.headers.items()))

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Tenants:
    """A server with two accounts that have the same kinds of things, `owner` and `stranger`, and an administrator."""

    def __init__(self, data: Path, **settings: Any) -> None:
        self.server: Server = build(Settings(data=data, workers=0, **{**UNLIMITED, **settings}))
        self.runner = asyncio.Runner()
        self.keys = {name: self.server.accounts.create_key(name) for name in ("owner", "stranger")}
        self.keys["admin"] = self.new_key("operator", KeyScope.ADMIN)
        self.keys["reader"] = self.new_key("owner", KeyScope.READ)
        self.keys["creator"] = self.new_key("owner", KeyScope.CREATE)

    def new_key(self, account: str, *scopes: KeyScope, **more: Any) -> str:
        """The secret of a new key with these scopes."""
        return self.server.accounts.issue(NewKey(account, scopes=frozenset(scopes), **more))[1]

    def close(self) -> None:
        """Let go of everything."""
        self.server.close()
        self.runner.close()

    def ask(
        self,
        method: str,
        path: str,
        key: str | None = None,
        *,
        body: Any = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        address: str = HERE,
    ) -> Answer:
        """One request. key: a name of `keys`, or a secret.  body: JSON, or bytes with their type in `headers`."""
        return self.runner.run(self._asked(method, path, key, body, query, headers or {}, address))

    def ask_all(self, requests: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Several requests at once, each as the arguments of `ask`; their answers in the same order."""

        async def together() -> list[Answer]:
            usual = {"key": None, "body": None, "query": "", "headers": {}, "address": HERE}
            return await asyncio.gather(*(self._asked(**{**usual, **request}) for request in requests))

        return self.runner.run(together())

    async def _asked(
        self, method: str, path: str, key: str | None, body: Any, query: str, headers: Mapping[str, str], address: str
    ) -> Answer:
        sent = {"host": "refilm.test", "x-runway-version": "2024-11-06", **headers}
        if key is not None:
            sent["authorization"] = f"Bearer {self.keys.get(key, key)}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if body is not None:
            sent.setdefault("content-type", "application/json")
        return await self._send(method, path, query, sent, raw, address)

    async def _send(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, address: str
    ) -> Answer:
        answer = Answer()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": query.encode("utf-8", "surrogatepass"),
            "headers": [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in headers.items()],
            "server": ("refilm.test", 80),
            "client": (address, 1),
        }
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return next(messages, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self.server.app(scope, receive, send)
        return answer

    def create(self, key: str, video_uri: str = DATA_URI) -> Answer:
        """A create."""
        body = {"model": "gen4_aleph", "videoUri": video_uri, "promptText": "make it warmer"}
        return self.ask("POST", "/v1/video_to_video", key, body=body)

    def task(self, key: str, *, finished: bool = False) -> str:
        """The id of a new task of that key's account, and where `finished` with an output."""
        task_id = str(self.create(key).json()["id"])
        if finished:
            started = self.server.service.start(task_id)
            assert started is not None
            output = output_key(task_id, started.attempt)
            with LocalAssets(self.server.settings.data / "assets").writer(output) as file:
                file.write(b"the bytes of an output")
            assert self.server.service.succeed(started, (output,), CLIP, {})
        return task_id

    def output(self, key: str) -> tuple[str, str]:
        """Path and query of the signed URL of a new output of that key's account."""
        task_id = self.task(key, finished=True)
        (url,) = self.ask("GET", f"/v1/tasks/{task_id}", key).json()["output"]
        return urlsplit(url).path, urlsplit(url).query

    def upload(self, key: str) -> str:
        """The runway:// URI of an upload of that key's account that has arrived."""
        account = self.server.accounts.authenticate(self.keys[key]).account
        upload = Upload(uuid.uuid4().hex, account, "clip.mp4", now(), now() + timedelta(days=1))
        kept = f"uploads/{upload.id}/1"
        with LocalAssets(self.server.settings.data / "assets").writer(kept) as file:
            file.write(b"the bytes of a clip")
        self.server.store.write(lambda tx: tx.uploads.insert(upload)).result()
        facts = {"key": kept, "size": 19, "kind": "video", "facts": CLIP.to_json(), "problem": None}
        self.server.store.write(lambda tx: tx.uploads.complete(upload.id, **facts)).result()
        return upload.uri

    def slot(self, key: str) -> dict[str, str]:
        """The form fields of a new upload slot of that key's account."""
        body = {"filename": "clip.mp4", "type": "ephemeral"}
        return dict(self.ask("POST", "/v1/uploads", key, body=body).json()["fields"])

    def post_form(self, fields: Mapping[str, str]) -> Answer:
        """The second step of an upload, with a file that is no clip and too small to be kept."""
        return self.ask(**self.form(fields))

    def form(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """The request of `post_form`."""
        parts = [f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{fields[name]}\r\n' for name in fields]
        parts.append('--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\ntiny\r\n--x--\r\n')
        sent = {"content-type": "multipart/form-data; boundary=x"}
        body = "".join(parts).encode("utf-8", "surrogatepass")
        return {"method": "POST", "path": "/uploads", "body": body, "headers": sent}


#: What is wrong with one endpoint, in sentences.
Row = Callable[[Tenants, str, str], Iterator[str]]


def unlike(answers: Mapping[str, Answer], status: int) -> Iterator[str]:
    """Sentences about answers that are not the same to the byte, or not of that status."""
    first = next(iter(answers.values()))
    for name, answer in answers.items():
        if answer.status != status:
            yield f"{name}: {answer.status}, not {status}"
        if answer.all != first.all:
            yield f"{name} is told from {next(iter(answers))}: {answer.body[:80]!r}"


def unsigned(answer: Answer) -> bytes:
    """A body without what changes with every second in the links to own outputs."""
    return re.sub(rb"expires=\d+|signature=[\w-]+", b"", answer.body)


def by_task_id(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """A foreign task, one that was deleted and one that never was are the same 404; an own one is there."""
    deleted = tenants.task("stranger")
    tenants.ask("DELETE", f"/v1/tasks/{deleted}", "stranger")
    ids = {
        "unknown": str(uuid.uuid4()),
        "foreign": tenants.task("owner"),
        "foreign and finished": tenants.task("owner", finished=True),
        "deleted": deleted,
        "no id": "x" * 65,
    }
    yield from unlike(
        {name: tenants.ask(method, path.format(task_id=task_id), "stranger") for name, task_id in ids.items()}, 404
    )
    for name in ("foreign", "foreign and finished"):
        if tenants.ask("GET", f"/v1/tasks/{ids[name]}", "owner").status != 200:
            yield f"{name}: it is gone for its owner"
    own = tenants.ask(method, path.format(task_id=tenants.task("owner")), "owner")
    if own.status not in (200, 204):
        yield f"own: {own.status}"


def of_own_things(body: Any = None) -> Row:
    """What a caller sees does not change with what others do, and names nothing of theirs."""

    def row(tenants: Tenants, method: str, path: str) -> Iterator[str]:
        before = tenants.ask(method, path, "stranger", body=body)
        foreign = [tenants.task("owner"), tenants.task("owner", finished=True)]
        after = tenants.ask(method, path, "stranger", body=body)
        if after.status != 200:
            yield f"own: {after.status}"
        if (before.status, unsigned(before)) != (after.status, unsigned(after)):
            yield "it changed with what another account did"
        if any(task_id.encode() in after.body for task_id in foreign):
            yield "it names a task of another account"

    return row


def listing(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """A list has own tasks only, also from a foreign cursor on."""
    tenants.task("stranger")
    yield from of_own_things()(tenants, method, path)
    for _ in range(2):
        tenants.task("owner")
    cursor = tenants.ask(method, path, "owner", query="limit=1").json()["nextCursor"]
    page = tenants.ask(method, path, "stranger", query=f"cursor={cursor}").json()["tasks"]
    account = tenants.server.accounts.authenticate(tenants.keys["stranger"]).account
    owners = {task.account for task in map(tenants.server.store.task, [task["id"] for task in page]) if task}
    if owners - {account}:
        yield "a foreign cursor leads to foreign tasks"


def creating(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """An upload of another account is no upload; its idempotency keys are not known; what is made is one's own."""
    mine, theirs = tenants.upload("stranger"), tenants.upload("owner")
    unknown = "runway://" + uuid.uuid4().hex
    body = {"model": "gen4_aleph", "promptText": "make it warmer"}

    def create(uri: str, key: str = "stranger", **headers: str) -> Answer:
        answer = tenants.ask(method, path, key, body={**body, "videoUri": uri}, headers=headers)
        named = answer.body.replace(uri.encode(), b"URI")
        return replace(answer, body=named, headers={**answer.headers, "content-length": str(len(named))})

    yield from unlike({"unknown": create(unknown), "foreign": create(theirs)}, 400)
    if create(mine).status != 200:
        yield "own: refused"
    name = {"idempotency-key": uuid.uuid4().hex}
    first, second = create(DATA_URI, "owner", **name), create(DATA_URI, "stranger", **name)
    if second.status != 200 or first.json()["id"] == second.json()["id"]:
        yield "an idempotency key of another account is known"


def uploading(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """A slot is nobody else's: its URI opens nothing for another account, before it is filled as after."""
    made = tenants.ask(method, path, "owner", body={"filename": "clip.mp4", "type": "ephemeral"})
    if made.status != 200:
        yield f"own: {made.status}"
        return
    uris = {"unknown": "runway://" + "A" * 32, "foreign and empty": made.json()["runwayUri"]}
    answers = {name: tenants.create("stranger", uri) for name, uri in uris.items()}
    named = {name: replace(a, body=a.body.replace(uris[name].encode(), b"URI")) for name, a in answers.items()}
    yield from unlike({name: replace(a, headers={}) for name, a in named.items()}, 400)


def downloading(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """Without its own signature an output is like one that never was; with it the key is not asked for."""
    mine, query = tenants.output("stranger")
    theirs, _ = tenants.output("owner")
    nobody = f"/files/outputs/{uuid.uuid4()}/1.mp4"
    for asked in ("", query):
        yield from unlike(
            {
                "unknown": tenants.ask(method, nobody, "stranger", query=asked),
                "foreign": tenants.ask(method, theirs, "stranger", query=asked),
            },
            403,
        )
    if tenants.ask(method, mine, query=query).status != 200:
        yield "own: refused"


def receiving(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """The form of one slot fills no other, whether that is foreign or unknown."""
    mine, theirs = tenants.slot("stranger"), tenants.slot("owner")
    forged = {"unknown": {**mine, "key": "A" * 32}, "foreign": {**mine, "key": theirs["key"]}}
    yield from unlike({name: tenants.post_form(fields) for name, fields in forged.items()}, 403)
    if tenants.post_form(mine).status != 400:  # too small, which is told behind the signature
        yield "own: refused"


def for_everybody(tenants: Tenants, method: str, path: str) -> Iterator[str]:
    """The same for all, and about nobody."""
    theirs = tenants.task("owner")
    answers = {str(key): tenants.ask(method, path, key) for key in ("owner", "stranger", None)}
    yield from unlike(answers, 200)
    names = [theirs, *(account.id for account in tenants.server.accounts.all_accounts())]
    if any(name.encode() in answer.body for name in names for answer in answers.values()):
        yield "it names a task or an account"


def administering(body: Any = None, done: int = 200) -> Row:
    """For keys with the scope admin alone; others do not learn which ids there are."""

    def row(tenants: Tenants, method: str, path: str) -> Iterator[str]:
        name = path.partition("{")[2].rstrip("}")
        spare = tenants.server.accounts.issue(NewKey("spare"))[0]
        there = spare.id if name == "key_id" else spare.account
        paths = {"unknown": path.replace("{" + name + "}", "k_0"), "foreign": path.replace("{" + name + "}", there)}
        for key in ("owner", "reader", "creator"):
            yield from unlike({which: tenants.ask(method, at, key, body=body) for which, at in paths.items()}, 403)
        answer = tenants.ask(method, paths["foreign"], "admin", body=body)
        if answer.status != done:
            yield f"an administrator got {answer.status}"
        if b"key_" in answer.body and b'"secret"' not in answer.body:
            yield "it tells a secret"

    return row


_DIALECT: dict[tuple[str, str], tuple[KeyScope, Row]] = {
    ("GET", "/tasks/{task_id}"): (KeyScope.READ, by_task_id),
    ("DELETE", "/tasks/{task_id}"): (KeyScope.CREATE, by_task_id),
    ("POST", "/video_to_video"): (KeyScope.CREATE, creating),
    ("POST", "/uploads"): (KeyScope.CREATE, uploading),
    ("GET", "/organization"): (KeyScope.READ, of_own_things()),
    ("POST", "/organization/usage"): (KeyScope.READ, of_own_things({})),
}

#: Endpoint to (the scope that its key needs, None: no key; what it must not tell).
ROWS: dict[tuple[str, str], tuple[KeyScope | None, Row]] = {
    **{(method, p + path): row for (method, path), row in _DIALECT.items() for p in ("/v1", "/runwayml/v1")},
    ("GET", "/refilm/v1/tasks/{task_id}"): (KeyScope.READ, by_task_id),
    ("GET", "/refilm/v1/tasks"): (KeyScope.READ, listing),
    ("GET", f"{ADMIN}/keys"): (KeyScope.ADMIN, administering()),
    ("POST", f"{ADMIN}/keys"): (KeyScope.ADMIN, administering({"account": "new"}, 201)),
    ("DELETE", f"{ADMIN}/keys/{{key_id}}"): (KeyScope.ADMIN, administering(done=204)),
    ("GET", f"{ADMIN}/accounts"): (KeyScope.ADMIN, administering()),
    ("PATCH", f"{ADMIN}/accounts/{{account_id}}"): (KeyScope.ADMIN, administering({"tier": "3"})),
    ("GET", "/files/{key}"): (None, downloading),
    ("POST", "/uploads"): (None, receiving),
    ("GET", "/health"): (None, for_everybody),
    ("GET", "/ready"): (None, for_everybody),
    ("GET", "/metrics"): (None, for_everybody),
}

#: Keys by the scopes that they have.
_SCOPED = {
    "owner": {KeyScope.READ, KeyScope.CREATE},
    "reader": {KeyScope.READ},
    "creator": {KeyScope.CREATE},
    "admin": {KeyScope.ADMIN},
}


def endpoints(tenants: Tenants) -> set[tuple[str, str]]:
    """Every endpoint of the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = tenants.server.app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def matrix(tenants: Tenants) -> list[str]:
    """What is wrong, endpoint by endpoint; nothing is as it must be."""
    there = endpoints(tenants)
    wrong = [f"{method} {path}: no row says what it may tell" for method, path in sorted(there - ROWS.keys())]
    wrong += [f"{method} {path}: a row for an endpoint that is not there" for method, path in ROWS.keys() - there]
    for method, path in sorted(there & ROWS.keys()):
        scope, row = ROWS[method, path]
        faults = [*_closed(tenants, method, path, scope), *row(tenants, method, path)]
        wrong += [f"{method} {path}: {fault}" for fault in faults]
    return wrong


def _closed(tenants: Tenants, method: str, path: str, needed: KeyScope | None) -> Iterator[str]:
    """What is wrong with who is let in: nobody without a key, and no key without the scope."""
    operation = tenants.server.app.openapi()["paths"][path][method.lower()]
    if needed is None:
        if "security" in operation:
            yield "the document asks for a key, the row does not"
        return
    at = path.replace("{task_id}", "no-task").replace("{key_id}", "k_0").replace("{account_id}", "acc_0")
    for key in (None, "x", "key_" + "0" * 128):
        if (status := tenants.ask(method, at, key, address="198.51.100.9").status) not in (401, 429):
            yield f"with the key {key}: {status}"
    for key, scopes in _SCOPED.items():
        refused = tenants.ask(method, at, key).status == 403
        if refused is (needed in scopes):
            yield f"a key with {sorted(scopes)} was {'refused' if refused else 'let in'}"
