"""Token buckets: never more than the rate and its burst, never less, and each name by itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refilm.api import buckets as module
from refilm.api.buckets import Buckets, Rate

RATES = st.builds(Rate, st.floats(0.1, 1000), st.floats(0.1, 20))
#: Seconds between one request and the next.
PAUSES = st.lists(st.floats(0, 5), min_size=1, max_size=60)


class Watch:
    """A clock of seconds."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@settings(deadline=None)
@given(RATES, PAUSES)
def test_no_stretch_of_time_has_more_than_the_rate_and_its_burst(rate: Rate, pauses: list[float]):
    """Between any two moments at most the burst and what the rate gives in between are taken."""
    watch = Watch()
    doors, taken = Buckets(rate, watch), []
    for pause in pauses:
        watch.at += pause
        for _ in range(5):
            if not doors.take("a"):
                taken.append(watch.at)

    for first, begun in enumerate(taken):
        for last, ended in enumerate(taken[first:], start=first):
            assert last - first + 1 <= rate.burst + (ended - begun) * rate.per_second + 1e-3


@settings(deadline=None)
@given(RATES, PAUSES)
def test_who_waits_as_told_is_taken(rate: Rate, pauses: list[float]):
    """After the seconds that were told the same request is taken, and not before half of them."""
    watch = Watch()
    doors = Buckets(rate, watch)
    for pause in pauses:
        watch.at += pause
        while not (wait := doors.take("a")):
            pass
        if wait > 1e-6:
            watch.at += wait / 2
            assert doors.take("a")
            watch.at += wait / 2 + 1e-9 * watch.at
            assert not doors.take("a")


@settings(deadline=None)
@given(st.lists(st.sampled_from("ab"), max_size=80))
def test_no_name_empties_the_bucket_of_another(names: list[str]):
    """What one takes, the other does not feel."""
    doors = Buckets(Rate(1, burst_seconds=10), lambda: 0.0)
    taken = {"a": 0, "b": 0}
    for name in names:
        taken[name] += not doors.take(name)

    assert taken == {name: min(10, names.count(name)) for name in "ab"}


def test_a_burst_is_taken_at_once_and_then_the_rate():
    """Two a second and five seconds of it: ten at once, then one each half second."""
    watch = Watch()
    doors = Buckets(Rate(2, burst_seconds=5), watch)

    assert [doors.take("a") for _ in range(11)] == [*[0.0] * 10, 0.5]
    watch.at += 0.5
    assert [doors.take("a") for _ in range(2)] == [0.0, 0.5]
    watch.at += 1000
    assert sum(not doors.take("a") for _ in range(100)) == 10


def test_a_rate_below_one_still_takes_one():
    """One in ten seconds is one at once, whatever the burst."""
    doors = Buckets(Rate(0.1, burst_seconds=1), lambda: 0.0)

    assert [math.ceil(doors.take("a")) for _ in range(2)] == [0, 10]


def test_zero_is_no_limit():
    """An operator may leave it to something in front."""
    doors = Buckets(Rate(0), lambda: 0.0)

    assert not any(doors.take("a") for _ in range(10_000))


@pytest.mark.parametrize("passed", [0.0, 1000.0])
def test_the_table_is_bounded(passed: float, monkeypatch: pytest.MonkeyPatch):
    """Beyond its size full buckets are forgotten first, then those begun first; those that came last are kept."""
    monkeypatch.setattr(module, "NAMES_AT_MOST", 20)
    watch = Watch()
    doors = Buckets(Rate(0.1, burst_seconds=1), watch)
    for number in range(500):
        doors.take(f"before {number}")
    watch.at += passed
    for number in range(19):
        doors.take(f"name {number}")

    assert len(doors._full_at) <= 20
    assert all(doors.take(f"name {number}") for number in range(19))
