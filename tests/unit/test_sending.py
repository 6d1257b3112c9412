"""A create that is sent again makes no second task: by the client's own name for it, or by an SDK's count of tries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.accounts import Caller
from refilm.admission import Admission
from refilm.assets.signing import Signer
from refilm.config import Settings
from refilm.domain.account import Tier
from refilm.domain.edit import EditRequest, Model
from refilm.domain.sending import MOST_TRIES, Sending, is_other_try
from refilm.domain.task import Task
from refilm.errors import InvalidRequest
from refilm.service import Service, Terms

ANN, BOB = Caller("ann", "k1"), Caller("bob", "k2")
REQUEST = EditRequest(Model.GEN4_ALEPH, "data:video/mp4;base64,c29tZSBieXRlcw==", "make it warm")


@pytest.fixture
def service(store, assets, intake, line, clock) -> Service:
    """A service whose admitted tasks only stand in line."""
    admission = Admission(store, line.enqueue, lambda _: "cpu", lambda tx: {"cpu": 99}, lambda _: Tier(), clock)
    terms = Terms(lambda _: "effects", Settings().limits, {}, output_url_seconds=600)
    return Service(store, assets, admission, intake, Signer([("k", b"sixteen bytes or more")]), terms, clock)


def send(service: Service, caller: Caller = ANN, *, body: str = "f1", **how: Any) -> tuple[Task, bool]:
    """One sending of the create."""
    sending = Sending(caller.key_id, body, **how)
    return asyncio.run(service.submit_once(caller, REQUEST, sending))


def made(service: Service, caller: Caller = ANN) -> int:
    """How many tasks the account has."""
    return sum(use.daily_generations for use in service.organization(caller).models.values())


def kept(assets) -> int:
    """How many inputs lie there."""
    return sum(1 for _ in (assets._root / "inputs").rglob("video"))


def test_a_name_answers_its_first_task_for_a_day(service: Service, clock) -> None:
    """The same Idempotency-Key and body give the same task, once made; after 24 hours it stands for a new one."""
    first, repeated = send(service, name="mine")
    clock.move(hours=23.9)
    again = send(service, name="mine")
    clock.move(hours=0.2)
    later, anew = send(service, name="mine")

    assert not repeated
    assert again == (first, True)
    assert later.id != first.id
    assert not anew


def test_a_name_with_another_body_is_refused(service: Service) -> None:
    """One key for two requests is a mistake, and is told; nothing is made."""
    send(service, name="mine")

    with pytest.raises(InvalidRequest, match="another body"):
        send(service, name="mine", body="f2")
    assert made(service) == 1


def test_names_are_an_accounts_own(service: Service) -> None:
    """Two accounts may choose the same key; neither hears of the other's task."""
    mine, _ = send(service, name="mine")
    theirs, repeated = send(service, BOB, name="mine")

    assert theirs.id != mine.id
    assert not repeated


def test_a_deleted_task_is_not_made_again(service: Service) -> None:
    """A late second sending of a create whose task was cancelled answers the cancelled one."""
    task, _ = send(service, name="mine")
    asyncio.run(service.delete(ANN, task.id))

    again, repeated = send(service, name="mine")

    assert again.id == task.id
    assert repeated


def test_an_sdks_further_tries_answer_the_first_task(service: Service) -> None:
    """Tries 0, 1, 2 of one call are one task; a lost try in between changes nothing."""
    first, _ = send(service, tries=0)

    assert send(service, tries=2) == (first, True)
    assert send(service, tries=1) == (first, True)
    assert made(service) == 1


def test_two_calls_with_the_same_body_are_two_tasks(service: Service) -> None:
    """Only a higher count is a retry: who asks twice, gets two, and each call's retry finds one of them."""
    first, _ = send(service, tries=0)
    second, repeated = send(service, tries=0)
    retried = [send(service, tries=1)[0].id for _ in range(2)]

    assert not repeated
    assert second.id != first.id
    assert sorted(retried) == sorted([first.id, second.id])
    assert made(service) == 2


def test_a_retry_that_overtakes_its_first_try_is_the_same_task(service: Service) -> None:
    """The second try may be stored before the first, which was only slow: still one task."""
    retried, repeated = send(service, tries=1)

    assert not repeated
    assert send(service, tries=0) == (retried, True)


def test_a_try_is_looked_for_three_minutes(service: Service, clock) -> None:
    """After that, the same body with a count is a call of its own."""
    first, _ = send(service, tries=0)
    clock.move(minutes=2.9)
    assert send(service, tries=1) == (first, True)
    clock.move(minutes=0.2)

    assert send(service, tries=2)[0].id != first.id


@pytest.mark.parametrize("other", [{"caller": BOB}, {"body": "f2"}])
def test_another_key_or_body_is_another_call(service: Service, other: dict[str, Any]) -> None:
    """A retry finds only what the same API key sent with the same bytes."""
    first, _ = send(service, tries=0)

    assert send(service, tries=1, **other)[0].id != first.id


@pytest.mark.parametrize("how", [{"name": "mine"}, {"tries": 0}])
def test_sendings_that_race_are_one_task(service: Service, assets, how: dict[str, Any]) -> None:
    """Of several in flight at once, one is stored, all answer it, and the others' inputs are gone."""
    sendings = [Sending("k1", "f1", **(how if "name" in how else {"tries": tries})) for tries in range(4)]

    async def race() -> list[tuple[Task, bool]]:
        return await asyncio.gather(*(service.submit_once(ANN, REQUEST, sending) for sending in sendings))

    answers = asyncio.run(race())

    assert len({task.id for task, _ in answers}) == 1
    assert sorted(repeated for _, repeated in answers) == [False, True, True, True]
    assert made(service) == 1
    assert kept(assets) == 1


def test_old_sendings_are_forgotten(service: Service, store, clock) -> None:
    """Rows are kept only as long as they can matter: minutes for tries, a day for names."""
    send(service, tries=0)
    send(service, name="mine")
    clock.move(minutes=4)
    minutes = store.write(lambda tx: tx.sendings.forget_old(clock())).result(10)
    clock.move(hours=25)
    day = store.write(lambda tx: tx.sendings.forget_old(clock())).result(10)

    assert (minutes, day) == (1, 1)


@given(st.lists(st.integers(0, MOST_TRIES), min_size=1, max_size=12, unique=True))
def test_the_tries_of_one_call_are_one_create_in_any_order(tries: list[int]) -> None:
    """Whichever tries arrive, in whatever order, each is taken for a try of the same create."""
    seen = 1 << tries[0]
    for count in tries[1:]:
        assert is_other_try(seen, count)
        seen |= 1 << count


@given(st.sets(st.integers(0, MOST_TRIES), min_size=1))
def test_a_count_that_came_is_another_call(came: set[int]) -> None:
    """No try is counted twice; and a first try is never a retry of a call whose first try came."""
    seen = sum(1 << count for count in came)

    assert not any(is_other_try(seen, count) for count in came)
