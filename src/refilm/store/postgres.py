"""Rows in a PostgreSQL database, for those who run one anyway. Every commit is durable before it is told.

Changes run on a few threads, each with a connection of the pool; where two of them must not cross, they take a lock of
the database within their transaction (`Transaction.lock`). A connection that died is replaced; while the server is
away, every call fails with Unavailable within seconds, and works again when it is back.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa

from refilm.domain.task import Task
from refilm.errors import Unavailable
from refilm.store import schema
from refilm.store.faults import translated
from refilm.store.sql import Transaction
from refilm.store.tasks import SELECT_TASK, task_of

T = TypeVar("T")

#: How long to wait for the server, and for a free connection, in seconds: an answer must not hang on a dead host.
CONNECT_SECONDS, POOL_SECONDS = 5, 5

#: A change that lost to another is run again; more often than this means something else.
TRIES = 5
#: serialization_failure, deadlock_detected, and unique_violation, which a second look turns into an answer.
_LOST = frozenset({"40001", "40P01", "23505"})


def postgres_engine(url: str, connections: int) -> sa.Engine:
    """An engine for a postgresql:// or postgres:// URL with so many connections kept open."""
    plain = "postgresql://" + url.partition("://")[2]
    return sa.create_engine(
        sa.make_url(plain).set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=connections,
        max_overflow=connections,
        pool_timeout=POOL_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "refilm"},
    )


def upgrade_database(url: str) -> schema.Schema:
    """Bring a database to the schema that this Refilm needs; returns where it stood. Raises Unavailable."""
    engine = postgres_engine(url, 1)
    try:
        with engine.begin() as connection:
            return schema.upgrade(connection)
    except sa.exc.SQLAlchemyError as error:
        raise translated(error) from error
    finally:
        engine.dispose()


class PostgresStore:
    """Rows in one PostgreSQL database. See `refilm.store.base.Store` for what is promised."""

    quick = False

    def __init__(self, url: str, *, connections: int = 8) -> None:
        """Connect and make the tables of an empty database. Raises Unavailable, also for another schema."""
        self._engine = postgres_engine(url, connections)
        self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            with self._engine.begin() as connection:
                schema.prepare(connection)
        except BaseException as error:
            self._engine.dispose()
            raise translated(error) from error
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="refilm-writer")

    def write(self, change: Callable[[Transaction], T]) -> Future[T]:
        """Run `change` in a transaction of its own; done once it is durable. It may run again where it lost a race."""
        try:
            return self._threads.submit(self._changed, change)
        except RuntimeError as closed:
            raise Unavailable("The database is closed.") from closed

    def insert_task(self, task: Task) -> Future[None]:
        """Add a new task; done once it is durable."""
        return self.write(lambda tx: tx.tasks.add(task))

    def read(self, question: Callable[[Transaction], T]) -> T:
        """Answer `question` from a snapshot."""
        try:
            with self._snapshots.connect() as connection:
                return question(Transaction(connection))
        except sa.exc.SQLAlchemyError as error:
            raise translated(error) from error

    def task(self, task_id: str) -> Task | None:
        """The task of that id that was not deleted. A round trip: not for an event loop."""
        try:
            with self._engine.connect() as connection:
                row = connection.execute(SELECT_TASK, {"task_id": task_id}).fetchone()
        except sa.exc.SQLAlchemyError as error:
            raise translated(error) from error
        return task_of(row) if row else None

    def _changed(self, change: Callable[[Transaction], T]) -> T:
        for left in reversed(range(TRIES)):
            try:
                with self._engine.begin() as connection:
                    return change(Transaction(connection))
            except sa.exc.SQLAlchemyError as error:
                state = getattr(getattr(error, "orig", None), "sqlstate", None)
                if state not in _LOST or not left:
                    raise translated(error) from error
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Finish what was handed in, then let go of the connections."""
        self._threads.shutdown()
        self._engine.dispose()
