"""The embedded store: what is promised of its file beyond what every store promises."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from refilm.domain.account import Account
from refilm.errors import StorageFull, Unavailable
from refilm.store.sqlite import SqliteStore, reading_engine, shared_engine, writing_engine

KILL_ROUNDS = Path(__file__).with_name("kill_rounds.py")


def pragma(connection: sa.Connection, name: str) -> object:
    """The value of a pragma on this connection."""
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.mark.parametrize("engine_of", [writing_engine, reading_engine, shared_engine])
def test_every_connection_is_durable_and_patient(store, tmp_path, engine_of):
    """WAL, synchronous FULL, foreign keys and half a minute of patience hold on each kind of connection."""
    engine = engine_of(tmp_path / "refilm.sqlite")

    with engine.connect() as connection:
        found = {name: pragma(connection, name) for name in ("journal_mode", "synchronous", "foreign_keys")}
        patience = pragma(connection, "busy_timeout")

    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert patience == 30_000


@pytest.mark.parametrize("engine_of", [writing_engine, reading_engine, shared_engine])
def test_every_connection_tells_the_time_in_milliseconds(store, tmp_path, engine_of):
    """The durable engine's tables need it, whatever version of SQLite this Python uses."""
    engine = engine_of(tmp_path / "refilm.sqlite")

    before = time.time()
    with engine.connect() as connection:
        now = connection.exec_driver_sql("SELECT unixepoch('subsec')").scalar_one()
    after = time.time()

    engine.dispose()
    assert before - 0.001 <= now <= after


def test_the_stores_own_writer_is_durable(store):
    """The connection that commits tasks is one of those."""
    assert store.write(lambda tx: pragma(tx.connection, "synchronous")).result(10) == 2
    assert store.write(lambda tx: pragma(tx.connection, "journal_mode")).result(10) == "wal"


def test_a_write_holds_the_lock_from_its_first_moment(store, tmp_path):
    """A transaction that has only read so far can not be overtaken by another writer: it began IMMEDIATE."""
    reading, leave = threading.Event(), threading.Event()

    def change(tx):
        tx.accounts.count()
        reading.set()
        leave.wait(10)

    future = store.write(change)
    assert reading.wait(10)
    other = sqlite3.connect(tmp_path / "refilm.sqlite", timeout=0, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    leave.set()

    future.result(10)


@pytest.mark.parametrize("engine_of", [writing_engine, shared_engine])
def test_other_writers_begin_immediate_too(store, tmp_path, engine_of):
    """The queue's connections take the write lock at their first write, and give it back."""
    engine = engine_of(tmp_path / "refilm.sqlite")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO accounts (id, name, created_at) VALUES ('a', 'ann', 0)"))
        other = sqlite3.connect(tmp_path / "refilm.sqlite", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")

    other.close()
    engine.dispose()
    assert store.read(lambda tx: tx.accounts.count()) == 1


def test_a_read_cannot_write(store, clock):
    """A question that changes something is refused by the database."""
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        store.read(lambda tx: tx.accounts.add(Account("acc", "ann", clock())))


def test_what_was_told_is_committed(store, tmp_path, new_task):
    """At the moment when an insert's future is done, a connection of somebody else sees the row."""
    seen: list[int] = []

    def look(_future: object) -> None:
        other = sqlite3.connect(tmp_path / "refilm.sqlite")
        seen.append(other.execute("SELECT count(*) FROM tasks").fetchone()[0])
        other.close()

    leave = threading.Event()
    blocker = store.write(lambda tx: leave.wait(10))
    futures = [store.insert_task(new_task()) for _ in range(3)]
    for future in futures:
        future.add_done_callback(look)
    leave.set()
    for future in (blocker, *futures):
        future.result(10)
    store.write(lambda tx: None).result(10)

    assert seen
    assert min(seen) == 3


def test_nothing_acknowledged_is_lost_by_kill(tmp_path):
    """A process that is killed in the middle of its inserts, twenty times over, has kept every one it told of."""
    path = tmp_path / "refilm.sqlite"
    SqliteStore(path).close()

    done = subprocess.run(
        [sys.executable, str(KILL_ROUNDS), str(path), "20"], capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rounds) == 20
    assert all(rounds)
    store = SqliteStore(path)
    lost = [task_id for ids in rounds for task_id in ids if store.task(task_id) is None]
    health = store.read(lambda tx: pragma(tx.connection, "integrity_check"))
    store.close()
    assert lost == []
    assert health == "ok"


def test_a_full_disk_is_told_as_such_and_loses_nothing(store, new_task):
    """A database that cannot grow refuses with StorageFull; what was committed stays, and later writes work again."""
    kept = new_task()
    store.insert_task(kept).result(10)
    pages = store.write(lambda tx: pragma(tx.connection, "page_count")).result(10)
    store.write(lambda tx: pragma(tx.connection, f"max_page_count={pages}")).result(10)
    large = [new_task(prompt="warm " * 4000) for _ in range(3)]

    futures = [store.insert_task(task) for task in large]
    refused = store.write(lambda tx: tx.accounts.add(Account("acc", "a" * 100_000, kept.created_at)))

    for future in (*futures, refused):
        with pytest.raises(StorageFull, match="disk"):
            future.result(10)
    assert store.task(kept.id) == kept
    assert [store.task(task.id) for task in large] == [None] * 3
    store.write(lambda tx: pragma(tx.connection, "max_page_count=1000000")).result(10)
    store.insert_task(large[0]).result(10)
    assert store.task(large[0].id) == large[0]


def test_a_locked_database_is_unavailable(store, tmp_path, new_task):
    """A write lock that somebody else does not give back is told as Unavailable; afterwards all is well."""
    store.write(lambda tx: pragma(tx.connection, "busy_timeout=50")).result(10)
    other = sqlite3.connect(tmp_path / "refilm.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    task = new_task()

    with pytest.raises(Unavailable):
        store.insert_task(task).result(10)
    other.execute("ROLLBACK")
    other.close()

    store.insert_task(task).result(10)
    assert store.task(task.id) == task


def test_rows_outlive_the_store(tmp_path, new_task):
    """What one store wrote, the next one reads."""
    first, task = SqliteStore(tmp_path / "refilm.sqlite"), new_task()
    first.insert_task(task).result(10)
    first.close()

    second = SqliteStore(tmp_path / "refilm.sqlite")

    assert second.task(task.id) == task
    second.close()


def test_close_finishes_what_was_handed_in(tmp_path, new_task):
    """Everything handed in before close is written; afterwards a write is refused. Closing again is fine."""
    store = SqliteStore(tmp_path / "refilm.sqlite")
    futures = [store.insert_task(new_task()) for _ in range(150)]

    store.close()
    store.close()

    assert [future.result(0) for future in futures] == [None] * 150
    with pytest.raises(Unavailable):
        store.insert_task(new_task())


def test_polls_from_many_threads(store, new_task):
    """The fast path of polls works from any thread at once."""
    task = new_task()
    store.insert_task(task).result(10)

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: store.task(task.id), range(300)))

    assert all(one == task for one in found)
