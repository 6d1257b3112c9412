"""Rows of tasks. Every change names the statuses it may start from, and every write of a worker its attempt."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from refilm.domain.edit import EditRequest
from refilm.domain.listing import Listing
from refilm.domain.task import Failure, Task, TaskStatus
from refilm.store.tables import ACTIVE, WAITING, tasks

#: What a task is made of, in the order that `task_of` reads.
COLUMNS = (
    tasks.c.id,
    tasks.c.account,
    tasks.c.request,
    tasks.c.status,
    tasks.c.created_at,
    tasks.c.engine,
    tasks.c.estimated_credits,
    tasks.c.credits,
    tasks.c.progress,
    tasks.c.attempt,
    tasks.c.started_at,
    tasks.c.finished_at,
    tasks.c.outputs,
    tasks.c.failure,
    tasks.c.failure_code,
    tasks.c.applied,
    tasks.c.reserved,
    tasks.c.priority,
)

#: How many tasks one statement names: every database has a limit.
NAMED_AT_ONCE = 1000

UNFINISHED = tasks.c.finished_at.is_(None)

SELECT_TASK = sa.select(*COLUMNS).where(tasks.c.id == sa.bindparam("task_id"), tasks.c.deleted_at.is_(None))


def seconds(moment: datetime | None) -> float | None:
    """A moment as stored."""
    return moment.timestamp() if moment else None


def moment(value: float | None) -> datetime | None:
    """A stored moment, in UTC."""
    return datetime.fromtimestamp(value, UTC) if value is not None else None


@lru_cache(maxsize=2048)
def request_of(text: str) -> EditRequest:
    """The request of a row. Cached, because a task is polled many times and its request never changes."""
    return EditRequest.from_json(json.loads(text))


def task_of(row: Sequence[Any]) -> Task:
    """The task in a row of COLUMNS."""
    failure = Failure(row[13], row[14]) if row[13] is not None else None
    return Task(
        id=row[0],
        account=row[1],
        request=request_of(row[2]),
        status=TaskStatus(row[3]),
        created_at=datetime.fromtimestamp(row[4], UTC),
        engine=row[5],
        estimated_credits=row[6],
        credits=row[7],
        progress=row[8],
        attempt=row[9],
        started_at=moment(row[10]),
        finished_at=moment(row[11]),
        outputs=tuple(json.loads(row[12])) if row[12] != "[]" else (),
        failure=failure,
        applied=json.loads(row[15]) if row[15] != "{}" else {},
        reserved=row[16],
        priority=row[17],
    )


def row_of(task: Task) -> dict[str, Any]:
    """A new task as a row."""
    return {
        "id": task.id,
        "account": task.account,
        "model": str(task.request.model),
        "engine": task.engine,
        "priority": task.priority,
        "status": str(task.status),
        "request": json.dumps(task.request.to_json(), ensure_ascii=False, separators=(",", ":")),
        "estimated_credits": task.estimated_credits,
        "reserved": task.reserved,
        "created_at": task.created_at.timestamp(),
        "progress": 0.0,
        "attempt": 0,
        "outputs": "[]",
        "applied": "{}",
    }


#: The columns of a new task.
NEW_TASK = (
    "id",
    "account",
    "model",
    "engine",
    "priority",
    "status",
    "request",
    "estimated_credits",
    "reserved",
    "created_at",
    "progress",
    "attempt",
    "outputs",
    "applied",
)


class TaskRows:
    """Tasks within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, rows: list[dict[str, Any]]) -> None:
        """Add new tasks, given as rows of `row_of`."""
        self._connection.execute(tasks.insert(), rows)

    def add(self, task: Task) -> None:
        """Add one new task, in a transaction that holds more than it."""
        self.insert([row_of(task)])

    def get(self, task_id: str) -> Task | None:
        """The task of that id, unless deleted."""
        row = self._connection.execute(SELECT_TASK, {"task_id": task_id}).fetchone()
        return task_of(row) if row else None

    def remains(self, task_id: str) -> Task | None:
        """The task of that id, deleted or not: for those who clean up behind it."""
        row = self._connection.execute(sa.select(*COLUMNS).where(tasks.c.id == task_id)).fetchone()
        return task_of(row) if row else None

    def start(self, task_id: str, at: datetime, max_attempts: int, after: int | None = None) -> Task | None:
        """PENDING or RUNNING to RUNNING with one attempt more, or None where that is not possible any more.

        after: only where this is the current attempt.
        """
        current = tasks.c.attempt < max_attempts
        if after is not None:
            current &= tasks.c.attempt == after
        changed = self._connection.execute(
            tasks.update()
            .where(tasks.c.id == task_id, tasks.c.status.in_((TaskStatus.PENDING, TaskStatus.RUNNING)), current)
            .values(
                status=TaskStatus.RUNNING,
                attempt=tasks.c.attempt + 1,
                progress=0.0,
                admitted_at=sa.func.coalesce(tasks.c.admitted_at, at.timestamp()),
                started_at=sa.func.coalesce(tasks.c.started_at, at.timestamp()),
            )
        )
        return self.get(task_id) if changed.rowcount else None

    def progress(self, task_id: str, attempt: int, fraction: float) -> bool:
        """Note how far an attempt is. False where the attempt is not the current one any more: stop working."""
        changed = self._connection.execute(
            tasks.update()
            .where(tasks.c.id == task_id, tasks.c.attempt == attempt, tasks.c.status == TaskStatus.RUNNING)
            .values(progress=fraction)
        )
        return bool(changed.rowcount)

    def hand_back(self, task_id: str, attempt: int) -> None:
        """Undo the count of an attempt that its own worker gave up because it was told to stop."""
        self._connection.execute(
            tasks.update()
            .where(tasks.c.id == task_id, tasks.c.attempt == attempt, tasks.c.status == TaskStatus.RUNNING)
            .values(attempt=attempt - 1)
        )

    def finish(
        self,
        task_id: str,
        attempt: int,
        status: TaskStatus,
        *,
        at: datetime,
        credits: int,
        outputs: Iterable[str] = (),
        failure: Failure | None = None,
        applied: Mapping[str, Any] | None = None,
    ) -> bool:
        """RUNNING to SUCCEEDED or FAILED, by the attempt that did it. False where it is not the current one."""
        changed = self._connection.execute(
            tasks.update()
            .where(tasks.c.id == task_id, tasks.c.attempt == attempt, tasks.c.status == TaskStatus.RUNNING)
            .values(
                status=status,
                finished_at=at.timestamp(),
                credits=credits,
                progress=1.0 if status is TaskStatus.SUCCEEDED else tasks.c.progress,
                outputs=json.dumps(list(outputs)),
                failure=failure.message if failure else None,
                failure_code=failure.code if failure else None,
                applied=json.dumps(dict(applied or {}), ensure_ascii=False),
            )
        )
        return bool(changed.rowcount)

    def cancel(self, task_id: str, at: datetime) -> bool:
        """Any status that is not terminal to CANCELLED, hidden from then on."""
        changed = self._connection.execute(
            tasks.update()
            .where(tasks.c.id == task_id, UNFINISHED)
            .values(status=TaskStatus.CANCELLED, finished_at=at.timestamp(), deleted_at=at.timestamp(), credits=0)
        )
        return bool(changed.rowcount)

    def hide(self, task_id: str, at: datetime) -> bool:
        """Delete a finished task: the row stays for the books, its outputs are no longer named."""
        changed = self._connection.execute(
            tasks.update()
            .where(tasks.c.id == task_id, ~UNFINISHED, tasks.c.deleted_at.is_(None))
            .values(deleted_at=at.timestamp(), outputs="[]")
        )
        return bool(changed.rowcount)

    def page(self, account: str, listing: Listing, most: int) -> list[Task]:
        """The account's tasks that a listing asks for, but for its text: the newest first, at most `most`."""
        chosen = sa.select(*COLUMNS).where(tasks.c.account == account, tasks.c.deleted_at.is_(None))
        if listing.statuses:
            chosen = chosen.where(tasks.c.status.in_(sorted(listing.statuses)))
        if listing.models:
            chosen = chosen.where(tasks.c.model.in_(sorted(listing.models)))
        if listing.engine is not None:
            chosen = chosen.where(tasks.c.engine == listing.engine)
        if listing.since is not None:
            chosen = chosen.where(tasks.c.created_at >= listing.since.timestamp())
        if listing.before is not None:
            chosen = chosen.where(tasks.c.created_at < listing.before.timestamp())
        if listing.after is not None:
            place = sa.tuple_(tasks.c.created_at, tasks.c.id)
            chosen = chosen.where(place < sa.tuple_(listing.after.created_at, listing.after.task_id))
        rows = self._connection.execute(chosen.order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(most))
        return [task_of(row) for row in rows]

    def admitted(self) -> list[tuple[str, str]]:
        """(id, engine) of tasks that were admitted and have not ended."""
        rows = self._connection.execute(
            sa.select(tasks.c.id, tasks.c.engine).where(UNFINISHED, tasks.c.admitted_at.is_not(None))
        )
        return [(row[0], row[1]) for row in rows]

    def admit(self, task_ids: Sequence[str], at: datetime) -> None:
        """Waiting tasks become PENDING and admitted."""
        self._connection.execute(
            tasks.update().where(tasks.c.id.in_(task_ids)).values(status=TaskStatus.PENDING, admitted_at=at.timestamp())
        )

    def throttle(self, task_ids: Sequence[str]) -> None:
        """Waiting tasks become THROTTLED: stored, over their account's cap."""
        self._mark(task_ids, TaskStatus.THROTTLED)

    def ease(self, task_ids: Sequence[str]) -> None:
        """Waiting tasks become PENDING: not over their account's cap any more, though not admitted yet."""
        self._mark(task_ids, TaskStatus.PENDING)

    def _mark(self, task_ids: Sequence[str], status: TaskStatus) -> None:
        for at in range(0, len(task_ids), NAMED_AT_ONCE):
            some = tasks.c.id.in_(task_ids[at : at + NAMED_AT_ONCE])
            self._connection.execute(tasks.update().where(some, WAITING).values(status=status))

    def finished_before(self, before: datetime, most: int) -> list[tuple[str, tuple[str, ...]]]:
        """(id, outputs) of tasks that ended before a moment and were not deleted, the oldest first."""
        rows = self._connection.execute(
            sa.select(tasks.c.id, tasks.c.outputs)
            .where(tasks.c.finished_at < before.timestamp(), tasks.c.deleted_at.is_(None))
            .order_by(tasks.c.finished_at)
            .limit(most)
        )
        return [(row[0], tuple(json.loads(row[1]))) for row in rows]

    def deleted_before(self, before: datetime, most: int) -> list[str]:
        """Ids of tasks that were deleted before a moment, the oldest first."""
        rows = self._connection.execute(
            sa.select(tasks.c.id)
            .where(tasks.c.deleted_at < before.timestamp())
            .order_by(tasks.c.deleted_at)
            .limit(most)
        )
        return [row[0] for row in rows]

    def remove(self, task_ids: Sequence[str]) -> None:
        """Drop rows for good; only of deleted tasks."""
        self._connection.execute(tasks.delete().where(tasks.c.id.in_(task_ids), tasks.c.deleted_at.is_not(None)))

    def generations_since(self, account: str, since: datetime) -> dict[str, int]:
        """How many tasks of each model an account made since a moment."""
        rows = self._connection.execute(
            sa.select(tasks.c.model, sa.func.count())
            .where(tasks.c.account == account, tasks.c.created_at >= since.timestamp())
            .group_by(tasks.c.model)
        )
        return {row[0]: row[1] for row in rows}

    def credits_between(self, account: str, start: datetime, before: datetime) -> list[tuple[float, str, int]]:
        """What finished tasks of an account cost: moment of creation, model, credits."""
        rows = self._connection.execute(
            sa.select(tasks.c.created_at, tasks.c.model, tasks.c.credits)
            .where(
                tasks.c.account == account,
                tasks.c.created_at >= start.timestamp(),
                tasks.c.created_at < before.timestamp(),
                tasks.c.credits > 0,
            )
            .order_by(tasks.c.created_at)
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many unfinished tasks there are in each status."""
        counted: Counter[str] = Counter()
        for unfinished in (WAITING, ACTIVE):  # one after the other, because each has an index of its own
            asked = sa.select(tasks.c.status, sa.func.count()).where(unfinished).group_by(tasks.c.status)
            counted.update({row[0]: row[1] for row in self._connection.execute(asked)})
        return dict(counted)
