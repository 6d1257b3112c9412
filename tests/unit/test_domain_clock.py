"""The clock that no step of the wall clock moves at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.clock import BELIEVE_SECONDS, SLACK, SteadyClock

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class World:
    """Time that passes when told, and a wall clock that can be set wrong."""

    def __init__(self) -> None:
        self.passed, self.off = 0.0, timedelta(0)
        self.clock = SteadyClock(lambda: self.true + self.off, lambda: 500 + self.passed)

    @property
    def true(self) -> datetime:
        """What a good clock would show."""
        return START + timedelta(seconds=self.passed)


def test_a_clock_that_is_right_is_shown():
    """Without a step the steady clock is the wall clock."""
    world = World()
    for seconds in (0, 0.5, 3, 86_400):
        world.passed += seconds
        assert world.clock() == world.true


@pytest.mark.parametrize("step", [timedelta(hours=1), -timedelta(hours=1), timedelta(days=3), -timedelta(days=3)])
def test_a_step_moves_nothing_at_once(step: timedelta):
    """For an hour time goes on as if nothing had happened, and a step that is taken back was none."""
    world = World()
    world.clock()
    world.off = step
    for _ in range(59):
        world.passed += 60
        assert world.clock() == world.true

    world.off = timedelta(0)
    world.passed += 2 * BELIEVE_SECONDS

    assert world.clock() == world.true


def test_a_step_that_stays_is_believed():
    """A clock that was wrong and has been set right is followed, after an hour in which it stood still."""
    world = World()
    world.clock()
    world.off = timedelta(days=3)
    world.clock()
    world.passed += BELIEVE_SECONDS - 1
    before = world.clock()
    world.passed += 1

    assert before == world.true - timedelta(seconds=1)
    assert world.clock() == world.true + timedelta(days=3)


def test_slewing_is_followed():
    """A clock that is moved little by little takes us along, however far it goes."""
    world = World()
    world.clock()
    for _ in range(500):
        world.passed += 60
        world.off += SLACK / 2
        assert world.clock() == world.true + world.off


@given(
    st.lists(
        st.tuples(st.floats(0, 1700), st.sampled_from([0, 3600, -3600, 3 * 86400, -3 * 86400])), min_size=1, max_size=30
    )
)
def test_a_clock_that_keeps_stepping_is_not_followed(steps: list[tuple[float, int]]):
    """Steps to and fro, none of which lasts an hour, leave time as it is: it neither leaps nor runs backwards."""
    world, lasted, last = World(), 0.0, START
    world.clock()
    for seconds, off in steps:
        lasted = 0.0 if timedelta(seconds=off) != world.off else lasted
        world.off = timedelta(seconds=off)
        world.clock()
        seconds = min(seconds, max(0.0, BELIEVE_SECONDS - 1 - lasted))
        world.passed += seconds
        lasted += seconds
        shown = world.clock()

        assert abs(shown - world.true) <= timedelta(milliseconds=1)
        assert shown >= last - timedelta(milliseconds=1)
        last = shown
