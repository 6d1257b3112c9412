"""Keys and accounts over HTTP: for whom, what is told once, and what is noted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract_server import VERSION, ContractServer

from refilm.domain.account import KeyScope, NewKey

KEYS, ACCOUNTS = "/refilm/v1/admin/keys", "/refilm/v1/admin/accounts"


@pytest.fixture(scope="module")
def server(contract_server: ContractServer) -> ContractServer:
    """The server, with keys of each scope."""
    for name in KeyScope:
        wanted = NewKey("operator", name, frozenset({name}))
        contract_server.keys[name] = contract_server.server.accounts.issue(wanted)[1]
    return contract_server


def made(server: ContractServer, **body: Any) -> dict[str, Any]:
    """A new key, as its only answer tells it."""
    answer = server.send("POST", KEYS, key="admin", json={"account": "made", **body})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def listed(server: ContractServer, **query: str) -> list[dict[str, Any]]:
    """The keys that the list has."""
    found: list[dict[str, Any]] = server.send("GET", KEYS, key="admin", params=query).json()["keys"]
    return found


def noted(server: ContractServer, event: str) -> list[dict[str, Any]]:
    """What the audit log says of an event."""
    lines = (server.server.settings.data / "audit.jsonl").read_text("utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == event]


def test_a_key_lives_from_its_one_answer_to_its_revocation(server: ContractServer) -> None:
    """Its secret is told once, works, is in no list, and ends with the DELETE, which works once."""
    key = made(server, name="ci", expiresAt="2999-01-01T00:00:00+01:00", priority=5)
    server.keys["made"] = secret = key.pop("secret")
    assert (key["name"], key["scopes"], key["priority"]) == ("ci", ["create", "read"], 5)
    assert (key["expiresAt"], key["revokedAt"], key["lastUsedAt"]) == ("2998-12-31T23:00:00.000Z", None, None)

    assert server.send("GET", "/v1/organization", key="made", headers=VERSION).status_code == 200
    server.server.store.write(lambda tx: None).result()  # behind what nobody waited for
    (row,) = [row for row in listed(server) if row["id"] == key["id"]]
    assert row["lastUsedAt"]
    assert secret not in server.send("GET", KEYS, key="admin").text
    assert [row["id"] for row in listed(server, account=key["account"])][-1] == key["id"]

    assert server.send("DELETE", f"{KEYS}/{key['id']}", key="admin").status_code == 204
    assert server.send("DELETE", f"{KEYS}/{key['id']}", key="admin").status_code == 404
    assert server.send("GET", "/v1/organization", key="made", headers=VERSION).status_code == 401


def test_an_account_changes_as_asked(server: ContractServer) -> None:
    """Tier and credits, each by itself; null takes away; an unknown account is not found."""
    account = made(server, account="changing")["account"]
    place = f"{ACCOUNTS}/{account}"

    def changed(**body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = server.send("PATCH", place, key="admin", json=body).json()
        return answer

    assert changed(tier="3", credits=70)["credits"] == 70
    assert changed(credits=None)["tier"] == "3"
    assert changed(tier=None)["tier"] is None
    (row,) = [row for row in server.send("GET", ACCOUNTS, key="admin").json()["accounts"] if row["id"] == account]
    assert (row["name"], row["tier"], row["credits"]) == ("changing", None, None)
    assert server.send("PATCH", f"{ACCOUNTS}/acc_0", key="admin", json={"credits": 1}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "issue"),
    [
        ("POST", KEYS, {}, ["account"]),
        ("POST", KEYS, {"account": ""}, ["account"]),
        ("POST", KEYS, {"account": "a\u0007b"}, ["account"]),
        ("POST", KEYS, {"account": "a", "scopes": []}, ["scopes"]),
        ("POST", KEYS, {"account": "a", "scopes": ["read", "root"]}, ["scopes", 1]),
        ("POST", KEYS, {"account": "a", "expiresAt": "2020-01-01T00:00:00Z"}, ["expiresAt"]),
        ("POST", KEYS, {"account": "a", "expiresAt": "2030-01-01T00:00:00"}, ["expiresAt"]),
        ("POST", KEYS, {"account": "a", "priority": 101}, ["priority"]),
        ("POST", KEYS, {"account": "a", "secret": "x"}, []),
        ("PATCH", ACCOUNTS + "/acc_0", {}, []),
        ("PATCH", ACCOUNTS + "/acc_0", {"tier": "gold"}, ["tier"]),
        ("PATCH", ACCOUNTS + "/acc_0", {"credits": -1}, ["credits"]),
        ("GET", KEYS + "?acount=x", None, ["query"]),
    ],
)
def test_what_means_nothing_is_refused(
    server: ContractServer, method: str, path: str, body: Any, issue: list[Any]
) -> None:
    """400 as a problem, with the place of what is wrong."""
    answer = server.send(method, path, key="admin", **({} if body is None else {"json": body}))

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert [found["path"] for found in answer.json()["issues"]] == [issue]


@pytest.mark.parametrize(
    ("key", "opens"),
    [("read", {"read"}), ("create", {"create"}), ("admin", {"admin"}), ("owner", {"read", "create"})],
)
def test_a_key_opens_what_its_scopes_say(server: ContractServer, key: str, opens: set[str]) -> None:
    """Elsewhere 403: in a dialect with its docUrl, under /refilm as a problem; the sentence names the scope."""
    calls = {
        "read": [("GET", "/v1/organization"), ("GET", "/refilm/v1/tasks"), ("GET", "/runwayml/v1/tasks/x")],
        "create": [("DELETE", "/v1/tasks/x"), ("POST", "/v1/uploads"), ("POST", "/v1/video_to_video")],
        "admin": [("GET", KEYS), ("DELETE", f"{KEYS}/k_0")],
    }
    for scope, asked in calls.items():
        for method, path in asked:
            answer = server.send(method, path, key=key, headers=VERSION)
            assert (answer.status_code == 403) is (scope not in opens), (path, answer.text)
            if answer.status_code == 403:
                body = answer.json()
                assert f"scope {scope}" in body.get("error", body.get("detail"))
                assert ("docUrl" in body) is not path.startswith("/refilm")


def test_what_was_done_is_noted_and_nothing_of_what_it_was_about(server: ContractServer) -> None:
    """Who, what, when, with what outcome, for keys, accounts, tasks and missing scopes; no prompt, URL or name."""
    key = made(server, name="noted-name", account="noted-account")
    server.send("PATCH", f"{ACCOUNTS}/{key['account']}", key="admin", json={"credits": 1})
    server.send("DELETE", f"{KEYS}/{key['id']}", key="admin")
    server.send("DELETE", f"{KEYS}/{key['id']}", key="admin")
    body = {"model": "gen4_aleph", "videoUri": server.values["video"], "promptText": "a secret wish"}
    task_id = server.send("POST", "/v1/video_to_video", json=body, headers=VERSION).json()["id"]
    server.send("DELETE", f"/v1/tasks/{task_id}", headers=VERSION)
    server.send("GET", KEYS, key="owner")

    admin = server.server.accounts.authenticate(server.keys["admin"])
    (created,) = [line for line in noted(server, "key.create") if line.get("target") == key["id"]]
    assert (created["outcome"], created["account"], created["key"]) == ("ok", admin.account, admin.key_id)
    assert created["address"] == "127.0.0.1"
    revoked = [line["outcome"] for line in noted(server, "key.revoke") if line["target"] == key["id"]]
    assert revoked == ["ok", "NotFound"]
    assert [line["target"] for line in noted(server, "account.change")][-1] == key["account"]
    for event in ("task.create", "task.delete"):
        assert [line["outcome"] for line in noted(server, event) if line.get("target") == task_id] == ["ok"]
    assert (noted(server, "access")[-1]["outcome"], noted(server, "access")[-1]["target"]) == ("Forbidden", "admin")
    text = (server.server.settings.data / "audit.jsonl").read_text("utf-8")
    for told in ("secret wish", "runway://", "noted-name", "noted-account", key["secret"], server.keys["admin"]):
        assert told not in text
