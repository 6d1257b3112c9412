"""A question about an account's tasks, and one page of the answer. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from refilm.domain.edit import Model
from refilm.domain.task import Task, TaskStatus

MAX_PAGE = 100
MAX_TEXT = 200


@dataclass(frozen=True)
class Place:
    """Where a page ended: tasks are ordered by creation, the newest first, then by id."""

    created_at: float
    task_id: str


@dataclass(frozen=True)
class Listing:
    """Which tasks are asked for. Empty and None: any.

    since, before: of creation, [since, before).  text: part of the prompt, in any case.  after: where the page before
    ended.  limit: 1..MAX_PAGE tasks.
    """

    statuses: frozenset[TaskStatus] = frozenset()
    models: frozenset[Model] = frozenset()
    engine: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    text: str | None = None
    after: Place | None = None
    limit: int = 20

    def matches_text(self, task: Task) -> bool:
        """Whether the task's prompt holds the text that is looked for."""
        return self.text is None or self.text.casefold() in (task.request.prompt_text or "").casefold()


@dataclass(frozen=True)
class Page:
    """Some tasks. next: where to go on, None where there are no more."""

    tasks: tuple[Task, ...]
    next: Place | None
