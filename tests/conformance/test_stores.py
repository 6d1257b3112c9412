"""What every store promises, checked on each that exists. A new store adds one branch to the fixture."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refilm.domain.account import Account, Key, KeyScope
from refilm.domain.edit import EditRequest, Keyframe, Model, OutputSpec, Reference, TimeRange
from refilm.domain.task import MAX_ATTEMPTS, Failure, Task, TaskStatus, may_become
from refilm.domain.upload import Upload
from refilm.errors import NotFound, Unavailable
from refilm.store.base import Store
from refilm.store.postgres import PostgresStore
from refilm.store.sqlite import SqliteStore
from refilm.store.waiting import Lane

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FULL = EditRequest(
    Model.ALEPH2,
    "asset:inputs/x/video",
    "sn\u00f6w \u2603 \U0001f3ac",
    seed=4_294_967_295,
    references=(Reference("asset:r"),),
    keyframes=(Keyframe("asset:a", seconds=1.5), Keyframe("asset:b", at=0.25, range=TimeRange(0, 3))),
    output=OutputSpec((1280, 720), "16:9"),
    public_figure_threshold="low",
    ignored=("proresProfile",),
)


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


ids = itertools.count()


def task_of(request: EditRequest = FULL, **members: Any) -> Task:
    """A new task with an id of its own."""
    usual: dict[str, Any] = {
        "id": f"task-{next(ids)}",
        "account": "ann",
        "request": request,
        "status": TaskStatus.PENDING,
        "created_at": NOW,
        "engine": "effects",
        "estimated_credits": 150,
    }
    return Task(**{**usual, **members})


def inserted(store: Store, **members: Any) -> Task:
    """A new task in the store."""
    task = task_of(**members)
    store.insert_task(task).result(10)
    return task


def do(store: Store, change: Callable[[Any], Any]) -> Any:
    """The result of a write."""
    return store.write(change).result(10)


def run(store: Store, task: Task, attempts: int = 1) -> Task:
    """The task, admitted and started so many times."""
    do(store, lambda tx: tx.tasks.admit([task.id], NOW))
    for _ in range(attempts):
        started = do(store, lambda tx: tx.tasks.start(task.id, NOW, MAX_ATTEMPTS))
    return started


def finish(store: Store, task: Task, status: TaskStatus, **members: Any) -> bool:
    """End an attempt."""
    usual: dict[str, Any] = {"at": NOW, "credits": 0}
    return bool(do(store, lambda tx: tx.tasks.finish(task.id, task.attempt, status, **{**usual, **members})))


# tasks: there and back


def test_a_task_comes_back_as_it_was_put(store: Store):
    """Every member of a task and of its request survives the store."""
    task = inserted(store)

    assert store.task(task.id) == task
    assert store.read(lambda tx: tx.tasks.get(task.id)) == task


def test_an_unknown_id_is_none(store: Store):
    """Asking for what is not there is no error."""
    assert store.task("nobody") is None
    assert store.read(lambda tx: tx.tasks.get("nobody")) is None
    assert store.read(lambda tx: tx.tasks.remains("nobody")) is None


def test_a_finished_task_keeps_what_was_told_of_its_end(store: Store):
    """Outputs, cost, applied and times come back; so do a failure's sentence and code."""
    good, bad = run(store, inserted(store)), run(store, inserted(store))
    later = NOW + timedelta(seconds=90)

    assert finish(
        store, good, TaskStatus.SUCCEEDED, at=later, credits=42, outputs=("o/1",), applied={"plan": ["\u2603"]}
    )
    assert finish(store, bad, TaskStatus.FAILED, failure=Failure("It is no clip.", "ASSET.INVALID"))

    good_now, bad_now = store.task(good.id), store.task(bad.id)
    assert (good_now.status, good_now.credits, good_now.outputs) == (TaskStatus.SUCCEEDED, 42, ("o/1",))
    assert (good_now.applied, good_now.finished_at, good_now.progress) == ({"plan": ["\u2603"]}, later, 1.0)
    assert (bad_now.status, bad_now.failure) == (TaskStatus.FAILED, Failure("It is no clip.", "ASSET.INVALID"))
    assert (bad_now.credits, bad_now.outputs) == (0, ())


# tasks: changes and their fences


def test_start_counts_attempts_and_keeps_the_first_start(store: Store):
    """Each start is one attempt more, progress begins anew, and started_at stays that of the first."""
    first = run(store, inserted(store))
    do(store, lambda tx: tx.tasks.progress(first.id, 1, 0.7))

    second = do(store, lambda tx: tx.tasks.start(first.id, NOW + timedelta(hours=1), MAX_ATTEMPTS))

    assert (first.attempt, second.attempt, second.progress) == (1, 2, 0.0)
    assert second.status is TaskStatus.RUNNING
    assert second.started_at == NOW


def test_no_attempt_beyond_the_last(store: Store):
    """A task is started three times at most."""
    task = run(store, inserted(store), attempts=MAX_ATTEMPTS)

    assert task.attempt == MAX_ATTEMPTS
    assert do(store, lambda tx: tx.tasks.start(task.id, NOW, MAX_ATTEMPTS)) is None


def test_a_throttled_task_cannot_start(store: Store):
    """Only admission lets a task leave THROTTLED."""
    task = inserted(store)
    do(store, lambda tx: tx.tasks.throttle([task.id]))

    assert do(store, lambda tx: tx.tasks.start(task.id, NOW, MAX_ATTEMPTS)) is None
    assert store.task(task.id).status is TaskStatus.THROTTLED


@pytest.mark.parametrize("attempt", [0, 1, 3])
def test_an_overtaken_attempt_changes_nothing(store: Store, attempt: int):
    """progress, hand_back and finish of any attempt but the current one leave the row alone."""
    current = run(store, inserted(store), attempts=2)

    assert not do(store, lambda tx: tx.tasks.progress(current.id, attempt, 0.5))
    do(store, lambda tx: tx.tasks.hand_back(current.id, attempt))
    for status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED):
        assert not do(store, lambda tx, s=status: tx.tasks.finish(current.id, attempt, s, at=NOW, credits=9))

    assert store.task(current.id) == current


def test_hand_back_does_not_count(store: Store):
    """A handed back attempt can be started again under its own number."""
    task = run(store, inserted(store))

    do(store, lambda tx: tx.tasks.hand_back(task.id, 1))

    assert store.task(task.id).attempt == 0
    assert do(store, lambda tx: tx.tasks.start(task.id, NOW, MAX_ATTEMPTS)).attempt == 1


def test_a_cancelled_task_is_hidden_but_remains_for_cleaning(store: Store):
    """After cancel nobody finds the task but those who clean up behind it."""
    task = run(store, inserted(store))

    assert do(store, lambda tx: tx.tasks.cancel(task.id, NOW))

    assert store.task(task.id) is None
    left = store.read(lambda tx: tx.tasks.remains(task.id))
    assert (left.status, left.credits) == (TaskStatus.CANCELLED, 0)
    assert not do(store, lambda tx: tx.tasks.progress(task.id, 1, 0.5))
    assert not do(store, lambda tx: tx.tasks.cancel(task.id, NOW))


def test_hide_takes_finished_tasks_only_and_once(store: Store):
    """A finished task can be deleted once; its books stay, its outputs are no longer named."""
    open_task, done = inserted(store), run(store, inserted(store))
    finish(store, done, TaskStatus.SUCCEEDED, credits=5, outputs=("o/1",))

    assert not do(store, lambda tx: tx.tasks.hide(open_task.id, NOW))
    assert do(store, lambda tx: tx.tasks.hide(done.id, NOW))
    assert not do(store, lambda tx: tx.tasks.hide(done.id, NOW))

    assert store.task(done.id) is None
    assert store.read(lambda tx: tx.tasks.remains(done.id)).outputs == ()
    assert store.read(lambda tx: tx.tasks.credits_between("ann", NOW, NOW + timedelta(days=1))) == [
        (NOW.timestamp(), "aleph2", 5)
    ]


VERBS = ("admit", "throttle", "ease", "start", "progress", "hand_back", "succeed", "fail", "cancel", "hide")


def apply(tx: Any, verb: str, task_id: str, attempt: int) -> None:
    """One verb, as its caller in the core would use it; admission only touches what waits."""
    rows = tx.tasks
    waits = [place.id for place in tx.waiting.places() if place.id == task_id]
    if verb == "admit" and waits:
        rows.admit(waits, NOW)
    elif verb == "throttle" and waits:
        rows.throttle(waits)
    elif verb == "ease" and waits:
        rows.ease(waits)
    elif verb == "start":
        rows.start(task_id, NOW, MAX_ATTEMPTS)
    elif verb == "progress":
        rows.progress(task_id, attempt, 0.5)
    elif verb == "hand_back":
        rows.hand_back(task_id, attempt)
    elif verb == "succeed":
        rows.finish(task_id, attempt, TaskStatus.SUCCEEDED, at=NOW, credits=1, outputs=(f"o/{attempt}",))
    elif verb == "fail":
        rows.finish(task_id, attempt, TaskStatus.FAILED, at=NOW, credits=0, failure=Failure("no", "INTERNAL"))
    elif verb == "cancel":
        rows.cancel(task_id, NOW)
    elif verb == "hide":
        rows.hide(task_id, NOW)


@given(walk=st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 4)), max_size=14))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_walk_breaks_a_task(store: Store, walk: list[tuple[str, int]]):
    """Whatever callers do in whatever order: steps are allowed ones, terminal is for ever, attempts stay in bounds."""
    task = inserted(store)
    before = task
    for verb, attempt in walk:
        after = do(store, lambda tx, v=verb, a=attempt: (apply(tx, v, task.id, a), tx.tasks.remains(task.id))[1])

        assert after.status is before.status or may_become(before.status, after.status), (verb, attempt)
        assert 0 <= after.attempt <= MAX_ATTEMPTS
        assert (after.finished_at is not None) is after.status.is_terminal is (after.credits is not None)
        if before.status.is_terminal:
            assert (after.credits, after.failure, after.attempt) == (before.credits, before.failure, before.attempt)
        before = after


# admission's questions


lanes = st.tuples(st.sampled_from(["ann", "bob", "cy"]), st.sampled_from(list(Model)), st.integers(-1, 1))


@given(crowd=st.lists(st.tuples(lanes, st.sampled_from(["effects", "relay"]), st.integers(0, 3)), max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_heads_and_those_behind_them_are_all_who_wait(store: Store, crowd: list[tuple[Any, str, int]]):
    """The heads are the oldest of each account, model, engine and priority; behind each stands the rest, in order."""
    for (account, model, priority), engine, age in crowd:
        at = NOW + timedelta(seconds=age)
        request = EditRequest(model, "asset:v")
        inserted(store, account=account, request=request, engine=engine, priority=priority, created_at=at)

    heads = store.read(lambda tx: tx.waiting.heads())
    lines = [[head.task, *store.read(lambda tx, h=head: tx.waiting.behind(h.task, 99))] for head in heads]

    found = {line[0].lane: [(task.created_at, task.id) for task in line] for line in lines}
    assert len(found) == len(heads)
    assert all(line == sorted(line) for line in found.values())
    assert all({task.lane for task in line} == {line[0].lane} for line in lines)
    places = store.read(lambda tx: tx.waiting.places())
    assert sorted(place.id for place in places) == sorted(task.id for line in lines for task in line)
    for head in heads:
        first_two = store.read(lambda tx, h=head: tx.waiting.behind(h.task, 1))
        assert [(task.created_at, task.id) for task in first_two] == found[head.task.lane][1:2]
    do(store, lambda tx: tx.tasks.admit([place.id for place in places], NOW))


def test_heads_tell_the_tier_of_their_account(store: Store):
    """A tier that was given is told, and taken back; an account without a row has none."""
    do(store, lambda tx: tx.accounts.add(Account("ann", "Ann", NOW)))
    for account in ("ann", "bob"):
        inserted(store, account=account)

    tiers = []
    for tier in ("gold", None):
        do(store, lambda tx, given=tier: tx.accounts.set_tier("ann", given))
        tiers.append({head.task.lane.account: head.tier for head in store.read(lambda tx: tx.waiting.heads())})

    assert tiers == [{"ann": "gold", "bob": None}, {"ann": None, "bob": None}]


def test_admitted_tasks_are_active_until_they_end(store: Store):
    """A task waits until admitted, is active until finished or cancelled, and a throttled one still waits."""
    tasks = [inserted(store) for _ in range(4)]
    first, second, third, fourth = (task.id for task in tasks)

    do(store, lambda tx: tx.tasks.admit([first, second], NOW))
    do(store, lambda tx: tx.tasks.throttle([third]))

    waiting = {place.id: place.throttled for place in store.read(lambda tx: tx.waiting.places())}
    assert waiting == {third: True, fourth: False}
    assert store.read(lambda tx: tx.waiting.active()) == {Lane("ann", "aleph2", "effects", 0): 2}
    assert store.read(lambda tx: tx.waiting.active_of("ann", "aleph2")) == 2
    do(store, lambda tx: tx.tasks.cancel(first, NOW))
    finish(store, do(store, lambda tx: tx.tasks.start(second, NOW, 3)), TaskStatus.FAILED)
    assert store.read(lambda tx: tx.waiting.active()) == {}


def test_who_waits_is_counted_only_as_far_as_asked(store: Store):
    """An account's waiting tasks are counted, of all models or of one, up to a bound."""
    request = EditRequest(Model.GEN4_ALEPH, "asset:v")
    made = [inserted(store), inserted(store), inserted(store, request=request), inserted(store, account="bob")]
    do(store, lambda tx: tx.tasks.admit([made[0].id], NOW))

    def count(model: str | None, most: int) -> int:
        return store.read(lambda tx: tx.waiting.count_of("ann", model, most=most))

    assert (count(None, 9), count(None, 1), count("aleph2", 9), count("gen4_aleph", 9)) == (2, 1, 1, 1)


def test_places_and_who_is_eased_follow_priority_then_age(store: Store):
    """The next of an account and model is the most urgent, then the oldest; those next who are THROTTLED are told."""
    made = [
        inserted(store, priority=priority, created_at=NOW + timedelta(seconds=number))
        for number, priority in enumerate([0, 0, 7])
    ]
    inserted(store, account="bob")
    do(store, lambda tx: tx.tasks.throttle([made[1].id, made[2].id]))

    places = {place.id: place.number for place in store.read(lambda tx: tx.waiting.places())}
    throttled = [store.read(lambda tx, n=n: tx.waiting.throttled_before("ann", "aleph2", n)) for n in (1, 2, 3)]

    assert [places[task.id] for task in made] == [2, 3, 1]
    assert [set(ids) for ids in throttled] == [{made[2].id}, {made[2].id}, {made[1].id, made[2].id}]
    do(store, lambda tx: tx.tasks.ease(throttled[2]))
    assert store.read(lambda tx: tx.waiting.throttled_before("ann", "aleph2", 3)) == []


def test_throttle_leaves_admitted_work_alone(store: Store):
    """A task that runs is not throttled by a look that came late."""
    task = run(store, inserted(store))

    do(store, lambda tx: tx.tasks.throttle([task.id]))

    assert store.task(task.id).status is TaskStatus.RUNNING


# the books


def test_books_count_an_accounts_own_tasks_of_the_asked_time(store: Store):
    """Generations and credits are counted by account, time of creation and model; free tasks cost nothing."""
    for account, hours, credits in (("ann", 0, 7), ("ann", 30, 5), ("ann", 1, 0), ("bob", 0, 9)):
        task = run(store, inserted(store, account=account, created_at=NOW - timedelta(hours=hours)))
        finish(store, task, TaskStatus.SUCCEEDED, credits=credits)

    day_ago = NOW - timedelta(days=1)
    assert store.read(lambda tx: tx.tasks.generations_since("ann", day_ago)) == {"aleph2": 2}
    spent = store.read(lambda tx: tx.tasks.credits_between("ann", day_ago, NOW + timedelta(seconds=1)))
    assert spent == [(NOW.timestamp(), "aleph2", 7)]
    assert store.read(lambda tx: tx.tasks.credits_between("ann", day_ago, NOW)) == []


def test_counts_are_of_unfinished_tasks_by_status(store: Store):
    """What is finished is not counted."""
    run(store, inserted(store))
    finish(store, run(store, inserted(store)), TaskStatus.FAILED)
    throttled = inserted(store)
    do(store, lambda tx: tx.tasks.throttle([throttled.id]))
    inserted(store)

    assert store.read(lambda tx: tx.tasks.counts()) == {"RUNNING": 1, "THROTTLED": 1, "PENDING": 1}


# accounts, keys, secrets, uploads


def test_accounts_and_keys_come_back(store: Store):
    """Accounts are found by name, keys by hash, name and id; revoking reaches each key once."""
    account = Account("acc_1", "ann", NOW)
    keys = [Key(f"k_{n}", "acc_1", "ann", f"hash-{n}", NOW + timedelta(seconds=n)) for n in range(3)]
    do(store, lambda tx: (tx.accounts.add(account), [tx.accounts.add_key(key) for key in keys]))

    assert store.read(lambda tx: tx.accounts.named("ann")) == account
    assert store.read(lambda tx: tx.accounts.named("bob")) is None
    assert store.read(lambda tx: tx.accounts.count()) == 1
    assert store.read(lambda tx: tx.accounts.keys()) == keys
    assert store.read(lambda tx: tx.accounts.key_hashed("hash-1")) == keys[1]
    assert store.read(lambda tx: tx.accounts.key_hashed("hash-9")) is None
    assert do(store, lambda tx: tx.accounts.revoke(["k_1", "k_9"], NOW)) == 1
    assert [key.id for key in store.read(lambda tx: tx.accounts.keys_called("k_2"))] == ["k_2"]
    everyone = [key.id for key in store.read(lambda tx: tx.accounts.keys_called("ann"))]
    assert do(store, lambda tx: tx.accounts.revoke(everyone, NOW)) == 2
    assert do(store, lambda tx: tx.accounts.revoke(everyone, NOW)) == 0
    assert store.read(lambda tx: tx.accounts.all()) == [account]
    assert {key.revoked_at for key in store.read(lambda tx: tx.accounts.keys())} == {NOW}


def test_what_a_key_may_do_and_until_when_comes_back(store: Store):
    """Scopes and expiry are those that were written; the expiry changes; revoked keys do not change any more."""
    do(store, lambda tx: tx.accounts.add(Account("acc_1", "ann", NOW)))
    later = NOW + timedelta(days=30)
    key = Key("k_1", "acc_1", "robot", "hash", NOW, scopes=frozenset({KeyScope.ADMIN}), expires_at=later)
    do(store, lambda tx: tx.accounts.add_key(key))

    assert store.read(lambda tx: tx.accounts.keys("acc_1")) == [key]
    assert store.read(lambda tx: tx.accounts.keys("acc_2")) == []
    assert do(store, lambda tx: tx.accounts.expire(["k_1"], None)) == 1
    assert store.read(lambda tx: tx.accounts.key_hashed("hash")) == replace(key, expires_at=None)
    do(store, lambda tx: tx.accounts.revoke(["k_1"], NOW))
    assert do(store, lambda tx: tx.accounts.expire(["k_1"], later)) == 0


def test_a_keys_use_is_noted_now_and_then(store: Store):
    """The first use is noted, and the next one only when enough time has passed; never backwards."""
    do(store, lambda tx: tx.accounts.add(Account("acc_1", "ann", NOW)))
    do(store, lambda tx: tx.accounts.add_key(Key("k_1", "acc_1", "ann", "hash", NOW)))
    apart, seen = timedelta(seconds=60), []

    for seconds in (0, 59, 60, 30):
        at = NOW + timedelta(seconds=seconds)
        do(store, lambda tx, at=at: tx.accounts.note_use("k_1", at, apart))
        seen.append(store.read(lambda tx: tx.accounts.keys())[0].used_at)

    assert [(at - NOW).seconds for at in seen] == [0, 0, 60, 60]


def test_a_key_needs_its_account(store: Store):
    """A key of an account that is not there is refused."""
    orphan = Key("k_1", "acc_none", "x", "hash", NOW)

    with pytest.raises(Unavailable):
        do(store, lambda tx: tx.accounts.add_key(orphan))

    assert store.read(lambda tx: tx.accounts.keys()) == []


def test_secrets_come_back(store: Store):
    """A secret is bytes under a name."""
    assert store.read(lambda tx: tx.accounts.secret("sign")) is None

    do(store, lambda tx: tx.accounts.add_secret("sign", b"\x00\xff", NOW))

    assert store.read(lambda tx: tx.accounts.secret("sign")) == b"\x00\xff"


def test_secrets_are_listed_by_their_beginning_and_dropped(store: Store):
    """Only the names that begin so, oldest first; what was dropped is gone, once."""
    for seconds, name in enumerate(["sign-2", "sign-1", "sign_3", "other"]):
        do(store, lambda tx, name=name, at=NOW + timedelta(seconds=seconds): tx.accounts.add_secret(name, b"x", at))

    assert [row[0] for row in store.read(lambda tx: tx.accounts.secrets("sign-"))] == ["sign-2", "sign-1"]
    assert store.read(lambda tx: tx.accounts.secrets("sign-"))[1] == ("sign-1", b"x", NOW + timedelta(seconds=1))
    assert do(store, lambda tx: tx.accounts.drop_secret("sign-2")) is True
    assert do(store, lambda tx: tx.accounts.drop_secret("sign-2")) is False
    assert [row[0] for row in store.read(lambda tx: tx.accounts.secrets("sign-"))] == ["sign-1"]


def test_an_upload_is_completed_once(store: Store):
    """The first arrival of bytes counts; what came with it comes back."""
    upload = Upload("token", "ann", "clip.mp4", NOW, NOW + timedelta(days=1))
    do(store, lambda tx: tx.uploads.insert(upload))
    arrival = {"key": "uploads/token", "size": 700, "kind": "video", "facts": {"width": 2}, "problem": None}

    assert store.read(lambda tx: tx.uploads.get("token")) == upload
    assert do(store, lambda tx: tx.uploads.complete("token", **arrival))
    assert not do(store, lambda tx: tx.uploads.complete("token", **{**arrival, "size": 1}))

    assert store.read(lambda tx: tx.uploads.get("token")) == Upload(
        "token", "ann", "clip.mp4", NOW, NOW + timedelta(days=1), **arrival
    )
    assert store.read(lambda tx: tx.uploads.get("other")) is None


# transactions


def test_an_error_rolls_back_its_own_change_and_reaches_its_caller(store: Store):
    """The function's own exception comes out of the future; what it had changed is not there."""
    task = task_of()

    def change(tx: Any) -> None:
        tx.accounts.add(Account("acc_1", "ann", NOW))
        raise NotFound("not that one")

    failing, other = store.write(change), store.insert_task(task)

    with pytest.raises(NotFound, match="not that one"):
        failing.result(10)
    other.result(10)
    assert store.read(lambda tx: tx.accounts.count()) == 0
    assert store.task(task.id) == task


def test_a_read_sees_one_moment(store: Store):
    """Two questions in one read get answers of the same moment, whatever is committed between them."""
    inserted(store)

    def question(tx: Any) -> tuple[dict[str, int], dict[str, int]]:
        before = tx.tasks.counts()
        inserted(store)
        return before, tx.tasks.counts()

    before, after = store.read(question)

    assert before == after == {"PENDING": 1}
    assert store.read(lambda tx: tx.tasks.counts()) == {"PENDING": 2}


def test_writers_and_readers_do_not_disturb_each_other(store: Store):
    """Inserts from many threads all arrive while others read."""
    tasks = [task_of() for _ in range(200)]
    stop = threading.Event()

    def reader() -> int:
        seen = 0
        while not stop.is_set():
            count = store.read(lambda tx: tx.tasks.counts()).get("PENDING", 0)
            assert count >= seen
            seen = count
            store.task(tasks[-1].id)
        return seen

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(reader) for _ in range(4)]
        done, _ = wait(list(pool.map(store.insert_task, tasks)), 30)
        stop.set()
        assert all(future.result() is not None for future in readers)

    assert len([future for future in done if future.exception() is None]) == 200
    assert store.read(lambda tx: tx.tasks.counts()) == {"PENDING": 200}
