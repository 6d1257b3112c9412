"""Lists of tasks: every page together is the whole list, whatever is asked for."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refilm.accounts import Caller
from refilm.admission import Admission
from refilm.api.listing import cursor_of, listing_of
from refilm.assets.signing import Signer
from refilm.config import Settings
from refilm.domain.account import Tier
from refilm.domain.edit import Model
from refilm.domain.listing import Listing, Place
from refilm.domain.task import TaskStatus
from refilm.errors import InvalidRequest
from refilm.service import Service, Terms

ANN, BOB = Caller("ann", "k1"), Caller("bob", "k2")
PROMPTS = ("make it warm", "Make it COLD", "\u00dcBERALL schnee", "tuy\u1ebft r\u01a1i", "")


@pytest.fixture
def service(store, assets, intake, line, clock) -> Service:
    """A service that admits nobody."""
    admission = Admission(store, line.enqueue, lambda _: "cpu", lambda tx: {}, lambda _: Tier(), clock)
    terms = Terms(lambda _: "effects", Settings().limits, {}, output_url_seconds=600)
    return Service(store, assets, admission, intake, Signer([("k", b"sixteen bytes or more")]), terms, clock)


@pytest.fixture
def rows(store, new_task, clock) -> list:
    """Forty tasks of ann's of every kind, some of the same moment, and one of bob's."""
    made = []
    for number in range(40):
        task = new_task(
            model=list(Model)[number % 2],
            prompt=PROMPTS[number % len(PROMPTS)],
            engine=("effects", "relay")[number % 3 == 0],
            status=(TaskStatus.PENDING, TaskStatus.THROTTLED)[number % 4 == 0],
            created_at=clock() + timedelta(seconds=number // 3),
        )
        store.insert_task(task).result(10)
        made.append(task)
    store.insert_task(new_task(account="bob")).result(10)
    return sorted(made, key=lambda task: (task.created_at, task.id), reverse=True)


def walk(service: Service, listing: Listing, caller: Caller = ANN) -> list[str]:
    """The ids of every page, through cursors as a client would hand them back."""
    ids: list[str] = []
    while True:
        page = service.tasks(caller, listing)
        assert len(page.tasks) <= listing.limit
        ids += [task.id for task in page.tasks]
        if page.next is None:
            return ids
        cursor = listing_of(f"cursor={cursor_of(page.next)}".encode()).after
        listing = Listing(
            listing.statuses,
            listing.models,
            listing.engine,
            listing.since,
            listing.before,
            listing.text,
            cursor,
            listing.limit,
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    statuses=st.frozensets(st.sampled_from((TaskStatus.PENDING, TaskStatus.THROTTLED, TaskStatus.FAILED))),
    models=st.frozensets(st.sampled_from(Model)),
    engine=st.sampled_from((None, "effects", "relay")),
    first=st.integers(-1, 14) | st.none(),
    length=st.integers(0, 14) | st.none(),
    text=st.sampled_from((None, "it", "cold", "\u00fcberall", "TUY\u1ebeT", "%", "nothing")),
    limit=st.integers(1, 45),
)
def test_the_pages_are_the_list(service, rows, clock, statuses, models, engine, first, length, text, limit) -> None:
    """Filters mean what they say, nothing is shown twice or left out, and the order is the newest first."""
    since = None if first is None else clock() + timedelta(seconds=first)
    before = None if length is None else (since or clock()) + timedelta(seconds=length)
    listing = Listing(statuses, models, engine, since, before, text, None, limit)

    wanted = [
        task.id
        for task in rows
        if (not statuses or task.status in statuses)
        and (not models or task.request.model in models)
        and (engine is None or task.engine == engine)
        and (since is None or task.created_at >= since)
        and (before is None or task.created_at < before)
        and (text is None or text.casefold() in task.request.prompt_text.casefold())
    ]
    assert walk(service, listing) == wanted


def test_only_the_callers_own_tasks_are_listed(service, rows) -> None:
    """An account sees nothing of another's."""
    assert len(walk(service, Listing(), BOB)) == 1


def test_deleted_tasks_are_not_listed(service, store, rows, clock) -> None:
    """What answers 404 by its id is not in the list either."""
    store.write(lambda tx: tx.tasks.cancel(rows[0].id, clock())).result(10)

    assert rows[0].id not in walk(service, Listing())


def test_a_search_looks_through_a_bounded_number(service, rows, monkeypatch) -> None:
    """A text that nobody wrote costs no more than its bound, and the next page goes on from there."""
    monkeypatch.setattr("refilm.service.MOST_LOOKED_THROUGH", 10)
    monkeypatch.setattr("refilm.service.LOOKED_AT_ONCE", 5)
    page = service.tasks(ANN, Listing(text="nothing"))

    assert page.tasks == ()
    assert page.next is not None
    assert walk(service, Listing(text="nothing")) == []
    assert len(walk(service, Listing(text="cold", limit=3))) == 8


@given(st.floats(0, 4e9), st.uuids())
def test_a_cursor_comes_back_as_it_went(created_at: float, task_id) -> None:
    """Whatever the place, its cursor reads as the same place."""
    place = Place(created_at, str(task_id))

    assert listing_of(f"cursor={cursor_of(place)}".encode()).after == place


def test_a_whole_query_is_read() -> None:
    """Every parameter, with several statuses."""
    asked = listing_of(
        b"status=FAILED&status=RUNNING&model=aleph2&engine=effects&since=2026-11-22&before=2026-11-23T00:00:00%2B07:00"
        b"&text=s%C3%B6&limit=7"
    )

    assert asked.statuses == {TaskStatus.FAILED, TaskStatus.RUNNING}
    assert asked.models == {Model.ALEPH2}
    assert asked.since == datetime(2026, 11, 22, tzinfo=UTC)
    assert asked.before == datetime(2026, 11, 22, 17, tzinfo=UTC)
    assert (asked.engine, asked.text, asked.limit) == ("effects", "s\u00f6", 7)


@pytest.mark.parametrize(
    "query",
    [
        *(b"status=done", b"status=", b"model=veo", b"limit=0", b"limit=101", b"limit=x", b"limit=1.0", b"text="),
        *(b"since=yesterday", b"before=", b"cursor=", b"cursor=%20", b"cursor=AAAA", b"page=2", b"text=" + b"x" * 201),
        *(b"text=%ff", b"cursor=bmFuIHg", b"&".join([b"status=FAILED"] * 65)),
    ],
)
def test_a_query_that_means_nothing_is_refused(query: bytes) -> None:
    """Nothing is guessed and nothing is ignored."""
    with pytest.raises(InvalidRequest):
        listing_of(query)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    """Whatever bytes stand behind the question mark."""
    with contextlib.suppress(InvalidRequest):
        assert isinstance(listing_of(query), Listing)
