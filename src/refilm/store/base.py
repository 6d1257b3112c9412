"""What a store promises, whatever database is behind it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from refilm.domain.task import Task
from refilm.store.sql import Transaction

T = TypeVar("T")


class Store(Protocol):
    """Rows behind transactions.

    A future that `write` or `insert_task` returned is done only after a durable commit. It fails with StorageFull
    or Unavailable where the database cannot take more, and with the function's own error where that raised; an error
    rolls back that function's changes and nobody else's. quick: whether `task` takes microseconds, so that it may be
    asked on an event loop.
    """

    quick: bool

    def write(self, change: Callable[[Transaction], T]) -> Future[T]:
        """Run `change` in a transaction that may share its commit with others; after a lost race, run it again."""

    def insert_task(self, task: Task) -> Future[None]:
        """Add a new task: `write` for the commonest change, in batches."""

    def read(self, question: Callable[[Transaction], T]) -> T:
        """Answer `question` from a consistent snapshot. Blocking; microseconds to milliseconds."""

    def task(self, task_id: str) -> Task | None:
        """The task of that id that was not deleted; the fast path of every poll."""

    def close(self) -> None:
        """Finish what was handed in, then let go of the database."""
