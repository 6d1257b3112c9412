"""The embedded store: one SQLite file in WAL mode, every commit on disk before it is told.

One writer thread with group commit; reads on connections of their own. Local disks only, one machine.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import sqlite as sqlite_dialect

from refilm.domain.task import Task
from refilm.errors import StorageFull
from refilm.store import schema
from refilm.store.faults import translated
from refilm.store.sql import Transaction
from refilm.store.tasks import SELECT_TASK, row_of, task_of
from refilm.store.writer import Change, GroupCommitWriter

T = TypeVar("T")

logger = structlog.get_logger(__name__)

#: The poll's statement as text, compiled once: a poll must not pay for building SQL.
TASK_SQL = str(SELECT_TASK.compile(dialect=sqlite_dialect.dialect(paramstyle="named")))

#: How long a connection waits for another's write lock, in milliseconds. The durable engine writes the same file.
BUSY_MILLISECONDS = 30_000

#: The durable engine takes it for granted that Python 3.12 comes with an SQLite that tells milliseconds. It need not:
#: Python uses the system's, and Debian 12 has 3.40.
_SUBSECONDS_SINCE = (3, 42)


def connect_pragmas(connection: Any) -> None:
    """What every connection to the file needs. FULL: a commit that was told survives a power cut."""
    connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    if sqlite3.sqlite_version_info < _SUBSECONDS_SINCE:
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: object) -> float:
    """SQLite's `unixepoch('subsec')`, for a version that does not know it and answers NULL."""
    if modifier not in {"subsec", "subsecond"}:
        raise ValueError("only the time that it is now is known here")
    return time.time_ns() // 1_000_000 / 1000


def writing_engine(path: Path) -> sa.Engine:
    """An engine whose transactions take the write lock at once: a read that becomes a write can then never fail."""
    engine = sa.create_engine(f"sqlite:///{path}", hide_parameters=True, pool_size=1, max_overflow=0)

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so, below
        connect_pragmas(connection)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reading_engine(path: Path) -> sa.Engine:
    """An engine that sees snapshots and cannot write."""
    engine = sa.create_engine(f"sqlite:///{path}", hide_parameters=True, pool_size=4, max_overflow=12)

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connect_pragmas(connection)
        connection.execute("PRAGMA query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")  # else every statement would see a snapshot of its own

    return engine


def shared_engine(path: Path) -> sa.Engine:
    """An engine for the durable queue, which keeps its rows in the same file and manages its own transactions."""
    engine = sa.create_engine(f"sqlite:///{path}", hide_parameters=True, pool_size=10, max_overflow=10)

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        connect_pragmas(connection)

    return engine


def upgrade_file(path: Path) -> schema.Schema:
    """Bring a file to the schema that this Refilm needs; returns where it stood. For who holds the folder's lock.

    A file that is changed is copied first: `refilm.sqlite.before-0003` beside it. Raises Unavailable, StorageFull.
    """
    engine = writing_engine(path)
    try:
        with engine.begin() as connection:
            found = schema.schema_of(connection)
        if found.is_behind:
            copy_file(engine, path.with_name(f"{path.name}.before-{schema.HEAD}"))
        with engine.connect() as connection:
            # The pragma says nothing within a transaction, and asking for the bare connection begins none.
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
            with connection.begin():
                return schema.upgrade(connection)
    except sa.exc.SQLAlchemyError as error:
        raise translated(error) from error
    finally:
        engine.dispose()


def copy_file(engine: sa.Engine, to: Path) -> None:
    """Copy the rows of a database into a file of their own, in the place of an older copy. It appears whole."""
    new = to.with_name(to.name + ".new")
    new.unlink(missing_ok=True)
    bare = engine.raw_connection()
    try:
        bare.cursor().execute("VACUUM INTO ?", (str(new),))
    except sqlite3.Error as error:
        new.unlink(missing_ok=True)
        raise StorageFull(f"The copy of the rows before their upgrade, {to}, cannot be written: {error}.") from error
    finally:
        bare.close()
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.rename(to)
    logger.info("rows copied before their upgrade", copy=str(to), bytes=to.stat().st_size)


class SqliteStore:
    """Rows in one SQLite file. See `refilm.store.base.Store` for what is promised."""

    quick = True

    def __init__(self, path: Path) -> None:
        """Open the file, and make the tables of a new one. Raises Unavailable where its schema is another."""
        self._path = path
        self._writing = writing_engine(path)
        self._reading = reading_engine(path)
        try:
            with self._writing.begin() as connection:
                schema.prepare(connection)
        except BaseException:
            self._writing.dispose()
            raise
        self._writer = GroupCommitWriter(self._writing)
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []

    def write(self, change: Callable[[Transaction], T]) -> Future[T]:
        """Run `change` in a transaction; done once it is on disk."""
        return self._writer.submit(Change(change))

    def insert_task(self, task: Task) -> Future[None]:
        """Add a new task; done once it is on disk."""
        return self._writer.submit(Change(None, row=row_of(task)))

    def read(self, question: Callable[[Transaction], T]) -> T:
        """Answer `question` from a snapshot."""
        with self._reading.connect() as connection:
            return question(Transaction(connection))

    def task(self, task_id: str) -> Task | None:
        """The task of that id that was not deleted. Microseconds; safe on an event loop."""
        row = self._raw().execute(TASK_SQL, {"task_id": task_id}).fetchone()
        return task_of(row) if row else None

    def _raw(self) -> sqlite3.Connection:
        """This thread's own reading connection, without the layer that builds SQL."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connect_pragmas(connection)
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            self._open.append(connection)
        return connection

    def close(self) -> None:
        """Finish what was handed in, then close the file."""
        self._writer.close()
        for connection in self._open:
            connection.close()
        self._writing.dispose()
        self._reading.dispose()
