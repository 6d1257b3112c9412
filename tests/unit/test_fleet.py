"""Who is dead, what is put right, and who makes way: first as pure decisions, then on rows."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.task import Task
from refilm.fleet import Fleet, Repair, Rhythm, Silence, repair_of
from refilm.queue import Work
from refilm.store.sqlite import SqliteStore
from refilm.store.tables import workers as worker_rows
from refilm.store.workers import DatabaseClock, Worker

RHYTHM = Rhythm(beat_seconds=5, dead_seconds=30)


# silence


def test_a_beat_that_stands_still_is_a_silence():
    """Seconds of silence are those since a beat last changed."""
    silence = Silence(longest_look=10)

    assert silence.look({"ann": 100.0}, at=0) == {"ann": 0}
    assert silence.look({"ann": 100.0}, at=5) == {"ann": 5}
    assert silence.look({"ann": 100.0}, at=10) == {"ann": 10}
    assert silence.look({"ann": 105.5}, at=15) == {"ann": 0}


def test_a_step_of_the_database_clock_kills_nobody():
    """Beats three days ahead or an hour back are beats."""
    silence = Silence(longest_look=10)
    for at, beat in enumerate((1000.0, 1000.0 + 3 * 86_400, 1000.0 - 3600, 1000.0)):
        assert silence.look({"ann": beat}, at=5.0 * at) == {"ann": 0}


def test_what_the_observer_slept_through_counts_as_one_look():
    """A suspended machine does not take its peers, suspended with it, for dead."""
    silence = Silence(longest_look=10)
    silence.look({"ann": 100.0}, at=0)

    assert silence.look({"ann": 100.0}, at=3600) == {"ann": 10}


def test_who_was_removed_and_came_back_begins_anew():
    """Silence is forgotten with the row."""
    silence = Silence(longest_look=10)
    silence.look({"ann": 1.0}, at=0)
    silence.look({"ann": 1.0}, at=9)

    assert silence.look({}, at=10) == {}
    assert silence.look({"ann": 1.0}, at=12) == {"ann": 0}


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=30))
def test_silence_is_at_most_the_time_since_the_last_change(looks: list[tuple[float, bool]]):
    """Whatever the looks: never more than really passed, and nothing right after a beat."""
    silence, beats, at, changed_at = Silence(longest_look=10), itertools.count(), 0.0, 0.0
    beat = next(beats)
    for pause, beats_now in looks:
        at += pause
        if beats_now:
            beat, changed_at = next(beats), at
        seconds = silence.look({"ann": float(beat)}, at)["ann"]
        assert 0 <= seconds <= at - changed_at + 1e-6
        assert not (beats_now and seconds)


# what a sweep puts right


def work(task_id: str, worker: str | None = None, contract: str = "1", pool: str = "cpu") -> Work:
    """Something in flight."""
    return Work(task_id, pool, contract, worker, 0)


def test_what_a_living_worker_does_is_left_alone():
    """Also if it is slow, drains, or runs an older contract."""
    works = [work("a", "ann"), work("b", "old", contract="0"), work("c")]

    assert repair_of(works, {}, {"ann", "old"}, {"1"}) == Repair((), {})


def test_what_nobody_does_goes_back_into_line():
    """Claimed by somebody without a row: resumed, with all that it recorded."""
    orphan = work("a", "gone")

    assert repair_of([orphan, work("b", "ann")], {}, {"ann"}, {"1"}) == Repair((orphan,), {})


def test_what_nobody_would_ever_take_is_enqueued_anew():
    """In line for a contract that nobody serves, or claimed by the dead of one, or nowhere to be found."""
    works = [work("a", contract="1", pool="gpu"), work("b", "gone", contract="1"), work("c", contract="2")]

    assert repair_of(works, {"lost": "relay"}, {"ann"}, {"2"}) == Repair((), {"lost": "relay", "a": "gpu", "b": "cpu"})


@given(
    st.lists(
        st.builds(
            work,
            st.uuids().map(str),
            st.sampled_from([None, "ann", "bob", "gone", "lost"]),
            st.sampled_from(["1", "2"]),
        )
    ),
    st.sets(st.sampled_from(["ann", "bob"])),
    st.sets(st.sampled_from(["1", "2"])),
)
def test_after_a_sweep_everything_has_somebody(works: list[Work], workers: set[str], served: set[str]):
    """Whatever is in flight is afterwards done by somebody with a row, or stands in line for somebody."""
    repair = repair_of(works, {}, workers, served)

    resumed = {each.task_id for each in repair.resume}
    assert not resumed & repair.renew.keys()
    for each in works:
        if each.worker in workers:
            assert each.task_id not in resumed | repair.renew.keys()
        elif each.contract in served:
            assert (each.task_id in resumed) == (each.worker is not None)
        else:
            assert each.task_id in repair.renew


# on rows


@dataclass
class Floor:
    """A durable engine that only notes what it is told."""

    works: list[Work] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    enqueued: list[tuple[str, str]] = field(default_factory=list)
    drains: list[bool] = field(default_factory=list)

    def in_flight(self) -> list[Work]:
        """What the test says."""
        return self.works

    def resume(self, works: Sequence[Work]) -> None:
        """Note it."""
        self.resumed += [each.task_id for each in works]

    def forget(self, task_ids: Sequence[str]) -> None:
        """Note it."""
        self.forgotten += task_ids

    def enqueue(self, _connection: Any, task_id: str, pool: str) -> None:
        """Note it."""
        self.enqueued.append((task_id, pool))

    def drain(self, on: bool = True) -> None:
        """Note it."""
        self.drains.append(on)


class Ticks:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Member:
    """One process of a fleet, without its thread."""

    fleet: Fleet
    floor: Floor
    ticks: Ticks
    woken: list[int]

    def turns(self, count: int = 1, seconds: float = 5) -> None:
        """Let it take so many turns."""
        for _ in range(count):
            self.ticks.at += seconds
            self.fleet.turn()


@pytest.fixture
def member(store: SqliteStore) -> Callable[..., Member]:
    """member("ann", contract=1, slots=2): a process that has entered its row."""

    def make(name: str, *, contract: int = 1, slots: int = 2) -> Member:
        floor, ticks, woken = Floor(), Ticks(), [0]
        own = [Worker(name, "cpu", slots, contract, "1.0")] if slots else []
        fleet = Fleet(
            store,
            floor,
            name,
            own,
            RHYTHM,
            contract=contract,
            pool_of=lambda engine: f"pool-of-{engine}",
            wake=lambda: woken.__setitem__(0, woken[0] + 1),
            clock=ticks,
        )
        fleet.enter()
        return Member(fleet, floor, ticks, woken)

    return make


def rows(store: SqliteStore) -> dict[str, Worker]:
    """Everybody with a row who lives."""
    return {worker.id: worker for worker in store.read(lambda tx: tx.workers.living(30))}


def admitted(store: SqliteStore, task: Task) -> str:
    """A task that was admitted."""
    store.insert_task(task).result(10)
    store.write(lambda tx: tx.tasks.admit([task.id], task.created_at)).result(10)
    return task.id


def test_the_dead_are_buried_once_and_what_they_did_goes_back_into_line(
    store: SqliteStore, member: Callable[..., Member], caplog: pytest.LogCaptureFixture
):
    """After thirty seconds of silence the row is gone and the work resumed; the living are left alone."""
    ann, bob = member("ann"), member("bob")
    ann.floor.works = [work("a", "bob"), work("b", "ann")]

    ann.turns(6)
    assert set(rows(store)) == {"ann", "bob"}
    assert ann.floor.resumed == []
    with caplog.at_level(logging.WARNING):
        ann.turns(1)

    assert set(rows(store)) == {"ann"}
    assert ann.floor.resumed == ["a"]
    assert "bob is dead" in caplog.text
    assert bob.floor.resumed == []


def test_who_is_known_to_be_dead_is_not_waited_for(store: SqliteStore, member: Callable[..., Member]):
    """What a namesake on this machine left is taken up at the first turn."""
    member("ann")
    bob = member("bob")
    bob.floor.works = [work("a", "ann")]

    bob.fleet.enter(["ann", "nobody"])
    bob.turns(1)

    assert set(rows(store)) == {"bob"}
    assert bob.floor.resumed == ["a"]


def test_who_was_buried_too_early_enters_again(
    store: SqliteStore, member: Callable[..., Member], caplog: pytest.LogCaptureFixture
):
    """A worker that only stood still says so at its next beat, and is counted on again."""
    ann, bob = member("ann"), member("bob")
    ann.turns(7)
    assert set(rows(store)) == {"ann"}

    with caplog.at_level(logging.WARNING):
        bob.turns(1)

    assert set(rows(store)) == {"ann", "bob"}
    assert "taken for dead" in caplog.text


def test_a_process_that_only_answers_has_no_row_and_sweeps_all_the_same(
    store: SqliteStore, member: Callable[..., Member]
):
    """It counts for nobody, buries the dead, and gives their work back as soon as somebody is there to take it."""
    member("bob")
    api = member("api", slots=0)
    api.floor.works = [work("a", "bob")]

    api.turns(7)

    assert rows(store) == {}
    assert (api.floor.resumed, api.floor.enqueued) == ([], [])

    member("ann")
    api.turns(3)

    assert (api.floor.resumed, api.floor.enqueued) == (["a"], [])


def test_an_older_process_makes_way_for_a_newer_one_and_comes_back(
    store: SqliteStore, member: Callable[..., Member], caplog: pytest.LogCaptureFixture
):
    """It claims nothing, says so in the log once and in its row, and takes work again when the newer one is gone."""
    old, new = member("old", contract=1), member("new", contract=2)
    with caplog.at_level(logging.WARNING):
        old.turns(2)
    new.turns(2)

    assert (old.floor.drains, new.floor.drains) == ([True], [])
    assert rows(store)["old"].draining
    assert not rows(store)["new"].draining
    assert caplog.text.count("takes nothing new") == 1

    new.fleet.close()
    old.turns(2)

    assert old.floor.drains == [True, False]
    assert not rows(store)["old"].draining


def test_what_stands_in_line_for_an_older_contract_is_enqueued_anew_by_the_newer(
    store: SqliteStore, member: Callable[..., Member]
):
    """Once every older worker drains, and only by a process that can run it; what still runs is left to end."""
    old, new = member("old", contract=1), member("new", contract=2)
    works = [work("waits"), work("runs", "old")]
    old.floor.works = new.floor.works = works

    new.turns(4)
    assert new.floor.enqueued == [], "an old worker may still take it"
    old.turns(4)
    new.turns(4)

    assert old.floor.enqueued == []
    assert set(new.floor.enqueued) == {("waits", "cpu")}
    assert set(new.floor.forgotten) == {"waits"}


def test_an_admitted_task_that_is_nowhere_is_enqueued_at_the_second_sweep(
    store: SqliteStore, member: Callable[..., Member], new_task: Callable[..., Task]
):
    """Whatever swallowed it; at the first sweep it may just have ended."""
    ann = member("ann")
    lost, runs = admitted(store, new_task()), admitted(store, new_task())
    ann.floor.works = [work(runs, "ann")]

    ann.fleet.sweep()
    assert ann.floor.enqueued == []
    ann.fleet.sweep()

    assert ann.floor.enqueued == [(lost, "pool-of-effects")]


def test_leaving_is_told_and_closing_takes_the_row_away(store: SqliteStore, member: Callable[..., Member]):
    """From `leave` on nobody counts on its slots; after `close` it is not waited for."""
    ann = member("ann")
    ann.fleet.leave()
    assert store.read(lambda tx: tx.workers.slots(30)) == {}
    ann.turns(1)
    assert rows(store)["ann"].draining

    ann.fleet.close()

    assert rows(store) == {}


def test_every_turn_lets_admission_look(member: Callable[..., Member]):
    """Others may have come, or may not enqueue themselves."""
    ann = member("ann")

    ann.turns(3)

    assert ann.woken == [3]


def test_the_thread_beats_by_itself(store: SqliteStore):
    """Between start and close the row is there and its beat moves on."""
    floor, ann = Floor(), Worker("ann", "cpu", 1, 1, "1.0")
    fleet = Fleet(
        store,
        floor,
        "ann",
        [ann],
        Rhythm(0.01, 30),
        contract=1,
        pool_of=str,
        wake=lambda: None,
        clock=Ticks(),
    )
    fleet.enter()
    fleet.start()
    store.write(lambda tx: tx.connection.execute(worker_rows.update().values(beat_at=DatabaseClock() - 100))).result(10)

    while not rows(store):
        pass

    fleet.close()
    assert rows(store) == {}


def test_a_database_that_is_away_is_told_and_outlived(store: SqliteStore, caplog: pytest.LogCaptureFixture):
    """Leaving and closing do not fail where nobody can be told."""
    fleet = Fleet(
        store,
        Floor(),
        "ann",
        [Worker("ann", "cpu", 1, 1, "1.0")],
        RHYTHM,
        contract=1,
        pool_of=str,
        wake=lambda: None,
        clock=Ticks(),
    )
    fleet.enter()
    store.close()

    with caplog.at_level(logging.WARNING):
        fleet.leave()
        fleet.close()

    assert "until it is swept" in caplog.text
