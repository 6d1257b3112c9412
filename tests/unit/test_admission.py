"""Who may run now: caps, order, fairness, priority; and that rows and queue change together or not at all."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from refilm.admission import LOWER_SHARE, Admission, Floor, Line, decide
from refilm.domain.account import Account, Tier
from refilm.domain.edit import Model
from refilm.domain.task import MAX_ATTEMPTS, TaskStatus
from refilm.errors import Unavailable
from refilm.queue import Queue
from refilm.store.sqlite import shared_engine
from refilm.store.waiting import Lane, Waiting

POOLS = {"effects": "cpu", "bernini": "gpu"}
lanes = st.builds(
    Lane,
    st.sampled_from(["ann", "bob", "cy"]),
    st.sampled_from([str(model) for model in Model]),
    st.sampled_from(list(POOLS)),
    st.integers(-1, 2),
)
floors = st.dictionaries(lanes, st.integers(1, 6), max_size=6)
crowds = st.lists(st.tuples(lanes, st.integers(0, 6)), max_size=40).map(
    lambda made: [Waiting(f"t{number:02}", lane, float(at)) for number, (lane, at) in enumerate(made)]
)
caps = st.dictionaries(st.sampled_from(["ann", "bob", "cy"]), st.integers(1, 5), max_size=3)
windows = st.fixed_dictionaries({}, optional={"cpu": st.integers(0, 12), "gpu": st.integers(0, 12)})


def decided(
    waiting: Iterable[Waiting], active: Mapping[Lane, int], caps: Mapping[str, int], windows: Mapping[str, int]
) -> list[Waiting]:
    """What `decide` makes of them."""
    in_lanes = defaultdict(list)
    for task in sorted(waiting, key=lambda task: (task.created_at, task.id)):
        in_lanes[task.lane].append(task)
    lines = [Line(lane, POOLS[lane.engine], caps.get(lane.account), tasks) for lane, tasks in in_lanes.items()]
    return decide(lines, Floor(active, POOLS.__getitem__), windows)


def after(active: Mapping[Lane, int], admitted: Iterable[Waiting]) -> Counter[Lane]:
    """Who is at work once they are admitted."""
    return Counter(active) + Counter(task.lane for task in admitted)


def summed(counts: Mapping[Lane, int], key) -> Counter:
    """The same counts by something else than the lane."""
    sums: Counter = Counter()
    for lane, count in counts.items():
        sums[key(lane)] += count
    return sums


def by_model(lane: Lane) -> tuple[str, str]:
    return lane.account, lane.model


def by_pool(lane: Lane) -> str:
    return POOLS[lane.engine]


@settings(deadline=None)
@given(waiting=crowds, active=floors, caps=caps, windows=windows)
def test_caps_and_windows_hold(waiting, active, caps, windows):
    """Nothing is admitted twice, beyond an account's cap for a model, or beyond the window of its pool."""
    admitted = decided(waiting, active, caps, windows)

    before, now = summed(active, by_model), summed(after(active, admitted), by_model)
    in_pool = summed(after(active, admitted), by_pool)
    assert len({task.id for task in admitted}) == len(admitted)
    assert set(admitted) <= set(waiting)
    for task in admitted:
        assert in_pool[by_pool(task.lane)] <= windows.get(by_pool(task.lane), 0)
        cap = caps.get(task.lane.account)
        assert cap is None or now[by_model(task.lane)] <= cap
    assert all(now[group] >= before[group] for group in before)


@settings(deadline=None)
@given(waiting=crowds, active=floors, caps=caps, windows=windows)
def test_within_a_lane_the_oldest_go_first(waiting, active, caps, windows):
    """No task is admitted while an older one of the same account, model, engine and priority is left behind."""
    admitted = decided(waiting, active, caps, windows)

    left = set(waiting) - set(admitted)
    for taken, other in itertools.product(admitted, left):
        if taken.lane == other.lane:
            assert (taken.created_at, taken.id) < (other.created_at, other.id)


@settings(deadline=None)
@given(waiting=crowds, active=floors, caps=caps, windows=windows)
def test_no_room_is_wasted(waiting, active, caps, windows):
    """Where a pool has room left, whoever still waits for it is at a cap."""
    admitted = decided(waiting, active, caps, windows)

    used, in_pool = (summed(after(active, admitted), key) for key in (by_model, by_pool))
    for task in set(waiting) - set(admitted):
        if in_pool[by_pool(task.lane)] < windows.get(by_pool(task.lane), 0):
            assert used[by_model(task.lane)] >= caps[task.lane.account]


@settings(deadline=None)
@given(waiting=crowds, active=floors, caps=caps, windows=windows, seed=st.randoms())
def test_the_order_of_asking_does_not_matter(waiting, active, caps, windows, seed):
    """A decision depends on what waits, not on the order in which it was listed."""
    shuffled = list(waiting)
    seed.shuffle(shuffled)

    assert decided(shuffled, active, caps, windows) == decided(waiting, active, caps, windows)


@settings(deadline=None)
@given(waiting=crowds, active=floors, window=st.integers(1, 12))
def test_the_more_urgent_go_first_but_for_the_share_of_the_others(waiting, active, window):
    """Who is admitted before a more urgent task finds fewer than their share of the less urgent at work."""
    admitted = decided(waiting, active, {}, {"cpu": window})

    for place, taken in enumerate(admitted):
        passed = [task for task in admitted[place + 1 :] if task.lane.priority > taken.lane.priority]
        if passed:
            top = max(task.lane.priority for task in passed)
            at_work = after(active, admitted[:place])
            less = sum(n for lane, n in at_work.items() if by_pool(lane) == "cpu" and lane.priority < top)
            assert less < max(1, window // LOWER_SHARE)


@settings(deadline=None)
@given(
    window=st.integers(1, 12),
    count=st.integers(1, 8),
    others=st.lists(st.tuples(lanes, st.integers(1, 3)), max_size=8),
    which=st.randoms(),
)
def test_nobody_waits_for_ever(window, count, others, which):
    """Under a flood of more urgent tasks from new accounts, every task is admitted after a bounded time."""
    patient = [Waiting(f"p{number}", Lane("ann", "aleph2", "effects", -2), float(number)) for number in range(count)]
    waiting = patient + [Waiting(f"o{n}", lane, float(-at)) for n, (lane, at) in enumerate(others)]
    running: list[tuple[Waiting, int]] = []
    for now in range(4 * (count + len(others) + 1)):
        flood = [
            Waiting(f"f{now}-{n}", Lane(f"new{now}-{n}", "aleph2", "effects", 2), float(now)) for n in range(window)
        ]
        running = [(task, ends) for task, ends in running if ends > now]
        active = Counter(task.lane for task, _ in running)
        admitted = decided([*waiting, *flood], active, {}, {"cpu": window, "gpu": window})
        running += [(task, now + which.randint(1, 4)) for task in admitted]
        waiting = [task for task in waiting if task not in admitted]

    assert waiting == []


def waiting_task(number: int, account: str, model: str = "gen4_aleph", priority: int = 0) -> Waiting:
    """The `number`th task, and so younger than those before it."""
    return Waiting(f"t{number}", Lane(account, model, "effects", priority), float(number))


def test_a_crowd_of_one_account_does_not_delay_anothers_first():
    """Behind a thousand tasks of one account, the only task of another is the first or second to go."""
    crowd = [waiting_task(number, "ann") for number in range(1000)]
    late = waiting_task(1000, "bob")

    assert late in decided([*crowd, late], {}, {}, {"cpu": 2})


def test_an_account_at_work_yields_to_one_that_is_not():
    """Who has nothing at work goes before who has, though it asked later."""
    ann = Lane("ann", "gen4_aleph", "effects", 0)

    admitted = decided([waiting_task(1, "ann"), waiting_task(2, "bob")], {ann: 3}, {}, {"cpu": 4})

    assert [task.lane.account for task in admitted] == ["bob"]


def test_a_cap_of_one_model_leaves_the_other_free():
    """An account over its cap for one model may still run the other."""
    waiting = [waiting_task(1, "ann"), waiting_task(2, "ann", "aleph2")]

    admitted = decided(waiting, {waiting[0].lane: 1}, {"ann": 1}, {"cpu": 9})

    assert [task.id for task in admitted] == ["t2"]


def test_who_waits_for_another_pool_holds_nobody_up():
    """Tasks of a pool without workers wait; those of the other go, though they are younger and of the same account."""
    gone = Waiting("t1", Lane("ann", "gen4_aleph", "bernini", 0), 1.0)

    assert decided([gone, waiting_task(2, "ann")], {}, {}, {"cpu": 9}) == [waiting_task(2, "ann")]


def test_a_line_is_read_only_as_far_as_it_is_admitted():
    """With one slot free, the second task of a long line is read and no other."""
    read = []

    def line() -> Iterator[Waiting]:
        for number in range(100):
            read.append(number)
            yield waiting_task(number, "ann")

    admitted = decide([Line(waiting_task(0, "ann").lane, "cpu", None, line())], Floor({}, POOLS.get), {"cpu": 1})

    assert [task.id for task in admitted] == ["t0"]
    assert read == [0, 1]


# with the store


@pytest.fixture
def admission_of(store, line, clock):
    """admission_of(cap, window, **tiers): admission over the store and the line. cap: of accounts without a tier."""

    def make(cap: int | None, window: int, **tiers: int) -> Admission:
        return Admission(
            store,
            line.enqueue,
            lambda _: "cpu",
            lambda tx: {"cpu": window},
            lambda name: Tier(tiers.get(name, cap)),
            clock,
        )

    return make


def settled(store) -> None:
    """Wait until the writer has done what was handed in."""
    store.write(lambda tx: None).result(10)


def statuses(store, tasks) -> list[str]:
    """What became of them."""
    return [store.task(task.id).status for task in tasks]


def test_a_look_admits_in_order_and_throttles_the_rest(store, line, admission_of, new_task):
    """With a cap of two, the two oldest stand in line and the third is THROTTLED; the end of one admits it."""
    admission = admission_of(2, 10)
    tasks = [new_task() for _ in range(3)]
    for task in tasks:
        store.insert_task(task).result(10)

    admission.sweep()
    assert store.write(admission.promote).result(10) == 0

    assert line.ids == [tasks[0].id, tasks[1].id]
    assert statuses(store, tasks) == ["PENDING", "PENDING", "THROTTLED"]
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
        connection.execute(sa.text("INSERT INTO accounts (id, name, created_at) VALUES ('a', 'ann', 0)"))
        admission.wake()
        with pytest.raises(Unavailable):
            settled(store)
    blocker.dispose()

    admission.wake()
    settled(store)

    assert line.ids == [task.id]


def test_whoever_is_within_the_cap_is_not_throttled_though_nobody_is_free(store, line, admission_of, new_task):
    """THROTTLED means over the account's cap: the end of a task eases the next, even while the only worker is busy."""
    admission = admission_of(2, 1)
    tasks = [new_task() for _ in range(4)]
    for task in tasks:
        store.insert_task(task).result(10)
    admission.sweep()
    assert statuses(store, tasks) == ["PENDING", "PENDING", "THROTTLED", "THROTTLED"]

    busy = new_task(account="bob")
    store.insert_task(busy).result(10)
    store.write(lambda tx: tx.tasks.admit([busy.id], busy.created_at)).result(10)

    def end(tx) -> None:
        tx.tasks.cancel(tasks[0].id, tasks[0].created_at)
        admission.promote(tx, tasks[0])

    store.write(end).result(10)

    assert line.ids == [tasks[0].id]
    assert statuses(store, tasks[1:]) == ["PENDING", "PENDING", "THROTTLED"]


def test_a_sweep_follows_a_tier_that_was_changed(store, admission_of, new_task, clock):
    """With a smaller tier more are THROTTLED at the next sweep, with a larger one fewer; nobody at work is stopped."""
    store.write(lambda tx: tx.accounts.add(Account("ann", "ann", clock()))).result(10)
    tasks = [new_task() for _ in range(4)]
    for task in tasks:
        store.insert_task(task).result(10)
    admission = admission_of(None, 0, small=1, large=3)

    seen = []
    for tier in ("small", "large", None, "small"):
        store.write(lambda tx, tier=tier: tx.accounts.set_tier("ann", tier)).result(10)
        admission.sweep()
        seen.append(statuses(store, tasks).count("THROTTLED"))

    assert seen == [3, 1, 0, 3]


def test_a_deep_line_is_admitted_in_order(store, line, admission_of, new_task):
    """Where there is much room, a long line is read piece by piece, and nobody in it is left out or overtaken."""
    tasks = [new_task() for _ in range(60)]
    for task in tasks:
        store.insert_task(task).result(10)

    assert store.write(admission_of(None, 50).promote).result(10) == 50

    assert line.ids == [task.id for task in tasks[:50]]


def test_a_large_pool_is_looked_at_for_a_few_slots_at_once(store, line, admission_of, new_task):
    """With room for one more of forty nothing is read or admitted; with room for four, all four are filled."""
    tasks = [new_task() for _ in range(45)]
    for task in tasks:
        store.insert_task(task).result(10)
    admission = admission_of(None, 40)
    store.write(admission.promote).result(10)

    admitted = []
    for task in tasks[:4]:
        store.write(lambda tx, task=task: tx.tasks.cancel(task.id, task.created_at)).result(10)
        admitted.append(store.write(admission.promote).result(10))

    assert admitted == [0, 0, 0, 4]


def test_the_more_urgent_key_goes_first(store, line, admission_of, new_task):
    """A younger task of a higher priority is admitted before older ones."""
    tasks = [new_task(), new_task(), new_task(account="bob", priority=5)]
    for task in tasks:
        store.insert_task(task).result(10)

    store.write(admission_of(None, 3).promote).result(10)

    assert line.ids.index(tasks[2].id) <= 1
    assert line.ids.index(tasks[0].id) < line.ids.index(tasks[1].id)


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
    admission = Admission(store, queue.enqueue, lambda _: "cpu", lambda tx: {"cpu": 5}, lambda _: Tier(), clock)
    task = new_task()
    store.insert_task(task).result(10)

    def promote_and_break(tx) -> None:
        assert admission.promote(tx) == 1
        raise LookupError("after the fact")

    with pytest.raises(LookupError):
        store.write(promote_and_break).result(10)
    assert enqueued(store) == []
    assert [head.task.id for head in store.read(lambda tx: tx.waiting.heads())] == [task.id]

    assert store.write(admission.promote).result(10) == 1
    assert enqueued(store) == [task.id]
    assert store.read(lambda tx: tx.waiting.heads()) == []
    assert store.write(lambda tx: tx.tasks.start(task.id, clock(), MAX_ATTEMPTS)).result(10).attempt == 1
