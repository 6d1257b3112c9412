"""Putting a server together, and taking it apart again."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refilm.assets.signing import Signer
from refilm.bootstrap.lending import pool_of_task, pools_of
from refilm.bootstrap.places import open_accounts, open_keyring, signing_pairs
from refilm.bootstrap.process import build, build_worker
from refilm.config import Settings
from refilm.engines.registry import Registry
from refilm.errors import NotFound, Unavailable
from refilm.net.policy import parse_allow
from refilm.runner import lockdown
from refilm.store.sqlite import SqliteStore


def test_a_new_folder_is_private_and_complete(tmp_path: Path):
    """A server makes its data folder, for its owner only, with rows, assets and a lock in it."""
    server = build(Settings(data=tmp_path / "new" / "data"))

    made = {path.name for path in (tmp_path / "new" / "data").iterdir()}
    server.close()

    assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700
    assert {"refilm.sqlite", "assets", "lock"} <= made
    assert server.accounts is not None


def test_a_server_can_be_built_again_after_close(tmp_path: Path):
    """Closing lets go of everything: the same folder can be served again at once, and what it held is there."""
    keys = []
    for _ in range(2):
        server = build(Settings(data=tmp_path))
        server.start()
        keys.append(server.accounts.create_key("ann"))
        callers = {server.accounts.authenticate(key).account for key in keys}
        server.close()

    assert len(callers) == 1


def test_a_second_server_on_the_folder_is_refused_until_the_first_is_closed(tmp_path: Path):
    """The lock on the folder says so before anything is touched, and it ends with the server."""
    first = build(Settings(data=tmp_path))

    with pytest.raises(Unavailable, match="Another Refilm server"):
        build(Settings(data=tmp_path))
    first.close()

    build(Settings(data=tmp_path)).close()


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({}, "an SQLite file belongs to one process"),
        ({"database_url": "postgresql://h/d"}, "assets that it shares"),
        ({"database_url": "postgresql://h/d", "assets_url": "file:///tmp/a", "workers": 0}, "at least 1"),
    ],
)
def test_a_worker_that_could_share_nothing_is_refused(tmp_path: Path, wish: dict[str, Any], sentence: str):
    """Why, and what to do instead; nothing is made or touched before."""
    with pytest.raises(Unavailable, match=sentence):
        build_worker(Settings(data=tmp_path / "data", **wish))

    assert not (tmp_path / "data").exists()


def test_a_server_that_shares_rows_but_no_assets_says_so(
    tmp_path: Path, postgres_url: str, caplog: pytest.LogCaptureFixture
):
    """It works, and warns that no other machine can help it."""
    build(Settings(data=tmp_path, database_url=postgres_url)).close()

    assert "set assets_url to share them" in caplog.text


def test_many_servers_share_a_database_and_none_is_called_like_another(tmp_path: Path, postgres_url: str):
    """Also on one machine and with one data folder; what each leaves behind when it ends is nothing."""
    settings = Settings(data=tmp_path, database_url=postgres_url, assets_url=(tmp_path / "assets").as_uri())
    servers = [build(settings), build(settings), build_worker(settings)]
    names = {server.queue.executor_id for server in servers}
    for server in servers:
        server.close()

    assert len(names) == 3
    assert list((tmp_path / "workers").iterdir()) == []


def test_an_engine_belongs_to_the_pool_of_its_devices(monkeypatch: pytest.MonkeyPatch):
    """GPUs and servers behind us have workers of their own; what is not installed any more fails where all can see."""
    registry = Registry()
    find = pool_of_task(registry)
    engine = registry.get("effects")

    assert pools_of(Settings(), registry) == ["cpu"]
    assert pools_of(Settings(pools="gpu,relay"), registry) == ["gpu", "relay"]
    assert (find("effects"), find("no such engine")) == ("cpu", "cpu")
    for device, pool in (("cuda", "gpu"), ("remote", "relay")):
        monkeypatch.setattr(engine, "capabilities", replace(engine.capabilities, devices=("cpu", device)))
        assert pools_of(Settings(), registry) == [pool]


@pytest.mark.parametrize(
    ("wish", "error"),
    [({"engine": "nobody"}, NotFound), ({"routes": {"aleph2": "nobody"}}, NotFound), ({"engines": ()}, NotFound)],
)
def test_a_missing_engine_is_told_at_the_start_and_nothing_stays_locked(tmp_path: Path, wish, error):
    """An engine that is not installed or not allowed is named; afterwards the folder can be served."""
    with pytest.raises(error, match="no engine named"):
        build(Settings(data=tmp_path, **wish))

    build(Settings(data=tmp_path)).close()


def test_a_machine_that_cannot_lock_children_is_refused_unless_told_otherwise(tmp_path: Path, monkeypatch):
    """Where the kernel lacks a control, `require` refuses to start and names the one setting; the others start."""
    monkeypatch.setattr(lockdown, "_landlock_version", lambda: 0)

    with pytest.raises(Unavailable, match=r"lacks: landlock.*REFILM_SANDBOX=best-effort"):
        build(Settings(data=tmp_path, sandbox="require"))

    for sandbox in ("best-effort", "off"):
        build(Settings(data=tmp_path, sandbox=sandbox)).close()


def test_children_are_kept_for_the_engines_that_work_here(tmp_path: Path, monkeypatch):
    """One child for two cores and one for probes; else as the settings say, and none beyond what can run here."""
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    kept = []
    for wish in (
        {"workers": 3},
        {"workers": 1},
        {"workers": 3, "spares": 5},
        {"workers": 0},
        {"workers": 3, "spares": 0},
    ):
        server = build(Settings(data=tmp_path, **wish))
        kept.append(server.runner._spares._wanted)
        server.close()

    assert kept == [
        {"effects": 2, None: 1},
        {"effects": 1, None: 1},
        {"effects": 3, None: 1},
        {None: 1},
        {"effects": 0, None: 0},
    ]


def test_a_foreign_schema_is_refused_and_nothing_stays_locked(tmp_path: Path):
    """A database of another version is refused; the lock and the file are let go."""
    SqliteStore(tmp_path / "refilm.sqlite").close()
    store = SqliteStore(tmp_path / "refilm.sqlite")
    store.write(lambda tx: tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '77'")).result(10)
    store.close()

    for _ in range(2):
        with pytest.raises(Unavailable, match="schema 77"):
            build(Settings(data=tmp_path))


def test_keys_can_be_made_beside_a_running_server(tmp_path: Path):
    """Commands open the accounts of a folder that is being served; the server knows the key at once."""
    server = build(Settings(data=tmp_path))

    with open_accounts(Settings(data=tmp_path)) as beside:
        secret = beside.create_key("ann")
    caller = server.accounts.authenticate(secret)

    server.close()
    assert caller.account


def test_the_signing_key_is_made_once(store):
    """URLs that were signed before a restart stay valid after it."""
    ((key_id, secret),) = first = signing_pairs(store)

    assert (key_id, len(secret)) == ("signing-1", 32)
    assert signing_pairs(store) == first


def test_a_running_server_follows_a_rotation(tmp_path: Path):
    """It verifies with the new key at its next look, signs with it a minute later, and the old links go on."""
    server = build(Settings(data=tmp_path, workers=0))
    signer, path = server.signer, "/files/outputs/x"
    old = signer.sign("GET", path, 2_000_000_000)
    with open_keyring(Settings(data=tmp_path)) as keyring:
        key, dropped = keyring.rotate()

    signer.take(signing_pairs(server.store))

    assert (key.id, dropped) == ("signing-2", [])
    assert signer.sign("GET", path, 2_000_000_000) == old
    signer.verify("GET", path, Signer([(key.id, key.secret)]).sign("GET", path, 9), 8)
    signer.verify("GET", path, old, 0)
    server.close()


@pytest.mark.parametrize("text", ["host", "cidr=everywhere", "port=x", ""])
def test_a_bad_extra_source_stops_the_start(tmp_path: Path, text: str):
    """A source that cannot be understood is an error when the server is built, and leaves nothing locked."""
    if text:
        with pytest.raises(ValueError):
            parse_allow(text, None)
        with pytest.raises(ValueError):
            build(Settings(data=tmp_path, fetch_allow=(text,)))

    build(Settings(data=tmp_path)).close()


@pytest.mark.parametrize(
    "settings",
    [
        {"egress_proxy": "proxy.lan"},
        {"endpoint_allow": ("host=llm.lan",), "chat_url": "http://llm.lan/v1"},
        {"endpoint_allow": ("host=llm.lan cidr=10.0.0.0/8",), "chat_url": "http://llm.lan/v1"},
        {"endpoint_allow": ("host=llm.lan cidr=10.0.0.0/8",), "egress_proxy": "http://ann:sesame@proxy.lan:3128"},
    ],
)
def test_a_place_that_the_operator_does_not_allow_stops_the_start(tmp_path: Path, settings):
    """A proxy or an endpoint that is unclear, or not on the operator's list, is told when the server is built."""
    with pytest.raises(ValueError) as told:
        build(Settings(data=tmp_path, **settings))

    assert "sesame" not in str(told.value)
    build(Settings(data=tmp_path, egress_proxy="http://proxy.lan:3128")).close()


def test_a_bucket_that_cannot_be_used_is_told_at_the_start_and_nothing_stays_locked(tmp_path: Path, s3_settings):
    """A server that could keep nothing is not built; with the right bucket the same folder can be served."""
    with pytest.raises(Unavailable, match="no such bucket"):
        build(Settings(data=tmp_path, **{**s3_settings, "assets_url": "s3://no-such-bucket/x"}))

    build(Settings(data=tmp_path, **s3_settings)).close()
