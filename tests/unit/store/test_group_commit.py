"""The writer: many changes share a commit, and none of them pays for another."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import Future
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.account import Account
from refilm.errors import NotFound, Unavailable
from refilm.store.faults import translated
from refilm.store.writer import BATCH, Change, runs_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def held(store):
    """Keeps the writer busy until `held.set()`, so that what is handed in meanwhile gathers."""
    leave, busy = threading.Event(), threading.Event()
    blocker = store.write(lambda tx: (busy.set(), leave.wait(20)))
    assert busy.wait(10)
    yield leave
    leave.set()
    blocker.result(10)


def commits_of(store) -> list[int]:
    """A list that grows with every commit of the store's writer."""
    commits: list[int] = []

    def count(statement: str) -> None:
        if statement == "COMMIT":
            commits.append(1)

    # The writer has one connection; its driver tells every statement, also those that no layer above knows of.
    store.write(lambda tx: tx.connection.connection.driver_connection.set_trace_callback(count)).result(10)
    commits.clear()
    return commits


def test_changes_that_wait_share_commits(store, new_task):
    """Two hundred inserts handed in together cost a handful of commits."""
    commits = commits_of(store)
    leave, busy = threading.Event(), threading.Event()
    blocker = store.write(lambda tx: (busy.set(), leave.wait(20)))
    assert busy.wait(10)

    futures = [store.insert_task(new_task()) for _ in range(200)]
    leave.set()
    for future in (blocker, *futures):
        future.result(10)

    assert len(commits) == 1 + -(-200 // BATCH)
    assert store.read(lambda tx: tx.tasks.counts()) == {"PENDING": 200}


def test_one_that_raises_fails_alone(store, new_task, held):
    """In a commit of many, the change that raises is rolled back and told; the others are committed."""

    def broken(tx):
        tx.accounts.add(Account("acc_2", "bob", NOW))
        raise NotFound("no")

    before = [store.insert_task(new_task()) for _ in range(5)]
    failing = store.write(broken)
    after = [store.write(lambda tx: tx.accounts.add(Account("acc_1", "ann", NOW))), store.insert_task(new_task())]
    held.set()

    for future in (*before, *after):
        future.result(10)
    with pytest.raises(NotFound):
        failing.result(10)
    assert store.read(lambda tx: tx.tasks.counts()) == {"PENDING": 6}
    assert store.read(lambda tx: tx.accounts.named("bob")) is None
    assert store.read(lambda tx: tx.accounts.named("ann")) is not None


def test_a_duplicate_among_inserts_fails_alone(store, new_task, held):
    """A row whose id is taken is refused; its neighbours in the same batch are not."""
    tasks = [new_task() for _ in range(6)]

    futures = [store.insert_task(task) for task in (*tasks[:3], tasks[0], *tasks[3:])]
    held.set()

    with pytest.raises(Unavailable):
        futures[3].result(10)
    for at, future in enumerate(futures):
        assert at == 3 or future.result(10) is None
    assert [store.task(task.id) for task in tasks] == tasks


def test_a_row_that_cannot_be_written_fails_alone(store, new_task, held):
    """Text that no database takes costs its own insert and nobody else's."""
    good, bad = [new_task() for _ in range(4)], new_task(account="half a character \ud83d")

    futures = [store.insert_task(task) for task in (*good[:2], bad, *good[2:])]
    held.set()

    with pytest.raises(UnicodeEncodeError):
        futures[2].result(10)
    assert [future.result(10) for at, future in enumerate(futures) if at != 2] == [None] * 4
    assert [store.task(task.id) for task in good] == good


def test_a_caller_who_left_harms_nobody(store, new_task, held):
    """A future that was cancelled before its turn is left out, and the writer goes on for everybody else."""
    left, stayed = new_task(), new_task()

    cancelled = store.insert_task(left)
    waiting = store.insert_task(stayed)
    assert cancelled.cancel()
    held.set()

    waiting.result(10)
    assert store.task(left.id) is None
    assert store.task(stayed.id) == stayed


def test_a_change_at_work_cannot_be_cancelled(store):
    """Once its transaction began, a change is written, whatever becomes of who asked for it."""
    busy, leave = threading.Event(), threading.Event()

    def change(tx):
        busy.set()
        leave.wait(10)
        tx.accounts.add(Account("acc_1", "ann", NOW))

    future = store.write(change)
    assert busy.wait(10)
    cancelled = future.cancel()
    leave.set()

    assert not cancelled
    future.result(10)
    assert store.read(lambda tx: tx.accounts.count()) == 1


def test_changes_are_applied_in_the_order_they_came(store, held):
    """The last word wins, because it came last."""
    seen: list[int] = []

    futures = [store.write(lambda tx, n=n: seen.append(n)) for n in range(150)]
    held.set()
    for future in futures:
        future.result(10)

    assert seen == list(range(150))


def test_an_error_of_the_database_itself_fails_the_batch(store, new_task, held):
    """A statement that the database refuses as a whole is told as Unavailable; the next batch works."""
    task = new_task()
    broken = store.write(lambda tx: tx.connection.exec_driver_sql("SELECT * FROM nowhere"))
    held.set()

    with pytest.raises(Unavailable) as told:
        broken.result(10)

    assert isinstance(told.value.__cause__, sa.exc.OperationalError)
    store.insert_task(task).result(10)
    assert store.task(task.id) == task


def change(is_row: bool) -> Change:
    """A change of one of the two kinds."""
    return Change(None, row={}, done=Future()) if is_row else Change(lambda tx: None)


@given(kinds=st.lists(st.booleans(), max_size=BATCH))
def test_runs_keep_order_and_put_neighbouring_rows_together(kinds):
    """Runs in a row give the batch; functions stand alone; no two runs of rows are neighbours."""
    batch = [change(is_row) for is_row in kinds]

    runs = runs_of(batch)

    assert [id(one) for run in runs for one in run] == [id(one) for one in batch]
    assert all(len(run) == 1 for run in runs if run[0].row is None)
    assert all(first[0].row is None or second[0].row is None for first, second in itertools.pairwise(runs))


def test_errors_of_ours_and_of_python_pass_as_they_are():
    """Only a database's own errors are put into our words."""
    ours, plain = NotFound("x"), ValueError("y")

    assert translated(ours) is ours
    assert translated(plain) is plain
