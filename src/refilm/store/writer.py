"""One thread that commits for everybody: what is handed in while a commit runs shares the next one.

On SQLite a durable commit costs an fsync whatever it holds, and only one connection may write at a time; grouping
makes both cheap. Knows nothing of tables beyond the task insert that it batches.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import dialect

from refilm.errors import Unavailable
from refilm.store.faults import translated
from refilm.store.sql import Transaction
from refilm.store.tables import tasks
from refilm.store.tasks import NEW_TASK

#: The insert of a task as text, compiled once, with a named parameter for each column of `row_of`.
INSERT_TASK_SQL = str(
    tasks.insert().values({name: sa.bindparam(name) for name in NEW_TASK}).compile(dialect=dialect(paramstyle="named"))
)

#: How many changes may share a commit: enough to hide the fsync, few enough to keep one commit short.
BATCH = 64


@dataclass
class Change:
    """Something to write: either a new task's row, or a function of a transaction."""

    work: Callable[[Transaction], Any] | None
    row: dict[str, Any] | None = None
    done: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: BaseException | None = None


class GroupCommitWriter:
    """Runs changes in transactions on one connection, in the order they were handed in."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._changes: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="refilm-writer", daemon=True)
        self._closed = False
        self._closing = threading.Lock()
        self._thread.start()

    def submit(self, change: Change) -> Future[Any]:
        """Hand in a change; its future is done after the commit that holds it. Raises Unavailable after `close`."""
        with self._closing:  # nothing may be handed in behind the last word
            if self._closed:
                raise Unavailable("The database is closed.")
            self._changes.put(change)
        return change.done

    def close(self) -> None:
        """Finish what was handed in and end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._changes.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            gathered, last = self._gather()
            # From here on a future cannot be cancelled under our hands; one that was cancelled before is left out.
            batch = [change for change in gathered if change.done.set_running_or_notify_cancel()]
            if batch:
                self._commit(batch)

    def _gather(self) -> tuple[list[Change], bool]:
        """The next changes, waiting for at least one; and whether no more will come."""
        batch: list[Change] = []
        change = self._changes.get()
        while change is not None:
            batch.append(change)
            if len(batch) == BATCH:
                return batch, False
            try:
                change = self._changes.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[Change]) -> None:
        if not self._insert(batch):
            self._commit_one_by_one(batch)

    def _insert(self, batch: list[Change]) -> bool:
        """The short way for a batch of nothing but new tasks: one statement on the bare connection.

        Most commits of a busy server are such batches, and what builds SQL costs more than they do. False, with
        nothing written, where the batch is another or anything at all goes wrong.
        """
        rows = [change.row for change in batch if change.row is not None]
        if len(rows) < len(batch):
            return False
        bare = self._engine.raw_connection()
        try:
            cursor = bare.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(INSERT_TASK_SQL, rows)
            cursor.execute("COMMIT")
        except Exception:  # the long way tells whose fault it is
            bare.rollback()
            return False
        finally:
            bare.close()
        for change in batch:
            change.done.set_result(None)
        return True

    def _commit_one_by_one(self, batch: list[Change]) -> None:
        try:
            with self._engine.begin() as connection:
                transaction = Transaction(connection)
                for run in runs_of(batch):
                    self._apply(transaction, run)
        except BaseException as error:  # whatever it is, nobody may wait for ever
            for change in batch:
                change.done.set_exception(change.error or translated(error))
            return
        for change in batch:
            if change.error is not None:
                change.done.set_exception(change.error)
            else:
                change.done.set_result(change.result)

    def _apply(self, transaction: Transaction, run: list[Change]) -> None:
        """Apply changes that belong together; one that fails alone takes no other with it."""
        if run[0].row is None:
            self._apply_one(transaction, run[0])
            return
        try:
            with transaction.connection.begin_nested():
                transaction.tasks.insert([change.row for change in run if change.row is not None])
        except sa.exc.OperationalError:
            raise
        except Exception:  # one of the rows cannot be written: find out which
            for change in run:
                self._apply_one(transaction, change)

    def _apply_one(self, transaction: Transaction, change: Change) -> None:
        try:
            with transaction.connection.begin_nested():
                if change.row is not None:
                    transaction.tasks.insert([change.row])
                elif change.work is not None:
                    change.result = change.work(transaction)
        except sa.exc.OperationalError:
            raise  # the disk or the database, not this change: the whole batch fails
        except Exception as error:
            change.error = translated(error)


def runs_of(batch: list[Change]) -> list[list[Change]]:
    """Split a batch so that neighbouring task inserts stand together and every function alone."""
    runs: list[list[Change]] = []
    for change in batch:
        if change.row is not None and runs and runs[-1][0].row is not None:
            runs[-1].append(change)
        else:
            runs.append([change])
    return runs
