"""A task: one asked-for edit and its status. Plain values; every change of state is decided here and stored by
`refilm.service`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from refilm.domain.edit import EditRequest


class TaskStatus(StrEnum):
    """Runway's six words."""

    PENDING = "PENDING"
    THROTTLED = "THROTTLED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the status never changes again."""
        return self in TERMINAL


TERMINAL = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED})
WAITING = frozenset({TaskStatus.PENDING, TaskStatus.THROTTLED})

#: From each status, where a task may go next. RUNNING to RUNNING is a new attempt.
TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.THROTTLED, TaskStatus.RUNNING, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.THROTTLED: frozenset({TaskStatus.PENDING, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.RUNNING: frozenset({TaskStatus.RUNNING, TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.SUCCEEDED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}

#: How often a task may be started before it fails for good: an input that kills its process must not loop.
MAX_ATTEMPTS = 3


def may_become(before: TaskStatus, after: TaskStatus) -> bool:
    """Whether a task in status `before` may go to status `after`."""
    return after in TRANSITIONS[before]


@dataclass(frozen=True)
class Failure:
    """Why a task failed: a sentence for people and a dotted code for programs."""

    message: str
    code: str


@dataclass(frozen=True)
class Task:
    """One asked-for edit as stored.

    progress: 0..1 while RUNNING.  attempt: how often it was started.  estimated_credits: the ceiling told at create.
    reserved: what of that was taken from a counted account at create, to be settled once at the end.
    credits: the final cost, set once with the terminal status.  outputs: asset keys.
    applied: what the engine did, or why it refused, as JSON values.  priority: while it waits, the higher goes first.
    """

    id: str
    account: str
    request: EditRequest
    status: TaskStatus
    created_at: datetime
    engine: str
    estimated_credits: int = 0
    reserved: int = 0
    credits: int | None = None
    progress: float = 0.0
    attempt: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outputs: tuple[str, ...] = ()
    failure: Failure | None = None
    applied: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
