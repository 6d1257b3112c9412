"""How a database comes to the schema that this Refilm needs, on both kinds: made, adopted, upgraded or refused."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from refilm.accounts import Accounts, digest_of, new_secret
from refilm.domain.account import USUAL_SCOPES
from refilm.domain.edit import EditRequest, Model
from refilm.errors import StorageFull, Unavailable
from refilm.store import migrations, schema
from refilm.store.base import Store
from refilm.store.postgres import PostgresStore, postgres_engine, upgrade_database
from refilm.store.sqlite import SqliteStore, copy_file, upgrade_file, writing_engine
from refilm.store.tables import metadata

#: One row of each table of the time before revisions, as its servers wrote them.
ROWS = {
    "accounts": {"id": "acc_1", "name": "ann", "created_at": 1.5, "credits": 40},
    "keys": {"id": "k_1", "account": "acc_1", "name": "ann", "hash": "h", "created_at": 2.5, "revoked_at": None},
    "secrets": {"name": "signing-1", "value": b"\x00\xff", "created_at": 3.5},
    "uploads": {"id": "u", "account": "acc_1", "filename": "a.mp4", "created_at": 4.0, "expires_at": 5.0, "size": 7},
    "sendings": {"task_id": "t", "account": "acc_1", "key": "k_1", "fingerprint": "f", "tries": 1, "created_at": 6.0},
    "tasks": {
        "id": "t",
        "account": "acc_1",
        "model": "gen4_aleph",
        "engine": "effects",
        "status": "PENDING",
        "request": json.dumps(EditRequest(Model.GEN4_ALEPH, "asset:x", "w\u00e4rm").to_json()),
        "estimated_credits": 3,
        "reserved": 3,
        "progress": 0.25,
        "attempt": 1,
        "created_at": 7.0,
        "outputs": "[]",
        "applied": "{}",
    },
}


@dataclass(frozen=True)
class Database:
    """An empty database of one kind, and how it is opened and upgraded."""

    engine: sa.Engine
    open: Callable[[], Store]
    upgrade: Callable[[], schema.Schema]

    @property
    def stands(self) -> schema.Schema:
        """Where it stands now."""
        with self.engine.begin() as connection:
            return schema.schema_of(connection)

    def migrate_to(self, revision: str) -> None:
        """Run the revisions up to that one, and no further."""
        with self.engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(Path(migrations.__file__).parent))
            config.attributes["connection"] = connection
            from alembic import command

            command.upgrade(config, revision)

    def make_numbered(self) -> None:
        """Make it as it was before revisions, with rows."""
        self.migrate_to("0001")
        with self.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA user_version=2")
            else:
                connection.exec_driver_sql("CREATE TABLE refilm_schema (version INTEGER NOT NULL)")
                connection.exec_driver_sql("INSERT INTO refilm_schema VALUES (2)")
            for name, row in ROWS.items():
                connection.execute(reflected(connection, name).insert().values(row))


def reflected(connection: sa.Connection, name: str) -> sa.Table:
    """A table as the database has it."""
    return sa.Table(name, sa.MetaData(), autoload_with=connection)


def rows_of(engine: sa.Engine) -> dict[str, list[dict[str, Any]]]:
    """What stands in the tables that had rows."""
    with engine.begin() as connection:
        found = {name: connection.execute(sa.select(reflected(connection, name))).mappings().all() for name in ROWS}
    return {name: [dict(row) for row in rows] for name, rows in found.items()}


def shape_of(engine: sa.Engine) -> dict[str, Any]:
    """Columns, keys and indexes of our tables, in the database's own words, whatever order they were made in."""
    with engine.begin() as connection:
        inspector = sa.inspect(connection)
        if engine.dialect.name == "sqlite":
            asked = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        else:
            asked = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        indexes = {name: re.sub(r'[\s"()]+', " ", text) for name, text in connection.exec_driver_sql(asked).all()}
        tables = {
            name: {
                "columns": {c["name"]: (str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)},
                "key": inspector.get_pk_constraint(name)["constrained_columns"],
                "unique": sorted(u["column_names"] for u in inspector.get_unique_constraints(name)),
                "foreign": [(f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(name)],
            }
            for name in inspector.get_table_names()
        }
    return {"tables": tables, "indexes": indexes}


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each kind of database, empty."""
    if request.param == "sqlite":
        path = tmp_path / "refilm.sqlite"
        made = Database(writing_engine(path), lambda: SqliteStore(path), lambda: upgrade_file(path))
    else:
        url = request.getfixturevalue("postgres_url")
        made = Database(postgres_engine(url, 2), lambda: PostgresStore(url), lambda: upgrade_database(url))
    yield made
    made.engine.dispose()


def test_the_list_of_revisions_is_that_of_the_files():
    """What the code knows without asking Alembic is what Alembic finds, in one unbroken row."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    script = ScriptDirectory.from_config(config)

    assert tuple(found.revision for found in reversed(list(script.walk_revisions()))) == schema.REVISIONS
    assert script.get_heads() == [schema.HEAD]


def test_the_revisions_lead_to_the_tables(database: Database):
    """A database that walked through every revision has what `tables` says, nothing more and nothing less."""
    database.migrate_to("head")

    with database.engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        difference = compare_metadata(context, metadata)

    assert difference == []


def test_a_made_and_a_migrated_database_are_the_same(database: Database, tmp_path: Path):
    """Which way a database came to the schema cannot be seen: columns, keys and partial indexes are equal."""
    database.migrate_to("head")
    migrated = shape_of(database.engine)
    with database.engine.begin() as connection:
        for name in migrated["tables"]:
            connection.exec_driver_sql(f"DROP TABLE {name}" + (" CASCADE" * (connection.dialect.name != "sqlite")))

    database.open().close()

    assert shape_of(database.engine) == migrated
    assert "tasks_waiting" in migrated["indexes"]


def test_an_empty_database_is_made_and_stamped(database: Database):
    """Opening a store makes the tables once; opening it again finds them."""
    assert database.stands.is_empty

    database.open().close()
    database.open().close()

    assert database.stands == schema.Schema(schema.HEAD)
    assert schema.check(database.engine) == schema.HEAD


def test_upgrade_of_an_empty_database_makes_it(database: Database):
    """The command may come first; a second time there is nothing to do."""
    assert database.upgrade().is_empty
    assert database.upgrade().is_current
    database.open().close()


def test_a_database_of_the_old_numbering_keeps_its_rows(database: Database):
    """It is adopted and upgraded; every row is there after, byte for byte; its number is gone."""
    database.make_numbered()
    before = rows_of(database.engine)

    found = database.upgrade()

    assert (found.revision, found.numbered) == ("0001", True)
    assert database.stands == schema.Schema(schema.HEAD)
    after = rows_of(database.engine)
    for name, rows in before.items():
        assert len(rows) == len(after[name]) == 1
        assert rows[0].items() <= after[name][0].items()
    store = database.open()
    task = store.task("t")
    store.close()
    assert task is not None
    assert task.request.prompt_text == "w\u00e4rm"
    assert not sa.inspect(database.engine).has_table("refilm_schema")


def test_keys_from_before_scopes_go_on_working(database: Database):
    """After the upgrade a key of revision 0002 reads and creates as before, has no end and was never seen; its
    priority and its account's tier are what they were."""
    secret = new_secret()
    database.migrate_to("0002")
    with database.engine.begin() as connection:
        connection.execute(reflected(connection, "accounts").insert().values(ROWS["accounts"] | {"tier": "3"}))
        row = ROWS["keys"] | {"hash": digest_of(secret), "priority": 7}
        connection.execute(reflected(connection, "keys").insert().values(row))

    database.upgrade()

    store = database.open()
    accounts = Accounts(store, lambda: datetime.now(UTC))
    (key,) = accounts.all_keys()
    caller = accounts.authenticate(secret)
    store.close()
    assert (key.scopes, key.expires_at, key.used_at) == (USUAL_SCOPES, None, None)
    assert (caller.scopes, caller.priority, caller.tier) == (USUAL_SCOPES, 7, "3")


@pytest.mark.parametrize("revision", schema.REVISIONS[:-1])
def test_a_store_never_changes_a_schema_that_is_behind(database: Database, revision: str):
    """Others may be at work on it: opening refuses, names the command, and changes nothing."""
    database.migrate_to(revision)
    before = shape_of(database.engine)

    with pytest.raises(Unavailable, match=rf"{revision}, this one needs {schema.HEAD}.*refilm db upgrade"):
        database.open()
    with pytest.raises(Unavailable, match="refilm db upgrade"):
        schema.check(database.engine)

    assert shape_of(database.engine) == before
    assert database.upgrade().revision == revision
    database.open().close()


@pytest.mark.parametrize("verb", ["open", "upgrade", "check"])
def test_a_newer_schema_is_refused_untouched(database: Database, verb: str):
    """What a newer Refilm wrote is neither opened nor changed, and the sentence says what to do."""
    database.open().close()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    does = {"open": database.open, "upgrade": database.upgrade, "check": lambda: schema.check(database.engine)}
    with pytest.raises(Unavailable, match=rf"schema 9999.* up to {schema.HEAD}.*Install the version that wrote it"):
        does[verb]()

    assert database.stands == schema.Schema("9999")


def test_a_number_that_no_release_had_is_refused(database: Database):
    """The old numbering is adopted from its last number only."""
    database.make_numbered()
    change = (
        "PRAGMA user_version=1" if database.engine.dialect.name == "sqlite" else "UPDATE refilm_schema SET version=1"
    )
    with database.engine.begin() as connection:
        connection.exec_driver_sql(change)

    with pytest.raises(Unavailable, match="schema number 1"):
        database.upgrade()


@pytest.mark.parametrize("revision", schema.REVISIONS)
def test_no_revision_can_be_taken_back(database: Database, revision: str):
    """A downgrade is refused with a sentence that says what to go back to, and changes nothing."""
    database.migrate_to(revision)
    before = shape_of(database.engine)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(Unavailable, match="copy of the database from before"):
            command.downgrade(config, "-1")

    assert shape_of(database.engine) == before


def test_a_broken_upgrade_leaves_the_old_schema(database: Database, monkeypatch: pytest.MonkeyPatch):
    """A revision that fails half way takes everything back: schema, rows, number."""
    database.make_numbered()
    before, rows = shape_of(database.engine), rows_of(database.engine)
    run = schema._run_revisions

    def break_off(connection: sa.Connection) -> None:
        run(connection)
        raise Unavailable("the power is out")

    monkeypatch.setattr(schema, "_run_revisions", break_off)
    with pytest.raises(Unavailable, match="power"):
        database.upgrade()

    assert (shape_of(database.engine), rows_of(database.engine)) == (before, rows)
    assert database.stands == schema.Schema("0001", numbered=True)
    monkeypatch.undo()
    assert database.upgrade().numbered


RACER = """
import sys
from refilm.store.postgres import PostgresStore, upgrade_database
verb, url = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
upgrade_database(url) if verb == "upgrade" else PostgresStore(url, connections=1).close()
"""


@pytest.mark.parametrize(("verb", "numbered"), [("open", False), ("upgrade", True)])
def test_four_that_start_at_once_do_not_disturb_each_other(postgres_url: str, verb: str, numbered: bool):
    """On an empty PostgreSQL each opens; on an old one each upgrades: one does the work, the others wait for it."""
    engine = postgres_engine(postgres_url, 1)
    if numbered:
        Database(engine, lambda: PostgresStore(postgres_url), lambda: upgrade_database(postgres_url)).make_numbered()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, verb, postgres_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]

    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()
    told = [racer.communicate("go\n", timeout=60)[1] for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * 4, told
    assert schema.check(engine) == schema.HEAD
    engine.dispose()


def test_a_file_is_copied_before_it_is_changed(tmp_path: Path):
    """The copy stands beside the file, is whole, has the old schema and every row, and can take the file's place."""
    path = tmp_path / "refilm.sqlite"
    database = Database(writing_engine(path), lambda: SqliteStore(path), lambda: upgrade_file(path))
    database.make_numbered()
    before = rows_of(database.engine)

    upgrade_file(path)

    copy = tmp_path / f"refilm.sqlite.before-{schema.HEAD}"
    copied = writing_engine(copy)
    assert rows_of(copied) == before
    with copied.begin() as connection:
        assert schema.schema_of(connection) == schema.Schema("0001", numbered=True)
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    copied.dispose()
    database.engine.dispose()
    for rest in tmp_path.glob("refilm.sqlite-*"):
        rest.unlink()
    shutil.copy(copy, path)
    assert upgrade_file(path).numbered


def test_a_file_that_needs_no_change_is_not_copied(tmp_path: Path):
    """Neither a new file nor a current one leaves a copy behind."""
    for _ in range(2):
        upgrade_file(tmp_path / "refilm.sqlite")

    assert not list(tmp_path.glob("*.before-*"))


def test_no_copy_no_upgrade(tmp_path: Path):
    """Where the copy cannot be written, the file stays as it was, and the sentence names the copy."""
    path = tmp_path / "refilm.sqlite"
    database = Database(writing_engine(path), lambda: SqliteStore(path), lambda: upgrade_file(path))
    database.make_numbered()
    copy = tmp_path / "nowhere" / "copy"

    with pytest.raises(StorageFull, match=re.escape(str(copy))):
        copy_file(database.engine, copy)
    (tmp_path / f"refilm.sqlite.before-{schema.HEAD}").mkdir()
    with pytest.raises(OSError, match="directory"):
        upgrade_file(path)

    assert database.stands.numbered
    database.engine.dispose()


def test_an_upgrade_that_would_tear_rows_apart_is_taken_back(tmp_path: Path):
    """With foreign keys off nobody watches while tables are made anew, so they are counted at the end."""
    path = tmp_path / "refilm.sqlite"
    Database(writing_engine(path), lambda: SqliteStore(path), lambda: upgrade_file(path)).make_numbered()
    with closing(sqlite3.connect(path)) as careless:
        careless.execute("DELETE FROM accounts")
        careless.commit()

    with pytest.raises(Unavailable, match="nothing was changed"):
        upgrade_file(path)

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_role_without_rights_is_told_so(postgres_url: str):
    """A role that may not make tables gets a sentence on what to do; once they are made it needs no such right."""
    engine = postgres_engine(postgres_url, 1)
    name = f"user_{engine.url.database}"
    theirs = engine.url.set(drivername="postgresql", username=name, password="secret")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with pytest.raises(Unavailable, match="refilm db upgrade"):
            PostgresStore(theirs.render_as_string(hide_password=False))
        PostgresStore(postgres_url).close()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")

        store = PostgresStore(theirs.render_as_string(hide_password=False))
        assert store.read(lambda tx: tx.accounts.count()) == 0
        store.close()
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {name}")
            connection.exec_driver_sql(f"DROP ROLE {name}")
        engine.dispose()
