"""`refilm db` as a person types it: what it says, what it changes, and its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from refilm.bootstrap.places import queue_engine
from refilm.bootstrap.process import build
from refilm.cli import main
from refilm.config import Settings
from refilm.queue import check_tables
from refilm.store import migrations
from refilm.store.schema import HEAD, schema_of
from refilm.store.tables import metadata

Refilm = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings of an empty database of each kind, as the environment names them to the command."""
    for name in [name for name in os.environ if name.startswith("REFILM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REFILM_DATA", str(tmp_path / "data"))
    if request.param == "postgres":
        monkeypatch.setenv("REFILM_DATABASE_URL", request.getfixturevalue("postgres_url"))
    return Settings()


@pytest.fixture
def engine(served: Settings) -> Iterator[sa.Engine]:
    """The database itself."""
    engine = queue_engine(served)
    yield engine
    engine.dispose()


@pytest.fixture
def refilm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refilm:
    """refilm("db", "check") -> exit status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["refilm", *arguments])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def make_old(engine: sa.Engine) -> None:
    """The database as the first revision left it, empty."""
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")


def test_check_of_nothing_says_how_it_begins(refilm: Refilm, served: Settings):
    """No database, or an empty one: exit status 1 and one sentence; nothing is made by asking."""
    status, out, err = refilm("db", "check")

    assert (status, out) == (1, "")
    assert "refilm db upgrade" in err
    assert err.count("\n") == 1
    assert not served.data.exists()


def test_upgrade_makes_all_that_a_server_needs(refilm: Refilm, served: Settings, engine: sa.Engine):
    """Our tables and the durable queue's are there afterwards; the check agrees; a second upgrade finds them."""
    assert refilm("db", "upgrade")[:2] == (0, f"The database was empty; its tables are made, at schema {HEAD}.\n")

    check_tables(engine)
    assert refilm("db", "check")[:2] == (0, f"The database is at schema {HEAD}, as this version needs it.\n")
    status, out, _ = refilm("db", "upgrade")
    assert status == 0
    assert "nothing to do" in out


def test_an_older_database_is_told_and_upgraded(refilm: Refilm, served: Settings, engine: sa.Engine):
    """check names the command that mends it, and that command mends it."""
    refilm("db", "upgrade")
    make_old(engine)

    status, out, err = refilm("db", "check")
    assert (status, out) == (1, "")
    assert f"0001, this one needs {HEAD}" in err
    assert "refilm db upgrade" in err
    assert refilm("db", "upgrade")[:2] == (0, f"The database was at schema 0001 and is at {HEAD} now.\n")

    assert refilm("db", "check")[0] == 0


def test_a_queue_without_tables_is_told(refilm: Refilm, served: Settings, engine: sa.Engine):
    """Keys may have been made before any server ran: our tables are there and the durable queue's are not."""
    refilm("keys", "create", "ann")

    status, out, err = refilm("db", "check")

    assert (status, out) == (1, "")
    assert "durable queue are missing" in err
    assert refilm("db", "upgrade")[0] == 0
    assert refilm("db", "check")[0] == 0


def test_a_served_folder_is_not_upgraded_under_its_server(refilm: Refilm, tmp_path: Path, monkeypatch):
    """An SQLite file belongs to the server that holds its folder."""
    monkeypatch.setenv("REFILM_DATA", str(tmp_path))
    server = build(Settings())

    status, _, err = refilm("db", "upgrade")

    server.close()
    assert status == 1
    assert "Another Refilm server" in err


def test_a_server_upgrades_its_own_file_and_no_shared_database(served: Settings, refilm: Refilm, engine: sa.Engine):
    """On SQLite nobody else can be at work, so the start upgrades; on PostgreSQL others may be, so it refuses."""
    refilm("db", "upgrade")
    make_old(engine)

    if served.database_url is None:
        build(served).close()

        assert (served.data / f"refilm.sqlite.before-{HEAD}").exists()
        expected = HEAD
    else:
        with pytest.raises(Exception, match=r"Stop the servers and workers.*refilm db upgrade"):
            build(served)
        expected = "0001"
    with engine.connect() as connection:
        assert schema_of(connection).revision == expected


def test_a_server_needs_no_right_to_change_the_schema(
    refilm: Refilm, postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """After `db upgrade` by another role, one that may only read and write rows serves: it starts and admits work."""
    monkeypatch.setenv("REFILM_DATABASE_URL", postgres_url)
    monkeypatch.setenv("REFILM_DATA", str(tmp_path))
    refilm("db", "upgrade")
    engine = queue_engine(Settings())
    name = f"server_{engine.url.database}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA public, dbos TO {name}")
        for schema in ("public", "dbos"):
            for right, what in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES")):
                connection.exec_driver_sql(f"GRANT {right} ON ALL {what} IN SCHEMA {schema} TO {name}")
    theirs = engine.url.set(drivername="postgresql", username=name, password="secret")
    monkeypatch.setenv("REFILM_DATABASE_URL", theirs.render_as_string(hide_password=False))
    try:
        server = build(Settings())
        server.start()
        secret = server.accounts.create_key("ann")
        assert server.accounts.authenticate(secret).account
        assert server.service.readiness()["checks"]["database"] == "ok"
        server.close()
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP ROLE {name}")
        engine.dispose()
