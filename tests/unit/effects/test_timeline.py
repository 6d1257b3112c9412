"""Which keyframe counts when."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.edit import Keyframe, TimeRange
from refilm.engines.effects.timeline import Share, Timeline, explain_keyframes

DURATION = Fraction(10)


def keyframe(seconds=None, at=None, span=None):
    return Keyframe("asset:k", seconds=seconds, at=at, range=TimeRange(*span) if span else None)


def share(timeline, time):
    stretch = timeline.at(Fraction(time))
    return stretch.share(Fraction(time)) if stretch else None


def test_the_nearest_governs_outside_and_neighbours_blend_between():
    """Before the first and after the last keyframe one look counts; between two, both in proportion to the time."""
    timeline = Timeline([keyframe(seconds=2), keyframe(at=0.6)], DURATION)

    assert share(timeline, 0) == Share(0, 0, 0.0)
    assert share(timeline, 2) == Share(0, 1, 0.0)
    assert share(timeline, 3) == Share(0, 1, 0.25)
    assert share(timeline, 4) == Share(0, 1, 0.5)
    assert share(timeline, 9) == Share(1, 1, 0.0)


def test_the_order_of_the_request_does_not_matter():
    """Keyframes are put in the order of time; each keeps its place in the request."""
    timeline = Timeline([keyframe(seconds=8), keyframe(seconds=0)], DURATION)

    assert share(timeline, 2) == Share(1, 0, 0.25)


@pytest.mark.parametrize(("time", "inside"), [("0.99", False), (1, True), ("2.99", True), (3, False), (9, False)])
def test_the_end_of_a_range_is_outside(time, inside):
    """A range holds its first second and not its last."""
    timeline = Timeline([keyframe(seconds=2, span=(1, 3))], DURATION)

    assert (timeline.at(Fraction(time)) is not None) == inside


def test_ranges_that_touch_blend_and_ranges_apart_do_not():
    """Two ranges side by side are one stretch; a gap keeps the looks pure on both sides."""
    touching = Timeline([keyframe(seconds=1, span=(0, 3)), keyframe(seconds=5, span=(3, 6))], DURATION)
    apart = Timeline([keyframe(seconds=1, span=(0, 3)), keyframe(seconds=5, span=(4, 6))], DURATION)

    assert share(touching, 3) == Share(0, 1, 0.5)
    assert share(apart, 2) == Share(0, 0, 0.0)
    assert share(apart, "3.5") is None
    assert share(apart, "4.5") == Share(1, 1, 0.0)


def test_a_fraction_that_lies_outside_its_range_counts_as_its_edge():
    """`at` is known only with the clip; its keyframe then governs from the range's nearest end."""
    timeline = Timeline([keyframe(at=0.9, span=(1, 3)), keyframe(at=0.5, span=(3, 8))], DURATION)

    assert timeline.moments == (3, 5)


moments = st.one_of(
    st.builds(lambda s: keyframe(seconds=s), st.floats(0, 20)), st.builds(lambda a: keyframe(at=a), st.floats(0, 1))
)


@given(st.lists(moments, min_size=1, max_size=5), st.fractions(0, 20))
def test_some_look_counts_at_any_time(keyframes, time):
    """Without ranges every frame has its look, also where moments coincide, and shares are shares."""
    found = share(Timeline(keyframes, DURATION), time)

    assert found is not None
    assert 0 <= found.share <= 1
    assert {found.first, found.second} <= set(range(len(keyframes)))


def test_times_are_spread_over_the_stretches():
    """Samples come from where the edit works, as far as the clip reaches, in rising order."""
    ranged = Timeline([keyframe(seconds=1, span=(0, 2)), keyframe(seconds=8, span=(8, 20))], DURATION)

    assert ranged.spread(DURATION, 4) == [Fraction(1, 2), Fraction(3, 2), Fraction(17, 2), Fraction(19, 2)]
    assert Timeline([keyframe(seconds=2)], DURATION).spread(DURATION, 2) == [Fraction(5, 2), Fraction(15, 2)]
    assert Timeline([keyframe(seconds=15, span=(14, 16))], DURATION).spread(DURATION, 2) == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=5), st.fractions(0, 20))
def test_the_nearest_stretch_holds_the_time_or_lies_beside_it(spans, time):
    """Within a range it is that range's stretch; spread times always lie within one."""
    timeline = Timeline([keyframe(seconds=start, span=(start, start + more)) for start, more in spans], DURATION)

    nearest = timeline.nearest(time)

    assert timeline.at(time) is None or nearest.distance(time) == 0
    assert all(nearest.distance(time) <= each.distance(time) for each in timeline.stretches)
    times = timeline.spread(DURATION, 5)
    assert times == sorted(times)
    assert all(timeline.at(each) is not None for each in times)


def test_each_keyframe_is_explained_with_its_times():
    """A sentence for each, with seconds once the clip is known and the range where there is one."""
    keyframes = [keyframe(at=0.25, span=(1, 4)), keyframe(seconds=5, span=(5, 6))]

    before = explain_keyframes(keyframes)
    after = explain_keyframes(keyframes, Timeline(keyframes, DURATION))

    assert "at 25 % of the clip" in before[0]
    assert "at 2.5 s" in after[0]
    assert "from 1 s until 4 s" in after[0]
    assert "keyframes[1], at 5 s" in after[1]
