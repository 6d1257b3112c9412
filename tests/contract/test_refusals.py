"""Every way to be refused that the reference names is brought about: its status, its class, a sentence that is safe."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from contract_server import VERSION, ContractServer

from refilm.api import refusals
from refilm.api.refusals import REFUSALS, Refusal
from refilm.domain.account import KeyScope, NewKey
from refilm.errors import Unavailable

TRIES = 5
#: Of one key: two a second, and ten seconds' worth at once.
WRITES = 20
ENCODED = {**VERSION, "content-type": "application/json", "content-encoding": "gzip"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContractServer]:
    """A server of its own, whose caps are low and whose rows may be spoilt."""
    caps = {
        "max_body_bytes": 20_000,
        "max_wrong_keys": TRIES,
        "max_waiting_tasks": 2,
        "max_writes_per_second": WRITES / 10,
    }
    made = ContractServer(tmp_path_factory.mktemp("refusals"), prices={"gen4_aleph": 1.0}, **caps)
    yield made
    made.close()


def create(server: ContractServer, key: str = "owner", prompt: str = "warmer") -> httpx2.Response:
    body = {"model": "gen4_aleph", "videoUri": server.values["video_data"], "promptText": prompt}
    return server.send("POST", "/v1/video_to_video", key=key, json=body, headers=VERSION)


def scopeless(server: ContractServer) -> httpx2.Response:
    secret = server.server.accounts.issue(NewKey("reader", scopes=frozenset({KeyScope.READ})))[1]
    server.keys["reader"] = secret
    return create(server, "reader")


def poor(server: ContractServer) -> httpx2.Response:
    server.keys["poor"] = server.server.accounts.create_key("poor")
    server.server.accounts.set_credits("poor", 0)
    return create(server, "poor")


def capped(server: ContractServer) -> httpx2.Response:
    server.keys["busy"] = server.server.accounts.create_key("busy")
    for _ in range(3):
        answer = create(server, "busy")
    return answer


def locked_out(server: ContractServer) -> httpx2.Response:
    for _ in range(TRIES + 1):
        answer = server.send("GET", "/v1/organization", key=None, headers={"authorization": "Bearer key_" + "0" * 128})
    return answer


def hurried(server: ContractServer) -> httpx2.Response:
    server.keys["hurried"] = server.server.accounts.create_key("hurried")
    for _ in range(WRITES + 1):
        answer = server.send("POST", "/v1/uploads", key="hurried", json={})
    return answer


def broken(server: ContractServer) -> httpx2.Response:
    task = server.task("PENDING")
    with closing(sqlite3.connect(Path(server.server.settings.data) / "refilm.sqlite")) as rows:
        rows.execute("UPDATE tasks SET status = 'a word of a stranger' WHERE id = ?", (task.id,))
        rows.commit()
    return server.send("GET", f"/v1/tasks/{task.id}", headers=VERSION)


def database_away(server: ContractServer) -> httpx2.Response:
    def away(*_: object) -> None:
        raise Unavailable("The database cannot be reached or written at the moment.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(server.server.store), "write", away)
        patched.setattr(type(server.server.store), "insert_task", away)
        return create(server)


def disk_full(server: ContractServer) -> httpx2.Response:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(server.server.room, "_least", 1 << 60)
        return create(server)


#: How each row comes about, by status and class.
WAYS: dict[tuple[int, str], Callable[[ContractServer], httpx2.Response]] = {
    (400, "InvalidRequest"): lambda s: create(s, prompt=""),
    (400, "VersionRefused"): lambda s: s.send("GET", "/v1/tasks/x", headers={"x-runway-version": "2020-01-01"}),
    (400, "OutOfCredits"): poor,
    (401, "Refused"): lambda s: s.send("GET", "/v1/organization", key=None),
    (403, "Forbidden"): scopeless,
    (403, "Refused"): lambda s: s.send("GET", "/files/outputs/x/1.mp4?signature=y", key=None),
    (404, "NotFound"): lambda s: s.send("GET", "/v1/tasks/x", headers=VERSION),
    (404, "NoSuchRoute"): lambda s: s.send("GET", "/v2/tasks"),
    (405, "MethodNotAllowed"): lambda s: s.send("PUT", "/v1/organization"),
    (413, "BodyTooLarge"): lambda s: create(s, prompt="x" * 30_000),
    (415, "EncodedBody"): lambda s: s.send("POST", "/v1/uploads", content=b"{}", headers=ENCODED),
    (429, "CapReached"): capped,
    (429, "TooManyTries"): locked_out,
    (429, "TooManyRequests"): hurried,
    (500, "Fault"): broken,
    (503, "Unavailable"): database_away,
    (503, "StorageFull"): disk_full,
}


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.status}-{row.raised.__name__}")
def test_every_refusal_comes_about(row: Refusal, server: ContractServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its status, by its class, and with one sentence that shows nothing of the inside."""
    raised: list[str] = []
    for kind in {row.raised, refusals.Fault}:
        note(kind, raised, monkeypatch)

    answer = WAYS[row.status, row.raised.__name__](server)

    assert answer.status_code == row.status, answer.text
    assert row.raised.__name__ in raised
    assert len(answer.json()["error"]) > 10
    for sign in ("Traceback", 'File "', "sqlite", "SELECT", "stranger", str(server.server.settings.data)):
        assert sign not in answer.text


def note(kind: type[Exception], raised: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember that an error of this kind was made."""
    made = kind.__init__

    def noting(self: Exception, *arguments: object, **more: object) -> None:
        raised.append(type(self).__name__)
        made(self, *arguments, **more)

    monkeypatch.setattr(kind, "__init__", noting)


def test_every_row_has_its_way() -> None:
    """A row that is added needs a way that brings it about."""
    assert {(row.status, row.raised.__name__) for row in REFUSALS} == set(WAYS)
