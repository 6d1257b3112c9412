"""How often a task is tried: over broken-off edits, kills and stops at any moment, with the real store and service.

The lives of a server are played one after the other. What the durable engine would record is kept between them, and a
kill is an exception that nobody catches, raised where a process could die.
"""

from __future__ import annotations

import itertools
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from refilm.accounts import Caller
from refilm.admission import Admission
from refilm.assets.local import LocalAssets
from refilm.assets.room import Room
from refilm.assets.signing import Signer
from refilm.config import Settings
from refilm.domain.account import Tier
from refilm.domain.clip import ClipInfo
from refilm.domain.task import MAX_ATTEMPTS, Task, TaskStatus
from refilm.engines.base import Outcome
from refilm.errors import BadOutput, EditFailure, EngineCrash, InvalidAsset, TooExpensive, UnsupportedEdit
from refilm.queue import Interrupted, Overtaken
from refilm.service import Service, Terms
from refilm.store.sqlite import SqliteStore
from refilm.workflow import Allowance, Workflow

ANN = Caller("ann", "k1")
SETTINGS = Settings()
INFO = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(3))

#: What becomes of one try of the edit. All but the first two and the last count as an attempt.
FATES = ("well", "stopped", "broken", "broken and killed", "broken, noted, killed", "broken, noted, stopped", "killed")
LOSING = FATES[2:]


class Killed(BaseException):
    """The process is gone."""


class Lives:
    """A task, and the servers that one after the other work on it."""

    def __init__(self, store: SqliteStore, assets: LocalAssets, task: Task, fates: list[Any]) -> None:
        self.store, self.assets, self.task = store, assets, task
        self.fates = itertools.chain(fates, itertools.repeat("well"))
        self.room = Room()
        self.recorded: list[tuple[str, bytes]] = []
        self.edits: list[int] = []
        self.fate: Any = None
        admission = Admission(
            store, lambda *_: None, lambda _: "cpu", lambda tx: {"cpu": 9}, lambda _: Tier(), lambda: task.created_at
        )
        terms = Terms(lambda _: "odd", SETTINGS.limits, {}, 600)
        signer = Signer([("k", b"sixteen bytes or more")])
        self.service = Service(store, assets, admission, None, signer, terms, lambda: task.created_at)

    def live(self) -> bool:
        """One life of a server. Whether it came to an end of the task that the durable engine would record."""
        self.workflow = Workflow(
            self.service,
            self.store,
            self.assets,
            None,
            self,
            limits_of=SETTINGS.limits,
            allowance=Allowance(3600, 1),
            options={},
            room=self.room,
        )
        steps = itertools.count()

        def step(name: str, work: Any, *arguments: Any) -> Any:
            number = next(steps)
            if number == len(self.recorded):
                outcome = self._outcome_of(work, arguments)
                if self.fate == "broken and killed":
                    raise Killed
                self.recorded.append((name, pickle.dumps(outcome)))
                if self.fate == "broken, noted, killed":
                    raise Killed
                if self.fate == "broken, noted, stopped":
                    self.workflow.stop()
                self.fate = None
            assert self.recorded[number][0] == name, "a life takes the steps of the life before"
            outcome = pickle.loads(self.recorded[number][1])
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        try:
            self.workflow.run(self.task.id, step)
        except (Killed, Interrupted, Overtaken):
            return False
        finally:
            self.fate = None
        return True

    @staticmethod
    def _outcome_of(work: Any, arguments: Any) -> Any:
        try:
            return work(*arguments)
        except Exception as error:
            return error

    def to_the_end(self) -> Task:
        """As many lives as it takes; the task, finished."""
        for _ in range(50):
            if self.live():
                break
        found = self.store.read(lambda tx: tx.tasks.remains(self.task.id))
        assert found.status.is_terminal, found
        return found

    # what the workflow asks of a runner

    def probe_clip(self, _file: Any, **_: Any) -> ClipInfo:
        """The facts of the clip."""
        return INFO

    def edit(self, _engine: str, _request: Any, _info: Any, files: list[Any], on_tick: Any, **_: Any) -> Outcome:
        """One try."""
        self.fate = next(self.fates)
        files[-1].write(b"half a clip")
        if self.fate == "stopped":
            raise Interrupted
        now = self.store.task(self.task.id)
        self.edits.append(now.attempt)
        if self.fate == "killed":
            raise Killed
        if isinstance(self.fate, EditFailure):
            raise self.fate
        if self.fate != "well":
            raise EngineCrash("It went up in smoke.")
        on_tick(0.5)
        return Outcome({"done": True}, 75)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("refilm.workflow.RETRY_SECONDS", 0.0)


@pytest.fixture
def lives_of(store, assets, new_task):
    """lives_of(fates): the lives of a new, admitted task."""

    def make(fates: list[Any]) -> Lives:
        task = new_task()
        with assets.writer("inputs/video") as file:
            file.write(b"a clip")
        store.insert_task(task).result(10)
        store.write(lambda tx: tx.tasks.admit([task.id], task.created_at)).result(10)
        return Lives(store, assets, task, fates)

    return make


def outputs(assets: LocalAssets, task: Task) -> list[str]:
    """Every asset that the task left."""
    return sorted(assets.keys(f"outputs/{task.id}"))


@given(fates=st.lists(st.sampled_from(FATES[1:]), max_size=7))
@example(fates=["broken, noted, stopped"] * 3)
@example(fates=["killed", "broken, noted, killed", "stopped", "broken"])
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_attempt_counts_once_over_any_lives(lives_of, assets, fates: list[str]):
    """Whatever breaks off whenever: three tries that were lost end the task FAILED, fewer let it succeed; no try is
    lost, none counted twice, and there is never a fourth. Being stopped does not count. One output, or none.
    """
    lost = 0
    while lost < len(fates) and sum(fate in LOSING for fate in fates[:lost]) < MAX_ATTEMPTS:
        lost += 1
    losses = sum(fate in LOSING for fate in fates[:lost])
    lives = lives_of(fates)

    done = lives.to_the_end()

    assert lives.edits == list(range(1, min(losses + 1, MAX_ATTEMPTS) + 1))
    if losses == MAX_ATTEMPTS:
        assert (done.status, done.failure.code) == (TaskStatus.FAILED, "INTERNAL")
        assert f"broke off {MAX_ATTEMPTS} times" in done.failure.message
        assert outputs(assets, done) == []
    else:
        assert (done.status, done.attempt) == (TaskStatus.SUCCEEDED, losses + 1)
        assert outputs(assets, done) == list(done.outputs) == [f"outputs/{done.id}/{losses + 1}.mp4"]


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (EngineCrash("Gone."), MAX_ATTEMPTS),
        (BadOutput("No clip."), MAX_ATTEMPTS),
        (InvalidAsset("No clip."), 1),
        (UnsupportedEdit("No.", refused=[("a dog", "It adds.")]), 1),
        (TooExpensive("Too long."), 1),
    ],
)
def test_only_what_may_pass_is_tried_again(lives_of, failure: EditFailure, tries: int):
    """A failure that knows that a retry cannot help is final at once. The last failure's code and words are told."""
    lives = lives_of([failure] * 5)

    done = lives.to_the_end()

    assert len(lives.edits) == tries
    assert (done.status, done.failure.code, done.credits) == (TaskStatus.FAILED, failure.failure_code, 0)
    assert str(failure) in done.failure.message
    assert ("3 times" in done.failure.message) is (tries == MAX_ATTEMPTS)


def test_a_probe_that_breaks_off_is_tried_again(lives_of, monkeypatch: pytest.MonkeyPatch):
    """The process that looks at the clip is one like that of the edit."""
    lives, calls = lives_of([]), itertools.count(1)

    def probe(*_: Any, **__: Any) -> ClipInfo:
        if next(calls) < MAX_ATTEMPTS:
            raise EngineCrash("Gone.")
        return INFO

    monkeypatch.setattr(lives, "probe_clip", probe)

    done = lives.to_the_end()

    assert (done.status, done.attempt) == (TaskStatus.SUCCEEDED, MAX_ATTEMPTS)
    assert [name for name, _ in lives.recorded] == ["fetch", "check", "check 2", "check 3", "interpret", "edit"]


def test_a_cancelled_task_is_not_tried_again(lives_of, store):
    """Cancelled between two tries: it stays cancelled, and nothing of it is left."""
    lives = lives_of(["broken"])
    again = lives.service.progress

    def cancelled(task: Task, fraction: float) -> bool:
        store.write(lambda tx: tx.tasks.cancel(task.id, task.created_at)).result(10)
        return bool(again(task, fraction))

    lives.service.progress = cancelled

    done = lives.to_the_end()

    assert (done.status, lives.edits) == (TaskStatus.CANCELLED, [1])


def test_a_task_that_somebody_else_took_up_is_theirs(lives_of, store, tmp_path: Path):
    """An attempt that broke off after a newer one had begun begins none: it leaves the task as it is."""
    lives = lives_of(["broken"])
    keep_on = lives.service.progress

    def taken(task: Task, fraction: float) -> bool:
        wanted = keep_on(task, fraction)
        lives.service.start(task.id)
        return wanted

    lives.service.progress = taken

    assert lives.live() is False
    now = store.task(lives.task.id)
    assert (now.status, now.attempt, lives.edits) == (TaskStatus.RUNNING, 2, [1])


def room_of(*frees: int) -> Room:
    """A disk with a low-water mark of 100 that has so much free, look after look, and then as much as at the last."""
    looks, seconds = iter(frees), itertools.count()
    return Room([lambda: next(looks, frees[-1])], 100, now=lambda: float(next(seconds)))


def test_a_task_waits_for_room(lives_of, monkeypatch: pytest.MonkeyPatch):
    """What was accepted does not fail for a disk that is short of room before it begins: it waits, uncounted."""
    monkeypatch.setattr("refilm.workflow.WRITE_PAUSE_SECONDS", 0.0)
    lives = lives_of([])
    lives.room = room_of(10, 10, 10, 500)

    done = lives.to_the_end()

    assert (done.status, lives.edits) == (TaskStatus.SUCCEEDED, [1])


def test_a_task_that_waits_for_room_can_be_cancelled(lives_of, store, monkeypatch: pytest.MonkeyPatch):
    """A disk that nobody clears holds no task that nobody wants."""
    monkeypatch.setattr("refilm.workflow.WRITE_PAUSE_SECONDS", 0.0)
    lives = lives_of([])
    lives.room = room_of(10)
    store.write(lambda tx: tx.tasks.start(lives.task.id, lives.task.created_at, MAX_ATTEMPTS)).result(10)
    start = lives.service.start

    def cancelled_since(task_id: str) -> Task:
        task = start(task_id)
        store.write(lambda tx: tx.tasks.cancel(task_id, task.created_at)).result(10)
        return task

    lives.service.start = cancelled_since

    assert (lives.to_the_end().status, lives.edits) == (TaskStatus.CANCELLED, [])


def test_an_edit_that_eats_the_last_room_is_broken_off_and_tried_again(lives_of, assets, monkeypatch):
    """At half of the mark what runs gives up and leaves nothing; with room again it is tried anew."""
    monkeypatch.setattr("refilm.workflow.WRITE_PAUSE_SECONDS", 0.0)
    lives = lives_of([])
    lives.room = room_of(500, 40, 40, 500)

    done = lives.to_the_end()

    assert (done.status, done.attempt, lives.edits) == (TaskStatus.SUCCEEDED, 2, [1, 2])
    assert outputs(assets, done) == [f"outputs/{done.id}/2.mp4"]


def test_a_disk_that_stays_full_fails_the_task_honestly(lives_of, monkeypatch: pytest.MonkeyPatch):
    """After the last attempt the task says what was missing."""
    monkeypatch.setattr("refilm.workflow.WRITE_PAUSE_SECONDS", 0.0)
    lives = lives_of([])
    lives.room = room_of(*[500, 40] * MAX_ATTEMPTS)

    done = lives.to_the_end()

    assert (done.status, done.failure.code, len(lives.edits)) == (TaskStatus.FAILED, "INTERNAL", MAX_ATTEMPTS)
    assert "too little room" in done.failure.message
