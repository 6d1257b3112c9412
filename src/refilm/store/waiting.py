"""What admission asks of the tasks: who waits, who is at work, and who is over a cap. Changes nothing.

Tasks that are alike for admission stand in a lane: one account, model, engine and priority, the oldest first. With many
tasks waiting only the heads of the lanes are read, by jumping from lane to lane in an index: a look costs what there
are lanes, however long they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from refilm.domain.task import TaskStatus
from refilm.store.tables import ACTIVE, WAITING, accounts, tasks


@dataclass(frozen=True)
class Lane:
    """What tasks that are alike for admission have in common."""

    account: str
    model: str
    engine: str
    priority: int


@dataclass(frozen=True)
class Waiting:
    """A task that nobody admitted yet, as far as admission needs to know it. created_at: seconds since the epoch."""

    id: str
    lane: Lane
    created_at: float


@dataclass(frozen=True)
class Head:
    """The oldest task of a lane, and the name of its account's tier, if it was given one."""

    task: Waiting
    tier: str | None


@dataclass(frozen=True)
class Place:
    """Where a task stands among those of its account and model that wait: 1 is the next."""

    id: str
    account: str
    model: str
    tier: str | None
    throttled: bool
    number: int


_LANE = (tasks.c.account, tasks.c.model, tasks.c.engine, tasks.c.priority)
_COLUMNS = (tasks.c.id, *_LANE, tasks.c.created_at)
_IN_LANE = (tasks.c.created_at, tasks.c.id)
#: Within an account and model: the more urgent, then the older.
_IN_TURN = (tasks.c.priority.desc(), *_IN_LANE)


#: Later than any task is created.
_NEVER = 1e300


def _heads() -> sa.Select[Any]:
    """The head of every lane: the first task of the index, then again and again the first beyond the lane.

    Known as a loose index scan, or skip scan; neither database does it by itself.
    """
    first = sa.select(*_COLUMNS).where(WAITING).order_by(*_LANE, *_IN_LANE).limit(1).subquery("first")
    head = sa.select(first).cte("head", recursive=True)
    beyond = tasks.alias("beyond")
    lane = (beyond.c.account, beyond.c.model, beyond.c.engine, beyond.c.priority)
    # SQLite goes by all of these columns, and not by the first alone, only where it cannot tell the type of a value:
    # hence the concatenations and the sum, which change nothing. It also reads whatever is equal: hence a time that
    # never comes.
    end = (
        *(head.c[name].concat("") for name in ("account", "model", "engine")),
        head.c.priority + 0,
        sa.literal(_NEVER),
    )
    following = (
        sa.select(beyond.c.id)
        .where(
            beyond.c.admitted_at.is_(None),
            beyond.c.finished_at.is_(None),
            sa.tuple_(*lane, beyond.c.created_at) > sa.tuple_(*end),
        )
        .order_by(*lane, beyond.c.created_at, beyond.c.id)
        .limit(1)
        .correlate(head)
        .scalar_subquery()
    )
    head = head.union_all(sa.select(*_COLUMNS).select_from(head.join(tasks, tasks.c.id == following)))
    return sa.select(head, accounts.c.tier).select_from(head.outerjoin(accounts, accounts.c.id == head.c.account))


_HEADS = _heads()


def _waiting(row: Sequence[Any]) -> Waiting:
    return Waiting(row[0], Lane(row[1], row[2], row[3], row[4]), row[5])


class WaitingRows:
    """Questions about waiting and admitted tasks within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def heads(self) -> list[Head]:
        """The oldest task of every lane, in no order."""
        return [Head(_waiting(row), row[6]) for row in self._connection.execute(_HEADS).fetchall()]

    def behind(self, task: Waiting, most: int) -> list[Waiting]:
        """The tasks that stand behind one in its lane, at most so many, the oldest first."""
        lane = task.lane
        rows = self._connection.execute(
            sa.select(*_COLUMNS)
            .where(
                WAITING,
                tasks.c.account == lane.account,
                tasks.c.model == lane.model,
                tasks.c.engine == lane.engine,
                tasks.c.priority == lane.priority,
                sa.tuple_(*_IN_LANE) > sa.tuple_(sa.literal(task.created_at), sa.literal(task.id)),
            )
            .order_by(*_IN_LANE)
            .limit(most)
        )
        return [_waiting(row) for row in rows]

    def active(self) -> dict[Lane, int]:
        """How many tasks of each lane are admitted and not finished."""
        rows = self._connection.execute(sa.select(*_LANE, sa.func.count()).where(ACTIVE).group_by(*_LANE))
        return {Lane(row[0], row[1], row[2], row[3]): row[4] for row in rows}

    def active_of(self, account: str, model: str) -> int:
        """How many tasks of an account and model are admitted and not finished."""
        asked = sa.select(sa.func.count()).where(ACTIVE, tasks.c.account == account, tasks.c.model == model)
        return int(self._connection.execute(asked).scalar_one())

    def count_of(self, account: str, model: str | None = None, *, most: int) -> int:
        """How many tasks of an account, or of one model of it, wait; counted up to `most`."""
        chosen = sa.select(tasks.c.id).where(WAITING, tasks.c.account == account)
        if model is not None:
            chosen = chosen.where(tasks.c.model == model)
        counted = sa.select(sa.func.count()).select_from(chosen.limit(most).subquery())
        return int(self._connection.execute(counted).scalar_one())

    def throttled_before(self, account: str, model: str, most: int) -> list[str]:
        """Ids of those that are THROTTLED among the next `most` of an account and model."""
        next_ones = (
            sa.select(tasks.c.id, tasks.c.status)
            .where(WAITING, tasks.c.account == account, tasks.c.model == model)
            .order_by(*_IN_TURN)
            .limit(most)
            .subquery()
        )
        asked = sa.select(next_ones.c.id).where(next_ones.c.status == TaskStatus.THROTTLED)
        return list(self._connection.execute(asked).scalars())

    def places(self) -> list[Place]:
        """Where everybody stands who waits. Reads all of them: for a look once in a while."""
        number = sa.func.row_number().over(partition_by=(tasks.c.account, tasks.c.model), order_by=_IN_TURN)
        asked = (
            sa.select(tasks.c.id, tasks.c.account, tasks.c.model, accounts.c.tier, tasks.c.status, number)
            .select_from(tasks.outerjoin(accounts, accounts.c.id == tasks.c.account))
            .where(WAITING)
        )
        rows = self._connection.execute(asked)
        return [Place(row[0], row[1], row[2], row[3], row[4] == TaskStatus.THROTTLED, row[5]) for row in rows]
