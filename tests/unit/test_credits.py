"""Credits and caps: what a create takes is settled once, whatever way the task ends, and a refusal takes nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refilm.accounts import Accounts
from refilm.admission import Admission
from refilm.assets.signing import Signer
from refilm.config import Settings
from refilm.domain.account import Tier
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model
from refilm.domain.sending import Sending
from refilm.domain.task import Failure
from refilm.errors import CapReached, NotFound, OutOfCredits
from refilm.service import Service, Terms

#: 600 s of gen4_aleph at most: a task of unknown length reserves 600 credits.
REQUEST = EditRequest(Model.GEN4_ALEPH, "data:video/mp4;base64,c29tZSBieXRlcw==", "make it warm")
PRICES = {Model.GEN4_ALEPH: 1.0}
NO = Failure("It cannot be done.", "INTERNAL")


@pytest.fixture
def accounts(store, clock) -> Accounts:
    """Ann, whose credits are counted from 1000 on, and bob, whose are not."""
    accounts = Accounts(store, clock)
    accounts.add_key("ann", "ann's key")
    accounts.add_key("bob", "bob's key")
    accounts.set_credits("ann", 1000)
    return accounts


@pytest.fixture
def service_of(store, assets, intake, line, clock):
    """service_of(max_daily=None, max_waiting=None, window=99): a service with those caps."""

    def make(max_daily: int | None = None, max_waiting: int | None = None, window: int = 99) -> Service:
        admission = Admission(store, line.enqueue, lambda _: "cpu", lambda tx: {"cpu": window}, lambda _: Tier(), clock)
        tier = Tier(daily=max_daily)
        terms = Terms(lambda _: "effects", Settings().limits, PRICES, 600, lambda _: tier, max_waiting)
        return Service(store, assets, admission, intake, Signer([("k", b"sixteen bytes or more")]), terms, clock)

    return make


@pytest.fixture
def ann(accounts):
    """Ann, as her key names her."""
    return accounts.authenticate("ann's key")


def submit(service, caller):
    """A new task."""
    return asyncio.run(service.submit(caller, REQUEST))


def clip(seconds: int) -> ClipInfo:
    """The facts of a clip of that length."""
    return ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(seconds))


def test_a_create_takes_its_estimate_and_the_end_gives_back_the_rest(service_of, accounts, ann, store) -> None:
    """600 are taken; the clip turns out to last 10 s and costs 10; the organization says the same all along."""
    service = service_of()
    task = submit(service, ann)
    taken = accounts.credits("ann")
    started = service.start(task.id)
    assert service.succeed(started, ("outputs/x",), clip(10), {})

    assert taken == 400
    assert accounts.credits("ann") == 990
    assert service.organization(ann).credit_balance == 990
    assert store.task(task.id).credits == 10


def test_a_failure_is_free(service_of, accounts, ann) -> None:
    """FAILED gives everything back, once, however often it is told."""
    service = service_of()
    started = service.start(submit(service, ann).id)

    assert service.fail(started, NO, {})
    assert not service.fail(started, NO, {})
    assert accounts.credits("ann") == 1000


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_task_is_free(service_of, accounts, ann, running: bool) -> None:
    """A cancel gives everything back, and a late success of the cancelled attempt takes nothing again."""
    service = service_of()
    task = submit(service, ann)
    started = service.start(task.id) if running else None
    asyncio.run(service.delete(ann, task.id))
    if started is not None:
        assert not service.succeed(started, ("outputs/x",), clip(10), {})
    with pytest.raises(NotFound):
        asyncio.run(service.delete(ann, task.id))

    assert accounts.credits("ann") == 1000


def test_too_few_credits_are_told_and_nothing_is_taken(service_of, accounts, ann, assets) -> None:
    """The second task of 600 does not fit into 1000: refused, not stored, its input not kept."""
    service = service_of()
    submit(service, ann)

    with pytest.raises(OutOfCredits, match="not have enough credits"):
        submit(service, ann)
    assert accounts.credits("ann") == 400
    assert service.organization(ann).models["gen4_aleph"].daily_generations == 1
    assert len(list((assets._root / "inputs").rglob("video"))) == 1


def test_an_uncounted_account_spends_what_it_likes(service_of, accounts) -> None:
    """Without a balance nothing is reserved, and the end gives nothing back."""
    service = service_of()
    bob = accounts.authenticate("bob's key")
    tasks = [submit(service, bob) for _ in range(3)]
    service.fail(service.start(tasks[0].id), NO, {})

    assert accounts.credits("bob") is None
    assert service.organization(bob).credit_balance is None


def test_an_account_that_is_counted_from_now_on_gets_no_gift(service_of, accounts) -> None:
    """A task that was made while nobody counted gives nothing back when it ends."""
    service = service_of()
    task = submit(service, accounts.authenticate("bob's key"))
    accounts.set_credits("bob", 5)
    service.fail(service.start(task.id), NO, {})

    assert accounts.credits("bob") == 5


def test_a_create_that_is_sent_again_is_paid_once(service_of, accounts, ann) -> None:
    """Answers that were lost cost nothing."""
    service = service_of()
    for tries in range(3):
        asyncio.run(service.submit_once(ann, REQUEST, Sending(ann.key_id, "f", tries=tries)))

    assert accounts.credits("ann") == 400


def test_creates_that_race_never_overdraw(service_of, accounts, ann) -> None:
    """Of many at once, only as many are taken as the credits cover."""
    service = service_of()
    accounts.set_credits("ann", 3 * 600 + 599)

    def attempt(_: int) -> bool:
        try:
            submit(service, ann)
        except OutOfCredits:
            return False
        return True

    with ThreadPoolExecutor(8) as calls:
        taken = sum(calls.map(attempt, range(12)))

    assert taken == 3
    assert accounts.credits("ann") == 599


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(("create", "start", "succeed", "fail", "cancel")), max_size=25), st.data())
def test_the_books_balance(service_of, accounts, ann, store, steps, data) -> None:
    """Whatever happens in whatever order: what is left, reserved and spent is what there was."""
    service = service_of()
    accounts.set_credits("ann", 2000)
    made: list[str] = []
    spent = 0
    for step in steps:
        if step == "create":
            try:
                made.append(submit(service, ann).id)
            except OutOfCredits:
                assert accounts.credits("ann") < 600
        elif made:
            task = store.task(data.draw(st.sampled_from(made)))
            if task is None:
                continue
            if step == "start":
                service.start(task.id)
            elif step == "succeed" and service.succeed(task, ("outputs/x",), clip(7), {}):
                spent += 7
            elif step == "fail":
                service.fail(task, NO, {})
            elif step == "cancel":
                asyncio.run(service.delete(ann, task.id))
        owed = [task for task in map(store.task, made) if task is not None and not task.status.is_terminal]
        assert accounts.credits("ann") + 600 * len(owed) + spent == 2000
    for task_id in made:
        if store.task(task_id) is not None:
            asyncio.run(service.delete(ann, task_id))


def test_the_daily_cap_is_kept_and_told(service_of, ann, clock) -> None:
    """The third create of a day is refused in the words that Runway's clients look for; the next day it is taken."""
    service = service_of(max_daily=2)
    ann = type(ann)(ann.account, ann.key_id)
    for _ in range(2):
        task = submit(service, ann)
        service.fail(service.start(task.id), NO, {})
    with pytest.raises(CapReached, match="daily task limit") as refused:
        submit(service, ann)
    clock.move(hours=24, seconds=1)

    assert not refused.value.soon
    assert service.organization(ann).models["gen4_aleph"].max_daily == 2
    submit(service, ann)


def test_an_accounts_own_tier_holds_and_is_told(store, assets, intake, line, clock, accounts, ann) -> None:
    """With a tier of one at work, ann's second task is THROTTLED at once, though no worker is there; bob's is not."""
    admission = Admission(store, line.enqueue, lambda _: "cpu", lambda tx: {}, Settings().tier, clock)
    terms = Terms(lambda _: "effects", Settings().limits, {}, 600, Settings().tier)
    service = Service(store, assets, admission, intake, Signer([("k", b"sixteen bytes or more")]), terms, clock)
    accounts.set_tier("ann", "1")
    bob = accounts.authenticate("bob's key")

    made = [submit(service, caller) for caller in (ann, ann, bob, bob)]

    assert [store.task(task.id).status for task in made] == ["PENDING", "THROTTLED", "PENDING", "PENDING"]
    use = {who: service.organization(caller).models["aleph2"] for who, caller in (("ann", ann), ("bob", bob))}
    assert (use["ann"].max_concurrent, use["ann"].max_daily) == (1, 50)
    assert (use["bob"].max_concurrent, use["bob"].max_daily) == (None, None)


def test_a_task_carries_the_priority_of_its_key(service_of, accounts, store) -> None:
    """It is that of the key with which the task was made."""
    accounts.add_key("bob", "urgent key", priority=9)

    made = [submit(service_of(), accounts.authenticate(key)) for key in ("bob's key", "urgent key")]

    assert [store.task(task.id).priority for task in made] == [0, 9]


def test_no_account_may_pile_up_more_than_its_queue(service_of, accounts, ann) -> None:
    """Waiting tasks beyond the cap are refused for the moment; other accounts do not notice."""
    service = service_of(max_waiting=1, window=0)
    submit(service, ann)
    with pytest.raises(CapReached) as refused:
        submit(service, ann)
    submit(service, accounts.authenticate("bob's key"))

    assert refused.value.soon
    assert accounts.credits("ann") == 400


def test_credits_of_nobody(accounts) -> None:
    """A name that has no account is told."""
    with pytest.raises(NotFound, match="no account named 'eve'"):
        accounts.set_credits("eve", 1)
