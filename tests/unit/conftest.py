"""Parts for tests of the core: a clock that stands still, a store, assets, and tasks made to order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer

from refilm.assets.fetch import Fetcher, FetchLimits
from refilm.assets.local import LocalAssets
from refilm.config import Settings
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model
from refilm.domain.task import Task, TaskStatus
from refilm.domain.upload import Upload
from refilm.domain.uri import UriLimits
from refilm.intake import Intake
from refilm.net.policy import Policy
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
def chat_server() -> Iterator[ChatServer]:
    """A chat server for one test."""
    server = ChatServer()
    yield server
    server.close()


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


class Line:
    """A queue that only notes who stands in it."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def enqueue(self, _connection: object, task_id: str, _pool: str) -> None:
        """Stand in line."""
        self.ids.append(task_id)


@pytest.fixture
def line() -> Line:
    """An empty line, in the place of the durable engine."""
    return Line()


@pytest.fixture
def intake(store: SqliteStore, assets: LocalAssets, clock: Clock) -> Iterator[Intake]:
    """The real intake; its fetcher may go to public hosts only, and so nowhere in a test."""
    fetcher = Fetcher(Policy(), FetchLimits(answer_seconds=2))
    yield Intake(store, assets, fetcher, Settings().limits, UriLimits(), clock)
    fetcher.close()


@pytest.fixture
def new_upload(store: SqliteStore, assets: LocalAssets, clock: Clock) -> Callable[..., str]:
    """new_upload(account="ann", seconds=10, **members) -> runway:// URI of an upload that arrived and was probed."""
    numbers = itertools.count()

    def make(*, account: str = "ann", seconds: float = 10, size: tuple[int, int] = (640, 360), **members: Any) -> str:
        token = f"upload-token-{next(numbers)}"
        upload = Upload(token, account, "clip.mp4", clock(), members.pop("expires_at", clock() + timedelta(days=1)))
        info = ClipInfo("mp4", "h264", "yuv420p", *size, *size, duration=Fraction(seconds))
        arrival = {
            "key": f"uploads/{token}",
            "size": 9,
            "kind": "video",
            "facts": info.to_json(),
            "problem": None,
            **members,
        }
        store.write(lambda tx: tx.uploads.insert(upload)).result(10)
        if arrival["key"] is not None:
            with assets.writer(arrival["key"]) as file:
                file.write(b"the bytes")
            store.write(lambda tx: tx.uploads.complete(token, **arrival)).result(10)
        return upload.uri

    return make


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], set[str]]:
    """kept(): the keys of all assets there are."""
    root = tmp_path / "assets"
    return lambda: {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
