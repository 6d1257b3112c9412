"""Rows of workers: who serves which pool, and when each was last heard of, by the database's own clock.

Says who is counted on for new work; who is dead is for `refilm.fleet` to find out. Knows nothing of the work itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from refilm.store.tables import workers


@dataclass(frozen=True)
class Worker:
    """A process that serves a pool. contract: of the workflows it can run.  draining: it takes no new work."""

    id: str
    pool: str
    slots: int
    contract: int
    version: str
    draining: bool = False


class DatabaseClock(FunctionElement[float]):
    """Seconds since the epoch, by the clock of the database: the only one that all workers share."""

    type = sa.Float()
    inherit_cache = True


@compiles(DatabaseClock, "sqlite")
def _sqlite_clock(*_: Any, **__: Any) -> str:
    return "unixepoch('subsec')"


@compiles(DatabaseClock, "postgresql")
def _postgres_clock(*_: Any, **__: Any) -> str:
    # Of the statement, not of the transaction, which may have waited for a lock; one value in all rows of a process.
    return "CAST(extract(epoch FROM statement_timestamp()) AS DOUBLE PRECISION)"


class WorkerRows:
    """Workers within one transaction. A worker lives while its last beat is younger than so many seconds."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def register(self, worker_id: str, serving: Iterable[Worker]) -> None:
        """Note what one process serves, in the place of all that was noted of it before."""
        self.remove(worker_id)
        rows = [asdict(worker) | {"started_at": DatabaseClock(), "beat_at": DatabaseClock()} for worker in serving]
        if rows:
            self._connection.execute(workers.insert().values(rows))

    def beat(self, worker_id: str, *, draining: bool = False) -> bool:
        """Note that a process lives. False: it has no row, because it was taken for dead."""
        changed = self._connection.execute(
            workers.update().where(workers.c.id == worker_id).values(draining=draining, beat_at=DatabaseClock())
        )
        return bool(changed.rowcount)

    def slots(self, within_seconds: float, contract: int | None = None) -> Mapping[str, int]:
        """How many tasks of each pool the living run at once. Who drains does not count, nor an older contract.

        contract: of whoever asks in order to enqueue. It has no slots where the newest is another: nobody would take
        what it enqueues.
        """
        taking = self._living(within_seconds) & ~workers.c.draining
        newest = sa.select(sa.func.max(workers.c.contract)).where(taking).scalar_subquery()
        asked = sa.select(workers.c.pool, sa.func.sum(workers.c.slots)).where(taking, workers.c.contract == newest)
        if contract is not None:
            asked = asked.where(workers.c.contract == contract)
        return {row[0]: int(row[1]) for row in self._connection.execute(asked.group_by(workers.c.pool))}

    def living(self, within_seconds: float) -> list[Worker]:
        """Everybody whose last beat is young enough."""
        columns = [workers.c[name] for name in Worker.__dataclass_fields__]
        rows = self._connection.execute(sa.select(*columns).where(self._living(within_seconds)))
        return [Worker(*row) for row in rows]

    def beats(self) -> Mapping[str, float]:
        """The last beat of everybody who was not removed, living or not."""
        rows = self._connection.execute(sa.select(workers.c.id, workers.c.beat_at))
        return {row[0]: row[1] for row in rows}

    def remove(self, worker_id: str, last_beat: float | None = None) -> bool:
        """Drop a process's rows; with `last_beat`, only if no other came since. False: nothing was dropped."""
        chosen = workers.delete().where(workers.c.id == worker_id)
        if last_beat is not None:
            chosen = chosen.where(workers.c.beat_at == last_beat)
        return bool(self._connection.execute(chosen).rowcount)

    def _living(self, within_seconds: float) -> sa.ColumnElement[bool]:
        return workers.c.beat_at > DatabaseClock() - within_seconds
