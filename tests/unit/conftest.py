"""Parts for tests of the core: a clock that stands still, a store, assets, and tasks made to order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from refilm.assets.local import LocalAssets
from refilm.domain.edit import EditRequest, Model
from refilm.domain.task import Task, TaskStatus
from refilm.store.sqlite import SqliteStore


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        """Let time pass: move(seconds=1)."""
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at a fixed moment."""
    return Clock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """An empty embedded store."""
    store = SqliteStore(tmp_path / "refilm.sqlite")
    yield store
    store.close()


@pytest.fixture
def assets(tmp_path: Path) -> LocalAssets:
    """An empty folder of assets."""
    return LocalAssets(tmp_path / "assets")


@pytest.fixture
def new_task(clock: Clock) -> Callable[..., Task]:
    """new_task(account="ann", model=..., prompt=..., **members): a PENDING task, a second younger than the last."""
    numbers = itertools.count()

    def make(
        *, account: str = "ann", model: Model = Model.GEN4_ALEPH, prompt: str = "make it warm", **members: Any
    ) -> Task:
        number = next(numbers)
        usual: dict[str, Any] = {
            "id": f"task-{number}",
            "account": account,
            "request": EditRequest(model, "asset:inputs/video", prompt, seed=7),
            "status": TaskStatus.PENDING,
            "created_at": clock() + timedelta(seconds=number),
            "engine": "effects",
        }
        return Task(**{**usual, **members})

    return make
