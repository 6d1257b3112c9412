"""The durable engine behind its verbs: recorded steps, interruption, transactions, pools."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from refilm.errors import Unavailable, UnsupportedEdit
from refilm.queue import POLL_SECONDS, WORKFLOW_CONTRACT, Interrupted, Queue, Work
from refilm.store.sqlite import shared_engine

SECONDS = 30


class Floor:
    """A queue over a file, whose tasks do what `bodies` says under their ids."""

    def __init__(self, path: Path, bodies: dict[str, Callable[[Any], None]], slots: int) -> None:
        self.bodies = bodies
        self.ran: Counter[str] = Counter()
        self.ended = threading.Condition()
        self.engine = shared_engine(path)
        self.queue = Queue(self.engine, executor_id="test", pools={"local": slots})

    def start(self) -> Floor:
        """Begin to work."""
        self.queue.run(self._body)
        return self

    def _body(self, task_id: str, step: Any) -> None:
        try:
            self.bodies.get(task_id, lambda _: None)(step)
        finally:
            with self.ended:
                self.ran[task_id] += 1
                self.ended.notify_all()

    def enqueue(self, *task_ids: str) -> None:
        """Hand tasks to the pool, each in a transaction of its own."""
        for task_id in task_ids:
            with self.engine.begin() as connection:
                self.queue.enqueue(connection, task_id, "local")

    def wait_for(self, *task_ids: str) -> None:
        """Return once all of them have run."""
        with self.ended:
            assert self.ended.wait_for(lambda: set(task_ids) <= set(self.ran), SECONDS), dict(self.ran)

    def in_flight(self, task_id: str) -> Work:
        """What the durable engine knows of a task that has not ended."""
        (work,) = (work for work in self.queue.in_flight() if work.task_id == task_id)
        return work

    def close(self) -> None:
        """Stop working."""
        self.queue.close(seconds=5)


class Interruptions:
    """Bodies that are interrupted in their first life and go on in their second."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.life = 1
        self.calls: Counter[str] = Counter()
        self.seen: list[Any] = []
        self.at_the_door = threading.Semaphore(0)

    def interrupted(self) -> None:
        """In the first life: wait for the end of the process, and be interrupted by it."""
        if self.life == 1:
            self.at_the_door.release()
            assert self.stop.wait(SECONDS)
            raise Interrupted

    def count(self, name: str) -> dict[str, str]:
        """A step that returns a value."""
        self.calls[name] += 1
        return {"key": f"inputs/{name}"}

    def refuse(self) -> None:
        """A step that raises."""
        self.calls["refuse"] += 1
        raise UnsupportedEdit("No.", refused=[("a dog", "It adds.")], possible=["warm"])

    def between_steps(self, step: Any) -> None:
        """Interrupted after a step that was recorded."""
        found = step("first", self.count, "between")
        self.interrupted()
        self.seen.append(found)

    def inside_a_step(self, step: Any) -> None:
        """Interrupted inside a step."""

        def work() -> int:
            self.calls["inside"] += 1
            self.interrupted()
            return 7

        assert step("work", work) == 7

    def after_an_error(self, step: Any) -> None:
        """Interrupted after a step whose error was recorded."""
        try:
            step("edit", self.refuse)
        except UnsupportedEdit as error:
            self.interrupted()
            self.seen.append((str(error), error.refused, error.possible))


def test_interrupted_work_is_taken_up_where_it_was(tmp_path: Path):
    """At the next start what was interrupted goes on: recorded results and errors are given again and not made again,
    a step that was interrupted is repeated, and what resumes can enqueue others from its first moment on.
    """
    lives = Interruptions()
    bodies = {"between": lives.between_steps, "inside": lives.inside_a_step, "error": lives.after_an_error}
    first = Floor(tmp_path / "queue.sqlite", dict(bodies), slots=4)
    first.bodies["enqueues"] = lambda _: lives.interrupted()
    first.start().enqueue("between", "inside", "error", "enqueues")
    for _ in range(4):
        assert lives.at_the_door.acquire(timeout=SECONDS)
    lives.stop.set()
    first.close()

    lives.life = 2
    second = Floor(tmp_path / "queue.sqlite", dict(bodies), slots=4)
    second.bodies["enqueues"] = lambda _: second.enqueue("next")
    second.start()
    second.wait_for("between", "inside", "error", "enqueues", "next")
    second.close()

    assert lives.calls == {"between": 1, "inside": 2, "refuse": 1}
    assert {"key": "inputs/between"} in lives.seen
    assert ("No.", (("a dog", "It adds."),), ("warm",)) in lives.seen


def test_a_queue_that_does_not_run_takes_nothing(tmp_path: Path):
    """Enqueueing before run is a mistake of ours and told as one."""
    floor = Floor(tmp_path / "queue.sqlite", {}, slots=1)

    with pytest.raises(RuntimeError, match="not running"):
        floor.enqueue("a")

    floor.close()
    floor.close()


def test_a_second_queue_in_one_process_is_refused(tmp_path: Path):
    """The durable engine knows one database per process: a second queue may not run until the first is closed."""
    first = Floor(tmp_path / "first.sqlite", {}, slots=1).start()
    second = Floor(tmp_path / "second.sqlite", {}, slots=1)

    with pytest.raises(Unavailable, match="one server"):
        second.start()
    first.close()
    second.start()

    second.close()


# All that follows shares one queue, which must be opened after those above were closed.


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """One floor with two slots for all tests that interrupt nothing; each uses ids of its own."""
    floor = Floor(tmp_path_factory.mktemp("queue") / "queue.sqlite", {}, slots=2).start()
    yield floor
    floor.close()


def test_work_is_done_once_per_id(floor: Floor):
    """A body runs for each id; the same id again, before or after its end, is the same work."""
    floor.enqueue("once-a", "once-a", "once-b")
    floor.wait_for("once-a", "once-b")
    floor.enqueue("once-a", "once-c")
    floor.wait_for("once-c")

    assert [floor.ran[name] for name in ("once-a", "once-b", "once-c")] == [1, 1, 1]


def test_a_transaction_that_fails_enqueues_nothing(floor: Floor):
    """Enqueueing is part of the caller's transaction."""
    with contextlib.suppress(LookupError), floor.engine.begin() as connection:
        floor.queue.enqueue(connection, "never", "local")
        raise LookupError
    floor.enqueue("after")
    floor.wait_for("after")

    assert floor.ran["never"] == 0


def test_a_pool_runs_so_many_at_once(floor: Floor):
    """With two slots two bodies run side by side, and never a third."""
    both, lock, running, most = threading.Barrier(2, timeout=SECONDS), threading.Lock(), [0], [0]

    def body(meets: bool) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        if meets:
            both.wait()
        with lock:
            running[0] -= 1

    names = [f"pool-{n}" for n in range(6)]
    floor.bodies.update({name: lambda _, meets=n < 2: body(meets) for n, name in enumerate(names)})
    floor.enqueue(*names)
    floor.wait_for(*names)

    assert most[0] == 2


def test_a_draining_process_claims_nothing_more(floor: Floor):
    """What runs ends, what is enqueued stays in line under nobody's name, and is done once claiming goes on."""
    running, go_on = threading.Event(), threading.Event()
    floor.bodies["runs"] = lambda _: (running.set(), go_on.wait(SECONDS))
    floor.enqueue("runs")
    assert running.wait(SECONDS)

    floor.queue.drain()
    floor.enqueue("waits")
    go_on.set()
    floor.wait_for("runs")
    time.sleep(4 * POLL_SECONDS)  # one slot is free for several looks

    assert floor.in_flight("waits").worker is None
    assert floor.ran["waits"] == 0

    floor.queue.drain(False)
    floor.wait_for("waits")


def test_what_is_in_flight_names_who_claimed_it(floor: Floor):
    """Work tells its pool, its contract and its worker, while it has not ended."""
    running, go_on = threading.Event(), threading.Event()
    floor.bodies["claimed"] = lambda _: (running.set(), go_on.wait(SECONDS))
    floor.enqueue("claimed")
    assert running.wait(SECONDS)

    work = floor.in_flight("claimed")
    go_on.set()

    assert (work.pool, work.worker, work.contract) == ("local", "test", str(WORKFLOW_CONTRACT))


def test_scheduled_work_repeats_and_outlives_its_errors(floor: Floor, caplog: pytest.LogCaptureFixture):
    """What is scheduled runs again and again, also after it raised; the error is logged."""
    ran = threading.Semaphore(0)

    def work() -> None:
        ran.release()
        raise ValueError("once more")

    floor.queue.schedule(0.01, work, "test")
    (repeating,) = (thread for thread in threading.enumerate() if thread.name == "refilm-test")
    for _ in range(3):
        assert ran.acquire(timeout=SECONDS)
    floor.queue._timers.pop().set()
    repeating.join(SECONDS)

    assert "scheduled work failed: test" in caplog.text


def test_rows_of_the_queue_lie_in_the_same_file(floor: Floor):
    """The durable engine keeps its rows where it was told, so that one transaction can hold both."""
    with floor.engine.connect() as connection:
        assert "workflow_status" in sa.inspect(connection).get_table_names()


def test_idle_is_when_nothing_runs(floor: Floor):
    """A drain can wait for what runs, and learns when that takes too long."""
    go_on, began = threading.Event(), threading.Event()
    floor.bodies["idle-a"] = lambda _: (began.set(), go_on.wait(SECONDS))
    floor.enqueue("idle-a")
    assert began.wait(SECONDS)

    busy = floor.queue.idle(0.05)
    go_on.set()

    assert busy is False
    assert floor.queue.idle(SECONDS) is True
