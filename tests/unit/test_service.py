"""Every change of a task's state: what is durable, what is fenced, what it costs, and what is cleaned up."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from datetime import UTC, date, datetime
from fractions import Fraction
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refilm.accounts import Caller
from refilm.admission import Admission
from refilm.assets.signing import Signer
from refilm.config import Settings
from refilm.domain.account import Tier, UsedCredits
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import MAX_SEED, EditRequest, Model, OutputFormat, OutputSpec, Reference
from refilm.domain.task import MAX_ATTEMPTS, Failure, TaskStatus
from refilm.errors import NotFound, Refused, StorageFull
from refilm.service import Service, Terms, output_key

ANN, BOB = Caller("ann", "k1"), Caller("bob", "k2")
DATA_URI = "data:video/mp4;base64," + base64.b64encode(b"some bytes of a clip").decode()
PICTURE_URI = "data:image/png;base64," + base64.b64encode(b"a picture").decode()
NO = Failure("It cannot be done.", "INPUT_PREPROCESSING.UNSUPPORTED")
PRICES = {Model.GEN4_ALEPH: 15.0, Model.ALEPH2: 2.5}


def request(video_uri: str = DATA_URI, model: Model = Model.GEN4_ALEPH, **members) -> EditRequest:
    """A request for that clip."""
    return EditRequest(model, video_uri, "make it warm", **members)


def clip(seconds: float | Fraction = 4) -> ClipInfo:
    """The facts of a clip of that length."""
    return ClipInfo("mp4", "h264", "yuv420p", 640, 360, 640, 360, duration=Fraction(seconds))


@pytest.fixture
def service_of(store, assets, intake, line, clock):
    """service_of(per_model=None, window=9): a service whose admitted tasks only stand in line."""

    def make(per_model: int | None = None, window: int = 9) -> Service:
        tier = Tier(per_model)
        admission = Admission(store, line.enqueue, lambda _: "cpu", lambda tx: {"cpu": window}, lambda _: tier, clock)
        settings = Settings()
        terms = Terms(lambda model: f"engine of {model}", settings.limits, PRICES, 600, lambda _: tier)
        signer = Signer([("k", b"sixteen bytes or more")])
        return Service(store, assets, admission, intake, signer, terms, clock)

    return make


@pytest.fixture
def service(service_of) -> Service:
    """A service with room for nine."""
    return service_of()


def submit(service: Service, asked: EditRequest | None = None, caller: Caller = ANN):
    """A new task."""
    return asyncio.run(service.submit(caller, asked or request()))


def delete(service: Service, task, caller: Caller = ANN) -> None:
    """Delete or cancel it."""
    asyncio.run(service.delete(caller, task.id))


def settle(store) -> None:
    """Wait for what the writer was handed."""
    store.write(lambda tx: None).result(10)


def started(service: Service, store, asked: EditRequest | None = None, attempts: int = 1):
    """A task at work."""
    task = submit(service, asked)
    settle(store)
    for _ in range(attempts):
        running = service.start(task.id)
    return running


def publish(assets, task, attempt: int | None = None) -> str:
    """An attempt's output, published."""
    key = output_key(task.id, attempt or task.attempt, task.request.output.format)
    with assets.writer(key) as file:
        file.write(b"edited")
    return key


# submit


def test_an_answered_create_is_committed(service, store, tmp_path):
    """When submit returns, a connection of somebody else finds the task, and a poll gives what was returned."""
    task = submit(service)

    other = sqlite3.connect(tmp_path / "refilm.sqlite")
    rows = other.execute("SELECT account, engine FROM tasks WHERE id = ?", (task.id,)).fetchall()
    other.close()
    assert rows == [("ann", "engine of gen4_aleph")]
    settle(store)
    assert service.task(ANN, task.id) == task


def test_a_seed_is_drawn_once_and_kept(service):
    """A request without a seed gets one for good; a given one is left alone."""
    drawn = [submit(service) for _ in range(5)]
    given_seed = submit(service, request(seed=0))

    seeds = {service.task(ANN, task.id).request.seed for task in drawn}
    assert len(seeds) == 5
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    assert given_seed.request.seed == 0


def test_a_new_task_is_admitted_soon(service, store, line):
    """Submitting wakes admission."""
    task = submit(service)

    settle(store)

    assert line.ids == [task.id]


def test_over_the_cap_a_task_is_throttled_until_a_slot_is_free(service_of, store, line, clock):
    """With a cap of one, the next task is THROTTLED until the one before succeeds, fails or is cancelled."""
    service = service_of(per_model=1)
    tasks = []
    for _ in range(4):
        tasks.append(submit(service))
        clock.move(seconds=1)
    settle(store)
    assert [service.task(ANN, task.id).status for task in tasks] == ["PENDING", *["THROTTLED"] * 3]

    service.succeed(service.start(tasks[0].id), (), clip(), {})
    service.fail(service.start(tasks[1].id), NO, {})
    delete(service, tasks[2])

    assert line.ids == [task.id for task in tasks]


def test_a_create_that_finds_the_disk_full_keeps_nothing(service, store, kept):
    """Where the row cannot be written, the bytes that came with the request go too."""
    pages = store.write(lambda tx: tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()).result(10)
    store.write(lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one()).result(10)

    with pytest.raises(StorageFull):
        submit(service, EditRequest(Model.GEN4_ALEPH, DATA_URI, "warm " * 10_000))

    assert store.read(lambda tx: tx.tasks.counts()) == {}
    assert kept() == set()


# what it costs


@pytest.mark.parametrize(
    ("model", "seconds", "credits"),
    [
        (Model.GEN4_ALEPH, Fraction(4), 60),
        (Model.GEN4_ALEPH, Fraction(401, 100), 61),
        (Model.GEN4_ALEPH, Fraction(1, 1000), 1),
        (Model.ALEPH2, Fraction(3), 8),
        (Model.ALEPH2, Fraction(2), 5),
        (Model.ALEPH2, Fraction(22, 5), 11),
    ],
)
def test_cost_is_linear_in_seconds_and_rounded_up(service, model, seconds, credits):
    """Fractional seconds count linearly; whole credits are rounded up once."""
    terms = service._terms

    assert terms.credits(model, float(seconds)) == credits


@given(seconds=st.floats(0, 10_000), more=st.floats(0, 1000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_longer_never_costs_less(service, seconds, more):
    """Cost grows with length, is whole and never negative, and nothing where no price is set."""
    terms = service._terms

    assert 0 <= terms.credits(Model.ALEPH2, seconds) <= terms.credits(Model.ALEPH2, seconds + more)
    assert Terms(str, None, {}, 60).credits(Model.ALEPH2, seconds) == 0


def test_the_estimate_is_by_known_length_or_the_models_longest(service, new_upload):
    """An upload's length is known at create; of other inputs the model's maximum is assumed."""
    known = submit(service, request(new_upload(seconds=10), Model.ALEPH2))
    unknown = submit(service, request(model=Model.ALEPH2))

    assert known.estimated_credits == 25
    assert unknown.estimated_credits == 75


def test_success_is_charged_once_and_never_above_the_estimate(service, store, new_upload):
    """The charge is by the real length, at most the estimate; a second end of the task changes nothing."""
    cheaper = started(service, store, request(model=Model.ALEPH2))
    dearer = started(service, store, request(new_upload(seconds=10), Model.ALEPH2))

    assert service.succeed(cheaper, ("o",), clip(Fraction(21, 10)), {})
    assert service.succeed(dearer, ("o",), clip(12), {})
    assert not service.succeed(cheaper, ("o",), clip(30), {})

    assert service.task(ANN, cheaper.id).credits == 6
    assert service.task(ANN, dearer.id).credits == 25


def test_failure_and_cancel_are_free(service, store):
    """A task that fails costs nothing, and one that is cancelled appears in no bill."""
    failed, cancelled = started(service, store), started(service, store)

    service.fail(failed, NO, {"refused": []})
    delete(service, cancelled)

    assert service.task(ANN, failed.id).credits == 0
    assert service.usage(ANN, None, None).used == ()


# delete


@pytest.mark.parametrize("status", ["PENDING", "THROTTLED", "RUNNING"])
def test_delete_cancels_what_is_not_finished(service_of, store, clock, status):
    """A waiting or running task is gone at once; its attempt learns that it is not wanted any more."""
    service = service_of(per_model=1)
    first = submit(service)
    clock.move(seconds=1)
    task = submit(service) if status == "THROTTLED" else first
    settle(store)
    running = service.start(task.id) if status == "RUNNING" else None
    assert service.task(ANN, task.id).status == status

    delete(service, task)

    with pytest.raises(NotFound):
        service.task(ANN, task.id)
    with pytest.raises(NotFound):
        delete(service, task)
    assert store.read(lambda tx: tx.tasks.remains(task.id)).status is TaskStatus.CANCELLED
    assert service.start(task.id) is None
    if running is not None:
        assert not service.progress(running, 0.5)
        assert not service.succeed(running, ("o",), clip(), {})


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_delete_removes_what_is_finished(service, store, assets, kept, status):
    """A finished task and its outputs are gone; its row stays for the books with the status it had."""
    task = started(service, store)
    key = publish(assets, task)
    if status == "SUCCEEDED":
        service.succeed(task, (key,), clip(), {})
        assert kept() == {key}
    else:
        service.fail(task, NO, {})

    delete(service, task)

    with pytest.raises(NotFound):
        service.task(ANN, task.id)
    assert store.read(lambda tx: tx.tasks.remains(task.id)).status == status
    assert kept() == set()


def test_foreign_and_unknown_are_the_same(service, store):
    """Nobody learns from an answer that a task of somebody else exists, and nobody can delete it."""
    task = submit(service)

    told = []
    for caller, task_id in ((BOB, task.id), (BOB, "nobody")):
        with pytest.raises(NotFound) as polled:
            service.task(caller, task_id)
        with pytest.raises(NotFound) as deleted:
            asyncio.run(service.delete(caller, task_id))
        told.append((str(polled.value), str(deleted.value)))

    assert told[0] == told[1]
    assert service.task(ANN, task.id).id == task.id


# attempts


def test_an_overtaken_attempt_changes_nothing(service, store, assets, kept):
    """Progress, success, failure and clean-up of attempt 1 leave a task alone that is in its attempt 2."""
    second = started(service, store, attempts=2)
    first = store.task(second.id).__class__(**{**vars(second), "attempt": 1})
    late = publish(assets, first)

    assert not service.progress(first, 0.9)
    assert not service.fail(first, NO, {})
    assert not service.succeed(first, (late,), clip(), {})
    service.hand_back(first)
    service.abandon(first)

    assert service.task(ANN, second.id) == second
    assert f"inputs/{second.id}/video" in kept()
    key = publish(assets, second)
    assert service.succeed(second, (key,), clip(), {})
    assert kept() == {key}


def test_three_attempts_and_no_more(service, store, kept):
    """A task that broke off three times is not started again: it ends FAILED, INTERNAL, free, its inputs removed."""
    task = started(service, store, attempts=MAX_ATTEMPTS)

    assert service.start(task.id) is None

    ended = service.task(ANN, task.id)
    assert (ended.status, ended.failure.code, ended.credits) == (TaskStatus.FAILED, "INTERNAL", 0)
    assert "3 times" in ended.failure.message
    assert kept() == set()


def test_handed_back_attempts_do_not_count(service, store):
    """A server that is stopped again and again does not use up a task's attempts."""
    task = started(service, store)

    for _ in range(5):
        service.hand_back(task)
        task = service.start(task.id)

    assert task.attempt == 1
    assert task.status is TaskStatus.RUNNING


@pytest.mark.parametrize("kind", OutputFormat)
@pytest.mark.parametrize("end", ["succeed", "fail", "cancel"])
def test_inputs_and_unpublished_outputs_are_removed_at_the_end(service, store, assets, kept, new_upload, end, kind):
    """However a task ends, what it kept of its own goes; uploads stay, and so does the published output alone."""
    uri = new_upload()
    uploads = kept()
    asked = request(uri, references=(Reference(PICTURE_URI),), output=OutputSpec(format=kind))
    task = started(service, store, asked, attempts=2)
    stale, fresh = publish(assets, task, 1), publish(assets, task, 2)
    assert kept() == uploads | {stale, fresh, f"inputs/{task.id}/reference-0"}

    if end == "succeed":
        service.succeed(task, (fresh,), clip(), {})
    elif end == "fail":
        service.fail(task, NO, {})
    else:
        delete(service, task)
        service.abandon(task)

    assert kept() == uploads | ({fresh} if end == "succeed" else set())


def test_a_task_cancelled_while_it_waits_leaves_nothing(service, store, kept):
    """Inputs of a task that never ran are removed by its cancel."""
    task = submit(service)
    settle(store)
    assert kept() == {f"inputs/{task.id}/video"}

    delete(service, task)

    assert kept() == set()


def test_a_cancelled_task_whose_worker_died_leaves_nothing(service, store, assets, kept):
    """An attempt broke off with its process, the task was cancelled: who takes it up again cleans up behind it."""
    task = started(service, store)
    publish(assets, task)
    delete(service, task)
    assert kept()

    assert service.start(task.id) is None

    assert kept() == set()


def test_taking_up_a_succeeded_task_leaves_its_output(service, store, assets, kept):
    """A workflow that is taken up again after its task succeeded does nothing to it."""
    task = started(service, store)
    key = publish(assets, task)
    service.succeed(task, (key,), clip(), {})
    before = service.task(ANN, task.id)

    assert service.start(task.id) is None

    assert service.task(ANN, task.id) == before
    assert kept() == {key}


# outputs


def test_signed_urls_open_the_output_until_they_expire(service, store, assets, clock):
    """A URL opens its own output, whole, for as long as the terms say; changed or late it opens nothing."""
    task = started(service, store)
    service.succeed(task, (publish(assets, task),), clip(), {})

    (url,) = service.output_urls(service.task(ANN, task.id), "https://refilm.example")

    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    key = parts.path.removeprefix("/files/")
    assert url.startswith("https://refilm.example/files/outputs/")
    opened = service.open_signed(key, query)
    with opened.file as file:
        assert file.read() == b"edited"
    assert (opened.size, opened.media_type, opened.filename) == (6, "video/mp4", f"{task.id}.mp4")
    with pytest.raises(Refused):
        service.open_signed(key, {**query, "expires": str(int(query["expires"]) + 1)})
    with pytest.raises(Refused):
        service.open_signed(key.replace("1.mp4", "2.mp4"), query)
    with pytest.raises(Refused):
        service.open_signed("inputs", {})
    clock.move(seconds=600)
    with pytest.raises(Refused, match="expired"):
        service.open_signed(key, query)


def test_each_asking_mints_fresh_urls(service, store, assets, clock):
    """A later GET gives a URL that lasts longer; of a deleted task's output nothing is left to open."""
    task = started(service, store)
    service.succeed(task, (publish(assets, task),), clip(), {})
    done = service.task(ANN, task.id)

    (early,) = service.output_urls(done, "")
    clock.move(seconds=30)
    (late,) = service.output_urls(done, "")
    delete(service, task)

    assert early != late
    query = {name: values[0] for name, values in parse_qs(urlsplit(late).query).items()}
    with pytest.raises(NotFound):
        service.open_signed(done.outputs[0], query)


# the books


def test_usage_sums_credits_by_utc_day_and_model(service, store, clock):
    """Tasks are summed by the UTC day of their creation, within [start, before), for their own account."""
    clock.at = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    for model, count in ((Model.GEN4_ALEPH, 2), (Model.ALEPH2, 1)):
        for _ in range(count):
            service.succeed(started(service, store, request(model=model)), (), clip(2), {})
    clock.move(seconds=1)
    service.succeed(started(service, store), (), clip(2), {})
    foreign = submit(service, caller=BOB)
    settle(store)
    service.succeed(service.start(foreign.id), (), clip(2), {})

    everything = service.usage(ANN, None, None)
    one_day = service.usage(ANN, date(2026, 11, 20), date(2026, 11, 21))

    first_day = (
        UsedCredits(date(2026, 11, 20), "aleph2", 5),
        UsedCredits(date(2026, 11, 20), "gen4_aleph", 60),
    )
    assert everything.used == (*first_day, UsedCredits(date(2026, 11, 21), "gen4_aleph", 30))
    assert (everything.start, everything.before) == (date(2026, 10, 23), date(2026, 11, 22))
    assert one_day.used == first_day


def test_deleted_tasks_stay_in_the_books(service, store):
    """Who deletes a task has paid for it all the same."""
    task = started(service, store)
    service.succeed(task, (), clip(2), {})

    delete(service, task)

    assert sum(used.credits for used in service.usage(ANN, None, None).used) == 30


def test_organization_counts_the_last_day(service_of, clock):
    """Generations of the last 24 hours by model, zeros too, and the cap that holds."""
    service = service_of(per_model=4)
    submit(service)
    clock.move(hours=23)
    submit(service, request(model=Model.ALEPH2))
    submit(service, caller=BOB)
    clock.move(hours=2)

    models = service.organization(ANN).models

    assert {name: use.daily_generations for name, use in models.items()} == {"gen4_aleph": 0, "aleph2": 1}
    assert {use.max_concurrent for use in models.values()} == {4}


def test_readiness_says_what_is_wrong(service, store):
    """A healthy server is ready; one whose tables are gone is not, and says so without raising."""
    ready = service.readiness()
    store.write(lambda tx: tx.connection.exec_driver_sql("DROP TABLE keys")).result(10)
    store.write(lambda tx: tx.connection.exec_driver_sql("DROP TABLE accounts")).result(10)
    broken = service.readiness()

    assert ready == {"ready": True, "checks": {"database": "ok", "assets": "ok", "disk": "ok"}, "moderation": "none"}
    assert broken["ready"] is False
    assert broken["checks"]["database"].startswith("failing")
