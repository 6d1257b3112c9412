"""R15: secrets that are planted everywhere, and then looked for wherever they must not be.

    python campaigns/r15_secrets.py [--database sqlite|postgres] [--seed 1]

A real server at log level debug is given credentials in all its settings, and requests with secrets in every place
that a client can write to: headers, paths, queries, bodies that are no JSON, forms, file names, prompts, URLs, the
words inside a clip. Every endpoint refuses in every way that it can, tasks fail in every way that they can, the
server's own code is made to break, and the database goes away. Then the logs, all answers, the audit log, what commands
print, and the rows are searched. The same is done with logs as JSON and as text. Ends with one line of verdict and
exit code 0 for a pass.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import psycopg
from hostile import EchoingProxy
from https_source import HttpsSource
from place import Database, Host, campaign_python, database, leave_nothing_behind
from planted import Kind, Planted
from server_process import environment
from traffic import ROUTES

from refilm.bootstrap.places import open_accounts
from refilm.config import Settings
from refilm.domain.account import USUAL_SCOPES, KeyScope, NewKey
from refilm.testing import make_clip

VERSION = {"X-Runway-Version": "2024-11-06"}
TERMINAL = {"SUCCEEDED", "FAILED", "CANCELLED"}
#: How long a task may take, in seconds.
PATIENCE = 120
#: Wrong keys that one address may send; fewer than this campaign sends.
TRIES = 60


@dataclass
class Wishes:
    """What a run shall do. forms: of the log.  keys: who is refused.  commands: whether those are run, too."""

    kind: str
    seed: int
    data: Path
    forms: tuple[str, ...] = ("json", "text")
    commands: bool = True
    keys: tuple[str, ...] = ("key", "admin", "reader")


@dataclass
class Found:
    """What went wrong, and what was searched."""

    wrong: list[str] = field(default_factory=list)
    secrets: int = 0
    answers: int = 0
    statuses: set[int] = field(default_factory=set)
    lines: int = 0
    tasks: set[str] = field(default_factory=set)
    commands: int = 0
    cells: int = 0

    def told(self) -> str:
        """What was searched, for the verdict."""
        return (
            f"{len(self.wrong)} leaks of {self.secrets} planted secrets in {self.answers} answers (statuses "
            f"{' '.join(map(str, sorted(self.statuses)))}), {self.lines} lines of log, {self.commands} commands, "
            f"{self.cells} cells of the database; tasks ended {', '.join(sorted(self.tasks))}"
        )


def run(wishes: Wishes) -> Found:
    """The whole campaign, once for each form of the log."""
    found = Found()
    for form in wishes.forms:
        with database(wishes.kind) as (more, server):
            folder = wishes.data / form
            folder.mkdir(parents=True)
            Trial(wishes, folder, form, more, server, found).run()
    return found


class Trial:
    """One server, everything that is done to it, and the search."""

    def __init__(
        self, wishes: Wishes, folder: Path, form: str, more: Mapping[str, str], base: Database | None, found: Found
    ) -> None:
        self._wishes = wishes
        self.planted = planted = Planted(wishes.seed)
        self.folder, self.found = folder, found
        self._base = base
        self._password = planted.credential("password of the database")
        url = more.get("REFILM_DATABASE_URL", "").replace("postgres:@", f"postgres:{self._password}@")
        self._more = {**more, **({"REFILM_DATABASE_URL": url} if url else {})}
        self._form = form
        clip = make_clip(folder / "clip.mp4", seconds=2, size=(64, 64))
        self.clip = marked(clip, folder / "marked.mp4", planted.content("title inside a clip"))

    def run(self) -> None:
        """Everything, and the search at its end."""
        with HttpsSource(self.folder, self.folder / "ca.pem") as source, EchoingProxy() as proxy:
            settings = self._settings(source, proxy)
            host = Host(self.folder / "data", settings)
            self.client = Client(host, self._rows(), self.planted, self.found)
            host.start()
            try:
                refuse_everywhere(self, self._wishes.keys)
                fail_tasks(self, source)
                break_the_server(self)
                lock_out(self)
            finally:
                host.stop()
                self.client.close()
            search_log(host.told().encode(), self)
            if self._wishes.commands:
                run_commands(self, settings)
            search_rows(self)
            search_folder(self)
        self.found.secrets = len(self.planted.secrets)

    def _rows(self) -> Settings:
        """Where the rows are, for this process."""
        return Settings(data=self.folder / "data", database_url=self._more.get("REFILM_DATABASE_URL"))

    def _settings(self, source: HttpsSource, proxy: EchoingProxy) -> dict[str, str]:
        new = self.planted.credential
        return {
            **self._more,
            "REFILM_LOG_LEVEL": "debug",
            "REFILM_LOG_FORMAT": self._form,
            "REFILM_ROUTES": ROUTES,
            "REFILM_WORKERS": "4",
            "REFILM_ENGINES": "campaign,effects",
            "REFILM_CHAT_URL": f"{proxy.url}/v1",
            "REFILM_CHAT_KEY": new("key of the chat model", "sk-"),
            "REFILM_EGRESS_PROXY": f"http://refilm:{new('password of the proxy')}@127.0.0.1:{proxy.port}",
            "REFILM_S3_ACCESS_KEY": "AKIAIOSFODNN7EXAMPLE",
            "REFILM_S3_SECRET_KEY": new("secret of the bucket"),
            "REFILM_FETCH_ALLOW": source.allow,
            "REFILM_FETCH_CA_FILE": str(source.ca_file),
            "REFILM_MAX_WRONG_KEYS": str(TRIES),
            "REFILM_MAX_BODY_BYTES": "200000",
            "REFILM_TIERS": '{"tiny": {"concurrent": 1, "daily": 1}}',
            "REFILM_PRICES": '{"gen4_aleph": 1}',
            "AWS_SECRET_ACCESS_KEY": new("secret in the environment"),
            "UPSTREAM_API_KEY": new("upstream key in the environment", "sk-"),
        }


def marked(clip: Path, to: Path, title: str) -> Path:
    """The clip with words inside."""
    import av

    with av.open(clip) as reading, av.open(to, "w") as writing:
        writing.metadata["title"] = writing.metadata["comment"] = title
        stream = writing.add_stream_from_template(reading.streams.video[0])
        for packet in reading.demux(reading.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                writing.mux(packet)
    return to


class Client:
    """Sends requests, and looks for secrets in every answer at once."""

    def __init__(self, host: Host, settings: Settings, planted: Planted, found: Found) -> None:
        """settings: where the rows are, in which the accounts are made."""
        self.host, self._planted, self._found = host, planted, found
        self._http = httpx2.Client(base_url=host.url, trust_env=False, timeout=30)
        usual, admin, reading = USUAL_SCOPES, frozenset({KeyScope.ADMIN}), frozenset({KeyScope.READ})
        with open_accounts(settings) as accounts:
            self.key, self.capped, self.poor, self.reader, self.admin = (
                planted.known(f"key of {account}, {len(scopes)}", accounts.issue(NewKey(account, scopes=scopes))[1])
                for account, scopes in (
                    ("owner", usual),
                    ("capped", usual),
                    ("poor", usual),
                    ("owner", reading),
                    ("boss", admin),
                )
            )
            accounts.set_tier("capped", "tiny")
            accounts.set_credits("poor", 0)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def send(
        self, method: str, path: str, key: str | None = None, *, may_tell: bool = False, **more: Any
    ) -> httpx2.Response:
        """One request. may_tell: whether the answer may hold what its owner wrote, or the secret that he asked for."""
        headers = {**VERSION, **more.pop("headers", {})}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        answer = self._http.request(method, path, headers=headers, **more)
        self._found.answers += 1
        self._found.statuses.add(answer.status_code)
        whole = answer.content + repr(list(answer.headers.raw)).encode()
        kinds = (Kind.CREDENTIAL,) if may_tell else tuple(Kind)
        for secret in self._planted.found_in(whole, kinds):
            self._found.wrong.append(f"{method} {path}: {answer.status_code} tells the {secret.name}")
        for sign in (
            b"Traceback",
            b'File "',
            b"sqlalchemy",
            b"SELECT ",
            b"site-packages",
            str(self.host.data).encode(),
        ):
            if sign in whole:
                self._found.wrong.append(f"{method} {path}: {answer.status_code} tells {sign!r}")
        return answer

    def create(self, prompt: str, uri: str, model: str = "gen4_aleph", key: str | None = None, **more: Any) -> Any:
        """A create; its answer as JSON."""
        body = {"model": model, "videoUri": uri, "promptText": prompt}
        return self.send("POST", "/v1/video_to_video", key or self.key, json=body, **more).json()

    def ended(self, task_id: str) -> Any:
        """The task once it has ended. Its failure may quote its prompt."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            task = self.send("GET", f"/v1/tasks/{task_id}", self.key, may_tell=True).json()
            if task["status"] in TERMINAL:
                self._found.tasks.add(task.get("failureCode", task["status"]))
                return task
            time.sleep(0.1)
        raise RuntimeError(f"task {task_id} did not end")

    def upload(self, name: str, content: bytes) -> str:
        """Upload a file; its URI. The signature of the slot is one more secret."""
        slot = self.send("POST", "/v1/uploads", self.key, may_tell=True, json={"filename": name, "type": "ephemeral"})
        fields, uri = slot.json()["fields"], str(slot.json()["runwayUri"])
        sent = self.send("POST", "/uploads", data=fields, files={"file": (name, content)})
        assert sent.status_code == 204, sent.text
        self._planted.known("signature of a filled slot", fields["signature"])
        return uri


# what a client can do wrong


def refuse_everywhere(trial: Trial, keys: Sequence[str]) -> None:
    """Every endpoint refuses in every way, with secrets in all places that a client can write to."""
    client, new = trial.client, trial.planted.credential
    document = client.send("GET", "/openapi.json").json()
    secrets = {
        name: new(name)
        for name in (
            "Basic password",
            "token of another scheme",
            "Authorization without a scheme",
            "key with something behind",
            "X-Api-Key",
            "cookie",
            "version header",
            "content type",
            "forwarded address",
            "user agent",
            "query parameter",
            "path",
            "body that is no JSON",
            "value of a doubled name",
            "value of an unknown member",
            "value of a wrong type",
            "body that is too large",
            "idempotency key that is refused",
        )
    }
    secrets["wrong key"] = trial.planted.known("wrong key", "key_" + new("half of a wrong key").encode().hex() * 2)
    # The name of a member is told, as the contract has it; a key that somebody put there is not.
    secrets["name of a member"] = trial.planted.known("key as the name of a member", "key_" + "5ec2e7" * 21)
    for path, methods in document["paths"].items():
        for method in methods:
            for headers in odd_headers(secrets):
                client.send(method.upper(), filled(path, secrets["path"]), headers=headers)
            send_odd_bodies(client, method.upper(), path, secrets, [getattr(client, name) for name in keys])
    for path in ("/", f"/v1/{secrets['path']}", f"/files/{secrets['path']}?signature={secrets['query parameter']}"):
        client.send("GET", path, client.key)
        client.send("TRACE", path, client.key)


def filled(path: str, word: str) -> str:
    """A path with a word in the place of its parameter."""
    return re.sub(r"\{[^}]*\}", word, path)


def odd_headers(secrets: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Headers that open nothing."""
    basic = base64.b64encode(f"refilm:{secrets['Basic password']}".encode()).decode()
    yield {"X-Api-Key": secrets["X-Api-Key"], "Cookie": f"session={secrets['cookie']}"}
    yield {"Authorization": f"Basic {basic}"}
    yield {"Authorization": f"Token {secrets['token of another scheme']}"}
    yield {"Authorization": secrets["Authorization without a scheme"]}
    yield {"Authorization": f"Bearer {secrets['key with something behind']} \t,"}
    yield {"Authorization": f"Bearer {secrets['wrong key']}", "User-Agent": secrets["user agent"]}


def send_odd_bodies(client: Client, method: str, path: str, secrets: Mapping[str, str], keys: Sequence[str]) -> None:
    """What is refused behind the key, by each key that can get so far."""
    there = filled(path, secrets["path"]) + f"?api_key={secrets['query parameter']}&limit={secrets['query parameter']}"
    json_type = {"Content-Type": "application/json"}
    for key in keys:
        client.send(method, there, key, headers={"X-Runway-Version": secrets["version header"]})
        client.send(method, there, key, headers={"X-Forwarded-For": secrets["forwarded address"]}, content=b"")
        if method in ("GET", "DELETE"):
            continue
        bodies = [
            f'{{"password": "{secrets["body that is no JSON"]}", ',
            f'{{"secret": 1, "secret": "{secrets["value of a doubled name"]}"}}',
            json.dumps({"unknown": secrets["value of an unknown member"], secrets["name of a member"]: 1}),
            json.dumps({"model": secrets["value of a wrong type"], "seed": secrets["value of a wrong type"]}),
            json.dumps({"model": "gen4_aleph", "videoUri": secrets["value of a wrong type"], "promptText": 7}),
            json.dumps({"model": "x" * 200_000 + secrets["body that is too large"]}),
        ]
        for body in bodies:
            client.send(method, there, key, headers=json_type, content=body)
        client.send(method, there, key, headers={"Content-Type": secrets["content type"]}, content=b"{}")
        odd = {**json_type, "Idempotency-Key": secrets["idempotency key that is refused"] * 20}
        client.send(method, there, key, headers=odd, content=b"{}")


# tasks that fail


def fail_tasks(trial: Trial, source: HttpsSource) -> None:
    """A task in every way that one can end, each with a secret in its prompt, and most with one in its URL."""
    client, word = trial.client, trial.planted.content
    video = client.upload(word("name of a file") + ".mp4", trial.clip.read_bytes())
    output = client.ended(client.create("copy", video)["id"])["output"][0]
    use_links(trial, output)
    ends = {
        "crash": client.create(f"shout {word('prompt of a crash')}, crash", video),
        "raise": client.create(f"raise {word('prompt of an exception')}", video),
        "refused": client.create(word("prompt that is refused"), video),
    }
    (trial.folder / "text.mp4").write_text(f"{word('bytes of a file that is no clip')} " * 100)
    data = base64.b64encode((trial.folder / "text.mp4").read_bytes()).decode()
    ends["interpreted"] = client.create(f"glorp the {word('clause for the chat model')}", video, model="aleph2")
    ends["no clip"] = client.create("copy", f"data:video/mp4;base64,{data}")
    for name, task in ends.items():
        assert client.ended(task["id"])["status"] == "FAILED", name
    for task_id in (task["id"] for task in ends.values()):
        client.send("GET", f"/refilm/v1/tasks/{task_id}", client.key, may_tell=True)
    client.upload(word("name of a file that is no clip"), (trial.folder / "text.mp4").read_bytes())
    refuse_urls(trial, source)
    cap(trial, video)


def use_links(trial: Trial, output: str) -> None:
    """A signed link, well used and badly."""
    client, parts = trial.client, urlsplit(output)
    signature = re.search(r"signature=([\w-]+)", parts.query)
    assert signature is not None
    trial.planted.known("signature of a link", signature[1])
    assert client.send("GET", f"{parts.path}?{parts.query}").status_code == 200
    client.send("GET", f"{parts.path}?{parts.query}", headers={"Range": "bytes=99999999-"})
    client.send("GET", f"{parts.path}?{parts.query}x")
    fields = {"key": trial.planted.credential("key of a form"), "signature": trial.planted.credential("signed form")}
    client.send(
        "POST", "/uploads", data=fields, files={"file": (trial.planted.content("form's file name"), b"x" * 600)}
    )
    client.send("POST", "/uploads", data={}, headers={"Content-Type": "multipart/form-data; boundary=x"})


def refuse_urls(trial: Trial, source: HttpsSource) -> None:
    """Inputs by URL that cannot be had, with secrets in all parts of the URL."""
    client, new, word = trial.client, trial.planted.credential, trial.planted.content
    token, user = new("token in a query"), new("password in a URL")
    for uri in (
        f"https://{source.host}:{source.port}/{word('path of a URL')}.mp4?token={token}&X-Amz-Signature={token}",
        f"https://refilm:{user}@{source.host}:{source.port}/clip.mp4",
        f"https://host.invalid/clip.mp4?token={token}",
        f"https://127.0.0.1/{quote(word('path on an address'))}?sig={token}",
        f"http://{source.host}/{token}",
        f"runway://{word('upload that never was')}",
        f"data:video/mp4;base64,{word('data that is no base64')}!",
        f"ftp://{word('host of another scheme')}/",
    ):
        answer = client.send(
            "POST",
            "/v1/video_to_video",
            client.key,
            json={"model": "gen4_aleph", "videoUri": uri, "promptText": word(f"prompt beside {uri[:9]}")},
        )
        assert answer.status_code == 400, (uri, answer.text)


def cap(trial: Trial, video: str) -> None:
    """One task too many, and one too dear."""
    client = trial.client
    data = "data:video/mp4;base64," + base64.b64encode(trial.clip.read_bytes()).decode()
    for key, status in ((client.capped, 429), (client.poor, 400)):
        prompt = trial.planted.content(f"prompt that is refused with {status}")
        for _ in range(2):
            body = {"model": "gen4_aleph", "videoUri": data, "promptText": prompt}
            answer = client.send("POST", "/v1/video_to_video", key, json=body)
        assert answer.status_code == status, answer.text
    stranger = {"model": "gen4_aleph", "videoUri": video, "promptText": trial.planted.content("prompt of a stranger")}
    client.send("POST", "/v1/video_to_video", client.poor, json=stranger)


# the server's own faults


def break_the_server(trial: Trial) -> None:
    """A row that our own code cannot read, and a database that goes away."""
    client = trial.client
    task = client.create(trial.planted.content("prompt of a broken row"), the_upload(trial))
    client.ended(task["id"])
    change(trial, "UPDATE tasks SET status = '{}' WHERE id = '{}'", trial.planted.content("broken row"), task["id"])
    for path in (f"/v1/tasks/{task['id']}", f"/refilm/v1/tasks/{task['id']}", "/refilm/v1/tasks"):
        assert client.send("GET", path, client.key).status_code == 500
    change(trial, "UPDATE tasks SET status = '{}' WHERE id = '{}'", "FAILED", task["id"])
    if trial._base is None:
        return
    trial._base.stop()
    for method, path in (("GET", f"/v1/tasks/{task['id']}"), ("GET", "/v1/organization"), ("GET", "/ready")):
        assert client.send(method, path, client.key).status_code == 503
    prompt = trial.planted.content("prompt while the database is away")
    body = {"model": "gen4_aleph", "videoUri": the_data(trial), "promptText": prompt}
    assert client.send("POST", "/v1/video_to_video", client.key, json=body).status_code == 503
    time.sleep(2)
    trial._base.start()


def the_upload(trial: Trial) -> str:
    """One more upload of the marked clip."""
    return trial.client.upload("clip.mp4", trial.clip.read_bytes())


def the_data(trial: Trial) -> str:
    """The marked clip as a data URI."""
    return "data:video/mp4;base64," + base64.b64encode(trial.clip.read_bytes()).decode()


def change(trial: Trial, statement: str, *values: str) -> None:
    """Change a row behind the server's back."""
    sql = statement.format(*values)
    if trial._base is None:
        with contextlib.closing(sqlite3.connect(trial.folder / "data" / "refilm.sqlite", timeout=30)) as connection:
            connection.execute(sql)
            connection.commit()
        return
    with psycopg.connect(trial._base.url) as connection:
        connection.execute(sql.encode())


def lock_out(trial: Trial) -> None:
    """Wrong keys until the address is closed, then one more."""
    secret = trial.planted.known("key after the lockout", "key_" + "10c4ed" * 21)
    for _ in range(TRIES + 1):
        answer = trial.client.send("GET", "/v1/organization", secret)
    assert answer.status_code == 429, answer.text


# the search


def search_log(log: bytes, trial: Trial) -> None:
    """What the server wrote while all this happened."""
    found = trial.found
    found.lines += log.count(b"\n")
    for secret in trial.planted.found_in(log):
        place = next(line for line in log.splitlines() if any(s in line for s in secret.spellings()))
        found.wrong.append(f"the {trial._form} log tells the {secret.name}: {place[:300]!r}")
    for needed in (b"request_failed", b"task started", b"attempt broke off"):
        if needed not in log:
            found.wrong.append(f"the {trial._form} log does not say {needed.decode()!r}: this run proves nothing")


def run_commands(trial: Trial, settings: Mapping[str, str]) -> None:
    """What commands print, on a machine where nothing is as it should be, too."""
    away = {
        "REFILM_DATABASE_URL": f"postgresql://refilm:{trial.planted.credential('password in a bad URL')}@127.0.0.1:1/x"
    }
    no_bucket = {"REFILM_ASSETS_URL": "s3://no-bucket/x", "REFILM_S3_ENDPOINT": "http://127.0.0.1:1"}
    secret = trial.planted.credential("password of a misspelt setting")
    misspelt = {
        "REFILM_CHAT_URL": f"http://refilm:{secret}@127.0.0.1/v1?key={secret}",
        "REFILM_EGRESS_PROXY": f"socks5://refilm:{secret}@127.0.0.1",
        "REFILM_DATABASE_URL": f"mysql://refilm:{secret}@127.0.0.1/x",
        "REFILM_ENDPOINT_ALLOW": f"host=127.0.0.1 password={secret}",
        "REFILM_S3_ENDPOINT": f"https://refilm:{secret}@s3.test",
        "REFILM_FILES_URL": f"https://refilm:{secret}@files.test",
    }
    serve = "serve --port 0"
    runs: list[tuple[str, Mapping[str, str]]] = [
        *(
            (words, {})
            for words in ("doctor", "keys list", "signing list", "db check", "engines", "keys revoke nobody")
        ),
        *((words, {**away}) for words in ("doctor", "keys list", "db check", "db upgrade", serve)),
        *((words, {**no_bucket}) for words in ("doctor", serve)),
        *((serve, {name: value}) for name, value in misspelt.items()),
    ]
    for words, more in runs:
        run_command(trial, words, {**settings, **more})


def run_command(trial: Trial, words: str, settings: Mapping[str, str]) -> None:
    """One command, and the search in what it said."""
    command = [campaign_python(), "-m", "refilm", *words.split()]
    whole = {**environment(settings), "REFILM_DATA": str(trial.folder / "data")}
    done = subprocess.run(command, capture_output=True, timeout=120, env=whole, stdin=subprocess.DEVNULL)
    trial.found.commands += 1
    if words.startswith("serve") and done.returncode == 0:
        trial.found.wrong.append("a server with settings that cannot be used has started")
    for secret in trial.planted.found_in(done.stdout + done.stderr, [Kind.CREDENTIAL]):
        trial.found.wrong.append(f"refilm {words} tells the {secret.name}: {(done.stdout + done.stderr)[-300:]!r}")


def search_rows(trial: Trial) -> None:
    """The rows: what opens something is in none, but for the secrets that sign links, in their own table."""
    cells = dict(rows(trial))
    trial.found.cells += sum(len(values) for values in cells.values())
    signing = [bytes(value) for value in cells.pop("secrets.value")]
    for number, value in enumerate(signing):
        trial.planted.known(f"signing key {number}", value.hex())
    for column, values in cells.items():
        whole = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
        for secret in trial.planted.found_in(whole, [Kind.CREDENTIAL]):
            trial.found.wrong.append(f"{column} holds the {secret.name}")
        if any(value in whole for value in signing):
            trial.found.wrong.append(f"{column} holds a signing key")


def rows(trial: Trial) -> Iterator[tuple[str, list[Any]]]:
    """Every column of every table with its values."""
    if trial._base is None:
        with contextlib.closing(sqlite3.connect(trial.folder / "data" / "refilm.sqlite")) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                yield from columns_of(connection.execute(f'SELECT * FROM "{table}"'), table)  # noqa: S608
        return
    listed = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN (%s, %s)"
    with psycopg.connect(trial._base.url) as connection:
        for schema, table in connection.execute(listed, ("pg_catalog", "information_schema")).fetchall():
            yield from columns_of(connection.execute(f'SELECT * FROM "{schema}"."{table}"'.encode()), table)  # noqa: S608


def columns_of(answer: Any, table: str) -> Iterator[tuple[str, list[Any]]]:
    """The columns of one answer."""
    names, found = [column[0] for column in answer.description], answer.fetchall()
    for at, name in enumerate(names):
        yield f"{table}.{name}", [row[at] for row in found if row[at] is not None]


def search_folder(trial: Trial) -> None:
    """The data folder: the audit log tells nothing at all, other files nothing that opens anything."""
    data = trial.folder / "data"
    audit = (data / "audit.jsonl").read_bytes()
    for secret in trial.planted.found_in(audit):
        trial.found.wrong.append(f"the audit log tells the {secret.name}")
    for file in sorted(data.rglob("*")):
        if file.is_file() and not file.name.startswith("ballast"):
            for secret in trial.planted.found_in(file.read_bytes(), [Kind.CREDENTIAL]):
                trial.found.wrong.append(f"{file.relative_to(data)} holds the {secret.name}")


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="refilm-r15-"))
    found = run(Wishes(options.database, options.seed, data))
    print(f"R15 {options.database}: {'FAIL' if found.wrong else 'PASS'}  {found.told()}; seed {options.seed}")
    print("\n".join(f"  wrong: {fault}" for fault in dict.fromkeys(found.wrong)))
    shutil.rmtree(data, ignore_errors=True)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
