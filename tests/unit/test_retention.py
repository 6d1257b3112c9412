"""What the sweeper removes, and what it leaves alone."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from refilm.accounts import Caller
from refilm.bootstrap.places import open_assets
from refilm.config import Settings
from refilm.domain.clock import BELIEVE_SECONDS, SteadyClock
from refilm.domain.edit import EditRequest, Model
from refilm.domain.sending import Sending
from refilm.domain.task import MAX_ATTEMPTS, Failure, Task, TaskStatus
from refilm.domain.upload import Upload
from refilm.retention import Keep, Sweeper, Swept
from refilm.service import output_key
from refilm.store.postgres import PostgresStore
from refilm.store.sqlite import SqliteStore

ANN = Caller("ann", "k1")


@pytest.fixture(params=["folder", "bucket"])
def assets(request, tmp_path):
    """Assets of either kind; the bucket is a real S3 server's."""
    place = request.getfixturevalue("s3_settings") if request.param == "bucket" else {}
    return open_assets(Settings(data=tmp_path / "data", **place))


@pytest.fixture
def store(request, tmp_path):
    """An empty store; embedded where a test does not ask for "postgres"."""
    if getattr(request, "param", "sqlite") == "sqlite":
        store = SqliteStore(tmp_path / "refilm.sqlite")
    else:
        store = PostgresStore(request.getfixturevalue("postgres_url"))
    yield store
    store.close()


@pytest.fixture
def forgotten() -> list[str]:
    """The ids that the durable queue was told to forget."""
    return []


@pytest.fixture
def sweeper_of(store, assets, clock, forgotten):
    """sweeper_of(tasks=None, records=None): a sweeper that keeps them so many days."""

    def make(tasks: float | None = None, records: float | None = None) -> Sweeper:
        def days(count):
            return None if count is None else timedelta(days=count)

        return Sweeper(store, assets, forgotten.extend, Keep(days(tasks), days(records)), clock)

    return make


def put(assets, key: str) -> str:
    """Some bytes under that key."""
    with assets.writer(key) as file:
        file.write(b"some bytes")
    return key


def do(store, change):
    """The result of a write."""
    return store.write(change).result(10)


@pytest.fixture
def finished(store, assets, clock, new_task):
    """finished(): a task that SUCCEEDED now, with an output."""

    def make() -> Task:
        task = new_task()
        store.insert_task(task).result(10)
        do(store, lambda tx: tx.tasks.admit([task.id], clock()))
        started = do(store, lambda tx: tx.tasks.start(task.id, clock(), MAX_ATTEMPTS))
        key = put(assets, output_key(task.id, started.attempt))
        done = {"at": clock(), "credits": 5, "outputs": (key,)}
        assert do(store, lambda tx: tx.tasks.finish(task.id, 1, TaskStatus.SUCCEEDED, **done))
        return store.task(task.id)

    return make


def upload(store, assets, clock, number: int = 0) -> Upload:
    """An upload of ann's whose bytes arrived, good for a day."""
    made = Upload(f"upload-{number:022}", "ann", "clip.mp4", clock(), clock() + timedelta(days=1))
    do(store, lambda tx: tx.uploads.insert(made))
    key = put(assets, f"uploads/{made.id}/x")
    do(store, lambda tx: tx.uploads.complete(made.id, key=key, size=9, kind="video", facts={}, problem=None))
    return made


def test_nothing_is_deleted_that_nobody_asked_to_have_deleted(sweeper_of, finished, store, assets, clock) -> None:
    """Without settings, finished tasks and their outputs stay for ever."""
    task = finished()
    clock.move(days=10_000)

    assert sweeper_of().sweep() == Swept()
    assert store.task(task.id) == task
    assert assets.exists(task.outputs[0])


def test_a_finished_task_goes_when_its_days_are_over(sweeper_of, finished, store, assets, clock) -> None:
    """Not an hour early; then task and output are gone, and what it cost stays in the books."""
    task = finished()
    sweeper = sweeper_of(tasks=30)
    clock.move(days=29, hours=23)
    early = sweeper.sweep()
    still = store.task(task.id)
    clock.move(hours=2)
    late = sweeper.sweep()

    assert (early.tasks, late.tasks) == (0, 1)
    assert still == task
    assert store.task(task.id) is None
    assert not assets.exists(task.outputs[0])
    assert store.read(lambda tx: tx.tasks.credits_between("ann", clock() - timedelta(days=90), clock()))[0][2] == 5


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
def test_servers_sweep_side_by_side(sweeper_of, finished, store, assets, clock) -> None:
    """Three that sweep the same rows at the same time remove what one alone would, and none of them fails."""
    tasks = [finished() for _ in range(12)]
    uploads = [upload(store, assets, clock, number) for number in range(12)]
    clock.move(days=31)
    sweepers = [sweeper_of(tasks=30) for _ in range(3)]
    together = threading.Barrier(len(sweepers))

    def sweep(sweeper: Sweeper) -> Swept:
        together.wait(10)
        return sweeper.sweep()

    with ThreadPoolExecutor(len(sweepers)) as threads:
        list(threads.map(sweep, sweepers))

    assert [task.id for task in tasks if store.task(task.id)] == []
    assert [each.id for each in uploads if store.read(partial(_upload_row, upload_id=each.id))] == []
    assert list(assets.keys("outputs")) == list(assets.keys("uploads")) == []
    assert sweepers[0].sweep() == Swept()


def _upload_row(tx, upload_id: str):
    return tx.uploads.get(upload_id)


def test_waiting_and_running_tasks_never_age(sweeper_of, store, new_task, clock) -> None:
    """However old, an unfinished task is not retired: it is owed."""
    waiting, running = new_task(), new_task()
    for task in (waiting, running):
        store.insert_task(task).result(10)
    do(store, lambda tx: tx.tasks.start(running.id, clock(), MAX_ATTEMPTS))
    clock.move(days=10_000)

    assert sweeper_of(tasks=1, records=90).sweep() == Swept()
    assert store.task(waiting.id).status is TaskStatus.PENDING
    assert store.task(running.id).status is TaskStatus.RUNNING


def test_a_record_goes_after_the_books_are_closed(sweeper_of, finished, store, clock, forgotten) -> None:
    """The row of a deleted task is dropped when its days are over, together with what the queue knew of it."""
    task = finished()
    sweeper = sweeper_of(tasks=1, records=90)
    clock.move(days=2)
    sweeper.sweep()
    clock.move(days=89)
    early = sweeper.sweep()
    clock.move(days=2)
    late = sweeper.sweep()

    assert (early.records, late.records) == (0, 1)
    assert store.read(lambda tx: tx.tasks.remains(task.id)) is None
    assert forgotten == [task.id]


def test_many_are_taken_in_one_sweep(sweeper_of, finished, clock, monkeypatch) -> None:
    """Bites bound a transaction, not a sweep."""
    monkeypatch.setattr("refilm.retention.BITE", 2)
    for _ in range(5):
        finished()
    clock.move(days=2)

    assert sweeper_of(tasks=1).sweep().tasks == 5


def test_an_upload_goes_after_its_day(sweeper_of, store, assets, clock) -> None:
    """A runway:// URI works for 24 hours; then its bytes and its row are gone."""
    kept = upload(store, assets, clock)
    clock.move(hours=23)
    early = sweeper_of().sweep()
    clock.move(hours=2)
    late = sweeper_of().sweep()

    assert (early.uploads, late.uploads) == (0, 1)
    assert not assets.exists(f"uploads/{kept.id}/x")
    assert store.read(lambda tx: tx.uploads.get(kept.id)) is None


def test_an_upload_waits_for_the_tasks_that_need_it(sweeper_of, store, assets, clock, new_task) -> None:
    """A task that waits longer than a day still finds its input; once it ended, the upload goes."""
    needed = upload(store, assets, clock)
    task = new_task(request=EditRequest(Model.GEN4_ALEPH, needed.uri, "warm"))
    store.insert_task(task).result(10)
    clock.move(days=3)
    waiting = sweeper_of().sweep()
    do(store, lambda tx: tx.tasks.start(task.id, clock(), MAX_ATTEMPTS))
    failure = Failure("no", "INTERNAL")
    do(store, lambda tx: tx.tasks.finish(task.id, 1, TaskStatus.FAILED, at=clock(), credits=0, failure=failure))

    assert waiting.uploads == 0
    assert assets.exists(f"uploads/{needed.id}/x")
    assert sweeper_of().sweep().uploads == 1


def test_what_no_row_names_goes_at_the_second_look(sweeper_of, assets) -> None:
    """Leftovers of killed processes go; but a file may be there a moment before its row, so not at first sight."""
    left = ("inputs/gone/video", "outputs/gone/1.mp4", "uploads/gone/x", "staging/x")
    orphans = [put(assets, key) for key in left]
    sweeper = sweeper_of()
    first, second = sweeper.sweep_orphans(), sweeper.sweep_orphans()

    assert (first.orphans, second.orphans) == (0, 4)
    assert not any(assets.exists(key) for key in orphans)


def test_what_a_row_names_is_no_orphan(sweeper_of, finished, store, assets, clock, new_task) -> None:
    """Inputs of a waiting task, a published output and an upload stay, however often one looks."""
    waiting = new_task()
    store.insert_task(waiting).result(10)
    kept = [
        put(assets, f"inputs/{waiting.id}/video"),
        finished().outputs[0],
        f"uploads/{upload(store, assets, clock).id}/x",
    ]
    sweeper = sweeper_of()
    for _ in range(3):
        assert sweeper.sweep_orphans() == Swept()

    assert all(assets.exists(key) for key in kept)


def test_an_attempt_that_was_not_published_is_an_orphan(sweeper_of, finished, assets) -> None:
    """Bytes of an attempt that lost are not the task's output."""
    task = finished()
    lost = put(assets, output_key(task.id, 2))
    sweeper = sweeper_of()
    sweeper.sweep_orphans()
    sweeper.sweep_orphans()

    assert not assets.exists(lost)
    assert assets.exists(task.outputs[0])


def test_sendings_are_forgotten(sweeper_of, store, clock, new_task) -> None:
    """The memory of creates is as short as their retries."""
    do(store, lambda tx: tx.sendings.add("ann", "task-0", Sending("k1", "f", tries=0), clock()))
    clock.move(minutes=5)

    assert sweeper_of().sweep().sendings == 1


def test_a_sweep_that_breaks_off_is_finished_by_the_next(
    sweeper_of, finished, store, assets, clock, monkeypatch
) -> None:
    """A crash between the row and the bytes leaves an orphan, never a task that names bytes that are gone."""
    task = finished()
    clock.move(days=2)
    monkeypatch.setattr(type(assets), "delete", lambda self, key: (_ for _ in ()).throw(KeyboardInterrupt))
    sweeper = sweeper_of(tasks=1)
    with pytest.raises(KeyboardInterrupt):
        sweeper.sweep()
    monkeypatch.undo()

    assert store.task(task.id) is None
    sweeper.sweep_orphans()
    sweeper.sweep_orphans()
    assert not assets.exists(task.outputs[0])


def test_a_real_servers_queue_forgets(tmp_path) -> None:
    """The durable engine's own rows of a finished task go with its record."""
    from refilm.bootstrap.process import build

    server = build(Settings(data=tmp_path / "data", workers=1, spares=0))
    try:
        server.start()
        caller = server.accounts.authenticate(server.accounts.create_key("ann"))
        request = EditRequest(Model.GEN4_ALEPH, "data:video/mp4;base64,c29tZSBieXRlcw==", "warm")
        task = asyncio.run(server.service.submit(caller, request))
        while not (found := server.store.task(task.id)).status.is_terminal:
            asyncio.run(asyncio.sleep(0.05))
        assert found.status is TaskStatus.FAILED
        counted = "SELECT count(*) FROM workflow_status WHERE workflow_uuid = :id"

        def known() -> int:
            import sqlalchemy as sa

            return server.store.read(lambda tx: tx.connection.execute(sa.text(counted), {"id": task.id}).scalar_one())

        before = known()
        server.queue.forget([task.id])
        after = known()
    finally:
        server.close()

    assert (before, after) == (1, 0)


def test_a_wall_clock_that_leaps_deletes_nothing_early(store, assets, clock, finished, new_upload, forgotten) -> None:
    """Three days forward, as a careless operator or a broken time server sets them: what has hours to live keeps them,
    a create that comes again is still known, and what is over goes once the new time has stood.
    """
    passed = [0.0]
    steady = SteadyClock(clock, lambda: passed[0])
    steady()
    task = finished()
    new_upload()
    again = Sending("k1", "fingerprint", tries=1)
    do(store, lambda tx: tx.sendings.add("ann", task.id, Sending("k1", "fingerprint", tries=0), steady()))
    sweeper = Sweeper(store, assets, forgotten.extend, Keep(tasks=timedelta(days=1)), steady)

    clock.move(days=3)
    first = sweeper.sweep()
    known = do(store, lambda tx: tx.sendings.tried(again, steady()))
    passed[0] += BELIEVE_SECONDS
    clock.move(seconds=BELIEVE_SECONDS)
    last = sweeper.sweep()

    assert first == Swept()
    assert known == task.id
    assert (last.tasks, last.uploads, last.sendings) == (1, 1, 1)
