"""R13 in short: random lives of tasks on both databases, and the proof that the model notices what it must."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from lifecycle import World
from r13_lifecycle import careless, portion

from refilm.retention import Sweeper
from refilm.service import Service
from refilm.store.accounts import AccountRows
from refilm.store.postgres import PostgresStore
from refilm.store.sqlite import SqliteStore
from refilm.store.tasks import TaskRows


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of lives are told in one line."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: nobody cuts the power here, and a life has a hundred commits."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="refilm-test-", dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def sqlite_world(quick_folder: Path) -> Iterator[World]:
    """Two hosts on one SQLite file."""
    world = World(lambda: SqliteStore(quick_folder / "refilm.sqlite"), quick_folder)
    yield world
    world.close()


@pytest.fixture
def postgres_world(quick_folder: Path, postgres_url: str) -> Iterator[World]:
    """Two hosts on one PostgreSQL database."""
    world = World(lambda: PostgresStore(careless(postgres_url), connections=1), quick_folder)
    yield world
    world.close()


@pytest.mark.parametrize(("kind", "lives"), [("sqlite", 12), ("postgres", 6)])
def test_no_life_breaks_a_promise(request: pytest.FixtureRequest, kind: str, lives: int):
    """Creates, repeats, starts, ends, cancels, crashes, sweeps and races in any order: I1 to I8 hold after each."""
    world = request.getfixturevalue(f"{kind}_world")

    broken = portion(world, lives, 40, number=11)

    assert broken is None, broken
    assert world.steps > (lives - 1) * 40
    assert world.tasks > 2 * lives


def unfenced(finish: Callable[..., bool]) -> Callable[..., bool]:
    """Whoever ends a task last is right, whatever attempt it was."""

    def changed(self: TaskRows, task_id: str, attempt: int, *rest: Any, **more: Any) -> bool:
        current = self.remains(task_id)
        return finish(self, task_id, current.attempt if current else attempt, *rest, **more)

    return changed


FAULTS: dict[str, tuple[type, str, Callable[[Any], Any]]] = {
    "an overtaken attempt ends its task": (TaskRows, "finish", unfenced),
    "credits are given back twice": (
        AccountRows,
        "give_back",
        lambda give: lambda self, account, credits: (give(self, account, credits), give(self, account, credits)),
    ),
    "what a crash left is never removed": (Sweeper, "sweep_orphans", lambda _: lambda _self: None),
    "everybody's tasks can be deleted": (
        Service,
        "_delete",
        lambda delete: lambda self, tx, caller, task_id: delete(self, tx, owner_of(tx, caller, task_id), task_id),
    ),
}


def owner_of(tx: Any, caller: Any, task_id: str) -> Any:
    """Whoever asks is taken for the owner."""
    task = tx.tasks.get(task_id)
    return caller if task is None else type(caller)(task.account, caller.key_id)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_model_notices(fault: str, sqlite_world: World, monkeypatch: pytest.MonkeyPatch):
    """With one promise broken on purpose, a few lives are enough to find it."""
    owner, name, broken = FAULTS[fault]
    monkeypatch.setattr(owner, name, broken(getattr(owner, name)))

    found = portion(sqlite_world, 60, 40, number=5, shrink=False)

    assert found is not None
