"""Who may run now: caps, order, fairness; and that rows and queue change together or not at all."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from refilm.admission import Admission, Caps, decide
from refilm.domain.edit import Model
from refilm.domain.task import MAX_ATTEMPTS, TaskStatus
from refilm.errors import Unavailable
from refilm.queue import Queue
from refilm.store.sqlite import shared_engine
from refilm.store.tasks import Waiting

MODELS = [str(model) for model in Model]
lanes = st.tuples(st.sampled_from(["ann", "bob", "cy"]), st.sampled_from(MODELS))
caps = st.builds(Caps, st.none() | st.integers(1, 5), st.integers(0, 12))


@st.composite
def crowds(draw: st.DrawFn) -> list[Waiting]:
    """Waiting tasks of some accounts, in no order, some of the same moment."""
    made = draw(st.lists(st.tuples(lanes, st.integers(0, 6), st.booleans()), max_size=40))
    return [
        Waiting(f"t{number}", account, model, "effects", throttled, float(at))
        for number, ((account, model), at, throttled) in enumerate(made)
    ]


@given(waiting=crowds(), active=st.dictionaries(lanes, st.integers(1, 6)), limits=caps)
def test_caps_and_window_hold(waiting, active, limits):
    """Nothing is admitted twice, beyond an account's cap for a model, or beyond the window."""
    decision = decide(waiting, active, limits)

    admitted = Counter((task.account, task.model) for task in decision.admit)
    assert len({task.id for task in decision.admit}) == len(decision.admit)
    assert set(decision.admit) <= set(waiting)
    assert sum(admitted.values()) <= max(0, limits.window - sum(active.values()))
    if limits.per_model is not None:
        assert all(count + active.get(lane, 0) <= limits.per_model for lane, count in admitted.items())


@given(waiting=crowds(), active=st.dictionaries(lanes, st.integers(1, 6)), limits=caps)
def test_within_an_account_and_model_the_oldest_go_first(waiting, active, limits):
    """No task is admitted while an older one of the same account and model is left behind."""
    decision = decide(waiting, active, limits)

    left = set(waiting) - set(decision.admit)
    for taken, other in itertools.product(decision.admit, left):
        if (taken.account, taken.model) == (other.account, other.model):
            assert (taken.created_at, taken.id) < (other.created_at, other.id)


@given(waiting=crowds(), active=st.dictionaries(lanes, st.integers(1, 6)), limits=caps)
def test_no_room_is_wasted_and_throttled_means_capped(waiting, active, limits):
    """What is throttled is over its cap and not admitted; where room is left, nothing but the capped waits."""
    decision = decide(waiting, active, limits)

    used = Counter(active) + Counter((task.account, task.model) for task in decision.admit)
    assert not set(decision.throttle) & set(decision.admit)
    if limits.per_model is None:
        assert decision.throttle == ()
    else:
        assert all(used[task.account, task.model] >= limits.per_model for task in decision.throttle)
    if sum(used.values()) < limits.window:
        assert set(waiting) == set(decision.admit) | set(decision.throttle)


@given(waiting=crowds(), active=st.dictionaries(lanes, st.integers(1, 6)), limits=caps, seed=st.randoms())
def test_the_order_of_asking_does_not_matter(waiting, active, limits, seed):
    """A decision depends on what waits, not on the order in which it was listed."""
    shuffled = list(waiting)
    seed.shuffle(shuffled)

    assert decide(shuffled, active, limits) == decide(waiting, active, limits)


def waiting_task(number: int, account: str, model: str = "gen4_aleph") -> Waiting:
    """The `number`th task, and so younger than those before it."""
    return Waiting(f"t{number}", account, model, "effects", False, float(number))


def test_a_crowd_of_one_account_does_not_delay_anothers_first():
    """Behind a thousand tasks of one account, the only task of another is the first or second to go."""
    crowd = [waiting_task(number, "ann") for number in range(1000)]
    late = waiting_task(1000, "bob")

    decision = decide([*crowd, late], {}, Caps(None, 2))

    assert late in decision.admit


def test_an_account_at_work_yields_to_one_that_is_not():
    """Who has nothing at work goes before who has, though it asked later."""
    decision = decide([waiting_task(1, "ann"), waiting_task(2, "bob")], {("ann", "gen4_aleph"): 3}, Caps(None, 4))

    assert [task.account for task in decision.admit] == ["bob"]


def test_a_cap_of_one_model_leaves_the_other_free():
    """An account over its cap for one model may still run the other."""
    waiting = [waiting_task(1, "ann"), waiting_task(2, "ann", "aleph2")]

    decision = decide(waiting, {("ann", "gen4_aleph"): 1}, Caps(1, 9))

    assert [task.id for task in decision.admit] == ["t2"]
    assert [task.id for task in decision.throttle] == ["t1"]


# with the store


@pytest.fixture
def admission_of(store, line, clock):
    """admission_of(per_model, window): admission over the store and the line."""
    return lambda per_model, window: Admission(store, line.enqueue, lambda _: "local", Caps(per_model, window), clock)


def settled(store) -> None:
    """Wait until the writer has done what was handed in."""
    store.write(lambda tx: None).result(10)


def test_promote_admits_in_order_and_throttles_the_rest(store, line, admission_of, new_task):
    """With a cap of two, the two oldest stand in line and the third is THROTTLED; the end of one admits it."""
    admission = admission_of(2, 10)
    tasks = [new_task() for _ in range(3)]
    for task in tasks:
        store.insert_task(task).result(10)

    assert store.write(admission.promote).result(10) == 2
    assert store.write(admission.promote).result(10) == 0

    assert line.ids == [tasks[0].id, tasks[1].id]
    assert [store.task(task.id).status for task in tasks] == ["PENDING", "PENDING", "THROTTLED"]
    store.write(lambda tx: tx.tasks.cancel(tasks[0].id, tasks[0].created_at)).result(10)
    assert store.write(admission.promote).result(10) == 1
    assert line.ids[-1] == tasks[2].id
    assert store.task(tasks[2].id).status is TaskStatus.PENDING


def test_a_long_line_of_one_model_hides_no_other(store, line, admission_of, new_task):
    """Many tasks of a model at its cap do not keep the same account's task of another model waiting."""
    admission = admission_of(1, 4)
    tasks = [new_task() for _ in range(20)] + [new_task(model=Model.ALEPH2)]
    for task in tasks:
        store.insert_task(task).result(10)

    store.write(admission.promote).result(10)

    assert line.ids == [tasks[0].id, tasks[-1].id]


def test_without_a_window_nothing_is_admitted(store, line, admission_of, new_task):
    """A server without workers lets everything wait."""
    admission, task = admission_of(None, 0), new_task()
    store.insert_task(task).result(10)

    admission.wake()
    settled(store)

    assert store.write(admission.promote).result(10) == 0
    assert line.ids == []
    assert store.task(task.id).status is TaskStatus.PENDING


def test_wakes_admit_everything_however_they_fall_together(store, line, admission_of, new_task):
    """Creates and wakes from many threads at once: each task stands in line exactly once."""
    admission = admission_of(None, 1000)
    tasks = [new_task() for _ in range(60)]

    def create(some: list) -> None:
        for task in some:
            store.insert_task(task).result(10)
            admission.wake()

    threads = [threading.Thread(target=create, args=(tasks[at::4],)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settled(store)

    assert sorted(line.ids) == sorted(task.id for task in tasks)


def test_a_wake_that_failed_does_not_silence_the_next(store, line, admission_of, new_task, tmp_path):
    """After a look that found the database locked, the next wake looks again."""
    admission, task = admission_of(None, 5), new_task()
    store.insert_task(task).result(10)
    store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA busy_timeout=20")).result(10)
    blocker = shared_engine(tmp_path / "refilm.sqlite")
    with blocker.begin() as connection:
        connection.execute(sa.text("INSERT INTO accounts VALUES ('a', 'ann', 0, NULL)"))
        admission.wake()
        with pytest.raises(Unavailable):
            settled(store)
    blocker.dispose()

    admission.wake()
    settled(store)

    assert line.ids == [task.id]


# with the real queue


@pytest.fixture
def queue(store, tmp_path) -> Iterator[Queue]:
    """The durable engine over the same file, with nobody at work."""
    queue = Queue(shared_engine(tmp_path / "refilm.sqlite"), executor_id="test", pools={})
    queue.run(lambda task_id, step: None)
    yield queue
    queue.close()


def enqueued(store) -> list[str]:
    """The ids that the durable engine knows of."""
    return store.read(
        lambda tx: [row[0] for row in tx.connection.exec_driver_sql("SELECT workflow_uuid FROM workflow_status")]
    )


def test_rows_and_queue_change_together_or_not_at_all(store, queue, clock, new_task):
    """A transaction that fails after promoting leaves nothing enqueued and nothing admitted; one that holds, both."""
    admission = Admission(store, queue.enqueue, lambda _: "local", Caps(None, 5), clock)
    task = new_task()
    store.insert_task(task).result(10)

    def promote_and_break(tx) -> None:
        assert admission.promote(tx) == 1
        raise LookupError("after the fact")

    with pytest.raises(LookupError):
        store.write(promote_and_break).result(10)
    assert enqueued(store) == []
    assert [item.id for item in store.read(lambda tx: tx.tasks.waiting(9))] == [task.id]

    assert store.write(admission.promote).result(10) == 1
    assert enqueued(store) == [task.id]
    assert store.read(lambda tx: tx.tasks.waiting(9)) == []
    assert store.write(lambda tx: tx.tasks.start(task.id, clock(), MAX_ATTEMPTS)).result(10).attempt == 1
