"""Wrong keys are counted by place, close it for a while, and are forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refilm.api import lockout as module
from refilm.api.lockout import Lockout, LockoutRules


class Watch:
    """A clock of seconds."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    """A clock that stands still."""
    return Watch()


def test_a_place_closes_with_its_last_try_and_opens_again(watch):
    """Before the last one it is open, then closed for the whole time, whatever else comes, then as new."""
    doors = Lockout(LockoutRules(tries=3, seconds=60), watch)

    assert [(doors.count("a"), doors.seconds_left("a")) for _ in range(4)] == [(1, 0), (2, 0), (3, 60), (4, 60)]
    watch.at += 59.5
    doors.count("a")
    assert doors.seconds_left("a") == 1
    watch.at += 0.5
    assert doors.seconds_left("a") == 0
    assert doors.count("a") == 1


def test_tries_far_apart_close_nothing(watch):
    """The count ends with its time."""
    doors = Lockout(LockoutRules(tries=2, seconds=60), watch)
    for _ in range(10):
        assert doors.count("a") == 1
        watch.at += 60

    assert doors.seconds_left("a") == 0


@settings(deadline=None)
@given(st.lists(st.sampled_from("ab"), max_size=30))
def test_no_place_closes_another(tries):
    """Only its own tries close a place."""
    doors = Lockout(LockoutRules(tries=5, seconds=60), lambda: 0.0)
    for place in tries:
        doors.count(place)

    assert {place: bool(doors.seconds_left(place)) for place in "ab"} == {p: tries.count(p) >= 5 for p in "ab"}


def test_zero_tries_close_nothing(watch):
    """An operator may leave it to something in front."""
    doors = Lockout(LockoutRules(tries=0), watch)
    for _ in range(100):
        doors.count("a")

    assert doors.seconds_left("a") == 0


def test_the_table_is_bounded(watch, monkeypatch):
    """Beyond its size the place that was counted longest is forgotten."""
    monkeypatch.setattr(module, "PLACES_AT_MOST", 3)
    doors = Lockout(LockoutRules(tries=1), watch)
    for place in "abcde":
        doors.count(place)

    assert [place for place in "abcde" if doors.seconds_left(place)] == ["c", "d", "e"]
