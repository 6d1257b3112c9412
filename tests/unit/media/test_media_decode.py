"""The clock that gives every picture its time."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from refilm.media.decode import Clock

MILLISECONDS, RATE = Fraction(1, 1000), Fraction(25)


@given(st.lists(st.integers(-(10**6), 10**6), unique=True).map(sorted))
def test_rising_times_are_kept_exactly(times: list[int]) -> None:
    """What a clip states is never touched, whatever the distances are."""
    clock = Clock(MILLISECONDS, RATE)

    assert [clock.place(time) for time in times] == times


@given(st.lists(st.one_of(st.none(), st.integers(-100_000, 100_000))))
def test_times_always_rise(times: list[int | None]) -> None:
    """Missing, repeated and falling times still come out strictly rising, as encoders need them."""
    clock = Clock(MILLISECONDS, RATE)

    placed = [clock.place(time) for time in times]

    assert all(before < after for before, after in itertools.pairwise(placed))


def test_missing_times_follow_the_frame_rate() -> None:
    """A raw stream has no times at all: its frames come at the frame rate, from 0 on."""
    clock = Clock(MILLISECONDS, RATE)

    assert [clock.place(None) for _ in range(4)] == [0, 40, 80, 120]


def test_a_repeated_time_does_not_shift_what_follows() -> None:
    """One doubled timestamp moves by a tick and leaves all others exact."""
    clock = Clock(MILLISECONDS, RATE)

    assert [clock.place(time) for time in (0, 40, 40, 80, 120)] == [0, 40, 41, 80, 120]


def test_glued_streams_go_on_at_the_frame_rate() -> None:
    """Where the clock of a clip starts again, the frames go on after the ones before."""
    clock = Clock(MILLISECONDS, RATE)

    assert [clock.place(time) for time in (5000, 5040, 0, 40)] == [5000, 5040, 5080, 5120]


def test_a_leap_of_hours_is_damage() -> None:
    """A time far ahead of all reason does not stretch the clip by a day."""
    clock = Clock(MILLISECONDS, RATE)

    assert [clock.place(time) for time in (0, 40, 90_000_000, 90_000_040)] == [0, 40, 80, 120]
