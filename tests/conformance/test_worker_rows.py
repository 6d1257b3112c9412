"""What every store promises about the rows of workers, by its own clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from refilm.store.base import Store
from refilm.store.postgres import PostgresStore
from refilm.store.sqlite import SqliteStore
from refilm.store.tables import workers
from refilm.store.workers import DatabaseClock, Worker

ANN = Worker("ann", "cpu", slots=2, contract=1, version="1.0")
BOB = Worker("bob", "cpu", slots=3, contract=1, version="1.0")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store, empty."""
    opened: Store
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "rows.sqlite")
    else:
        opened = PostgresStore(request.getfixturevalue("postgres_url"))
    yield opened
    opened.close()


def do(store: Store, change: Callable[[Any], Any]) -> Any:
    """The result of a write."""
    return store.write(change).result(10)


def silent(store: Store, worker: Worker, seconds: float) -> None:
    """Let a worker's last beat be so many seconds ago."""
    do(
        store,
        lambda tx: tx.connection.execute(
            workers.update().where(workers.c.id == worker.id).values(beat_at=DatabaseClock() - seconds)
        ),
    )


def test_the_slots_of_the_living_are_added_up_by_pool(store: Store):
    """Each pool has the slots of all who serve it; one process may serve several."""
    do(store, lambda tx: tx.workers.register("ann", [ANN, replace(ANN, pool="gpu", slots=1)]))
    do(store, lambda tx: tx.workers.register("bob", [BOB]))

    assert store.read(lambda tx: tx.workers.slots(30)) == {"cpu": 5, "gpu": 1}


def test_nobody_serves_in_an_empty_table(store: Store):
    """No workers: no slots, nobody living, no error."""
    assert store.read(lambda tx: tx.workers.slots(30)) == {}
    assert store.read(lambda tx: tx.workers.living(30)) == []
    assert store.read(lambda tx: tx.workers.beats()) == {}


def test_who_drains_or_fell_silent_has_no_slots(store: Store):
    """Slots are counted of those who will take work."""
    do(store, lambda tx: tx.workers.register("ann", [ANN]))
    do(store, lambda tx: tx.workers.register("bob", [BOB]))

    assert do(store, lambda tx: tx.workers.beat("ann", draining=True))
    assert store.read(lambda tx: tx.workers.slots(30)) == {"cpu": 3}

    silent(store, BOB, 31)
    assert store.read(lambda tx: tx.workers.slots(30)) == {}


def test_only_the_newest_contract_has_slots(store: Store):
    """An older contract takes no new work, even before its workers know it; one that fell silent stands for nobody."""
    newer = replace(BOB, contract=2)
    do(store, lambda tx: tx.workers.register("ann", [ANN]))
    do(store, lambda tx: tx.workers.register("bob", [newer]))

    assert sorted(store.read(lambda tx: tx.workers.living(30)), key=lambda worker: worker.id) == [ANN, newer]
    assert store.read(lambda tx: tx.workers.slots(30)) == {"cpu": 3}
    assert store.read(lambda tx: tx.workers.slots(30, contract=2)) == {"cpu": 3}
    assert store.read(lambda tx: tx.workers.slots(30, contract=1)) == {}

    silent(store, newer, 31)
    assert store.read(lambda tx: tx.workers.living(30)) == [ANN]
    assert store.read(lambda tx: tx.workers.slots(30, contract=1)) == {"cpu": 2}
    assert store.read(lambda tx: tx.workers.slots(30, contract=2)) == {}


def test_a_lock_that_is_held_is_refused_at_once(postgres_url: str):
    """Of many who try only one has it, until its transaction ends. (SQLite has one writer and one process.)"""
    store = PostgresStore(postgres_url)

    def held(tx: Any) -> tuple[bool, bool]:
        return tx.try_lock("sweep"), store.read(lambda other: other.try_lock("sweep"))

    assert store.read(held) == (True, False)
    assert store.read(lambda tx: tx.try_lock("sweep")) is True
    store.close()


def test_registering_again_forgets_what_was_served_before(store: Store):
    """A process that came back with other pools is not counted for the old ones."""
    do(store, lambda tx: tx.workers.register("ann", [ANN]))

    do(store, lambda tx: tx.workers.register("ann", [replace(ANN, pool="gpu")]))

    assert store.read(lambda tx: tx.workers.slots(30)) == {"gpu": 2}


def last_beat(store: Store, worker_id: str) -> float:
    """When a worker was last heard of."""
    return float(store.read(lambda tx: tx.workers.beats())[worker_id])


def test_a_beat_makes_a_silent_worker_live_again(store: Store):
    """As long as nobody removed it, a late beat counts, and whoever saw only the beat before cannot remove it."""
    do(store, lambda tx: tx.workers.register("ann", [ANN]))
    silent(store, ANN, 100)
    seen = last_beat(store, "ann")

    assert do(store, lambda tx: tx.workers.beat("ann"))

    assert do(store, lambda tx: tx.workers.remove("ann", seen)) is False
    assert store.read(lambda tx: tx.workers.slots(30)) == {"cpu": 2}


def test_a_removed_worker_hears_it_at_its_next_beat(store: Store):
    """Whoever was taken for dead learns it, and may register again."""
    do(store, lambda tx: tx.workers.register("ann", [ANN]))

    assert do(store, lambda tx: tx.workers.remove("ann", last_beat(store, "ann"))) is True

    assert do(store, lambda tx: tx.workers.beat("ann")) is False
    assert store.read(lambda tx: tx.workers.beats()) == {}
    do(store, lambda tx: tx.workers.register("ann", [ANN]))
    assert do(store, lambda tx: tx.workers.beat("ann")) is True


def test_one_of_many_sweepers_removes_a_dead_worker(store: Store):
    """Eight who find the same dead worker at once: one of them wins, and its every row goes."""
    do(store, lambda tx: tx.workers.register("ann", [ANN, replace(ANN, pool="gpu")]))
    seen = last_beat(store, "ann")

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda _: do(store, lambda tx: tx.workers.remove("ann", seen)), range(8)))

    assert won.count(True) == 1
    assert store.read(lambda tx: tx.workers.beats()) == {}


def test_leaving_needs_no_silence(store: Store):
    """A process that ends takes its rows with it at once."""
    do(store, lambda tx: tx.workers.register("ann", [ANN]))

    assert do(store, lambda tx: tx.workers.remove("ann")) is True

    assert store.read(lambda tx: tx.workers.slots(30)) == {}


def test_beats_use_the_clock_of_the_database(store: Store):
    """The moment of a beat lies between two looks at the database's clock."""

    def clock(tx: Any) -> float:
        return float(tx.connection.execute(sa.select(DatabaseClock())).scalar_one())

    before = store.read(clock)
    do(store, lambda tx: tx.workers.register("ann", [ANN, replace(ANN, pool="gpu")]))
    after = store.read(clock)

    beats = set(store.read(lambda tx: tx.connection.execute(sa.select(workers.c.beat_at)).scalars()))
    assert len(beats) == 1, "the rows of one process beat together"
    assert before <= beats.pop() <= after
