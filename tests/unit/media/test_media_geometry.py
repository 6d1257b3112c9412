"""Sizes, crops and time bases: pure arithmetic, checked over its whole range."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.media import geometry
from refilm.media.geometry import MAX_PIXELS, cover, display_size, even_size, fit_time_base, fit_within, parse_pair

sides = st.integers(16, 4096)
sizes = st.tuples(sides, sides)
even_sizes = sizes.map(even_size)
aspects = st.fractions(Fraction(1, 8), Fraction(8), max_denominator=200)


@given(sizes)
def test_an_even_size_loses_at_most_one_pixel(size: tuple[int, int]) -> None:
    """Rounding to even never enlarges a picture and never takes more than one row or column."""
    width, height = even_size(size)

    assert width % 2 == height % 2 == 0
    assert 0 <= size[0] - width <= 1
    assert 0 <= size[1] - height <= 1


@given(sizes, aspects)
def test_display_size_keeps_the_shape_and_every_pixel(size: tuple[int, int], aspect: Fraction) -> None:
    """Square pixels keep the shape that was meant, and shrink neither side below the coded one within the limit."""
    shown = display_size(size, aspect)
    meant = Fraction(size[0]) * aspect / size[1]

    assert abs(Fraction(shown[0], shown[1]) / meant - 1) < Fraction(1, 4)
    if shown[0] * shown[1] < MAX_PIXELS * 0.99:
        assert shown[0] >= size[0]
        assert shown[1] >= size[1]
    assert shown[0] * shown[1] <= max(MAX_PIXELS, size[0] * size[1]) * 1.01


@given(sizes, aspects)
def test_a_quarter_turn_swaps_the_display_size(size: tuple[int, int], aspect: Fraction) -> None:
    """Turning by 90 or 270 degrees exchanges the sides, turning by 180 does not."""
    shown = display_size(size, aspect)

    assert display_size(size, aspect, 90) == display_size(size, aspect, 270) == (shown[1], shown[0])
    assert display_size(size, aspect, 180) == shown


@pytest.mark.parametrize("aspect", [Fraction(0), Fraction(-1), Fraction(1000), Fraction(1, 1000)])
def test_nonsense_pixel_shapes_count_as_square(aspect: Fraction) -> None:
    """A sample aspect ratio that no camera makes is damage and is ignored."""
    assert display_size((320, 180), aspect) == (320, 180)


@given(sizes, even_sizes)
def test_a_cover_fills_the_target_and_cuts_the_middle(source: tuple[int, int], target: tuple[int, int]) -> None:
    """The scaled picture covers the target, cut on even pixels, as much on one side as on the other."""
    cut = cover(source, target)

    for axis in (0, 1):
        assert cut.scaled[axis] >= target[axis]
        assert cut.offset[axis] % 2 == 0
        left_over = cut.scaled[axis] - target[axis] - cut.offset[axis]
        assert 0 <= left_over - cut.offset[axis] <= 3


@given(sizes, even_sizes)
def test_a_cover_cuts_one_direction_only(source: tuple[int, int], target: tuple[int, int]) -> None:
    """A centre crop takes from the width or from the height, never from both."""
    cut = cover(source, target)

    assert cut.scaled[0] == target[0] or cut.scaled[1] == target[1]


def test_a_cover_of_the_same_shape_cuts_nothing() -> None:
    """1920x1080 to 1280x720 is only scaled; to a square it loses its sides."""
    assert cover((1920, 1080), (1280, 720)) == geometry.Cover((1280, 720), (0, 0))
    assert cover((1280, 720), (960, 960)) == geometry.Cover((1706, 960), (372, 0))


@given(sizes, st.integers(1, 5000))
def test_fit_within_bounds_the_longer_side(size: tuple[int, int], longest: int) -> None:
    """The longer side ends at most at the limit, and nothing is ever enlarged."""
    fitted = fit_within(size, longest)

    assert max(fitted) <= max(longest, 1)
    assert fitted[0] <= size[0]
    assert fitted[1] <= size[1]
    assert min(fitted) >= 1


@pytest.mark.parametrize(
    ("text", "pair"), [("1280:720", (1280, 720)), ("1280x720", (1280, 720)), (" 16:9 ", (16, 9)), ("21X9", (21, 9))]
)
def test_pairs_are_read_in_every_spelling(text: str, pair: tuple[int, int]) -> None:
    """A colon or an x may stand between the two numbers."""
    assert parse_pair(text) == pair


@pytest.mark.parametrize("text", ["", "16", "16:9:4", "0:9", "16:-9", "a:b", "1e3:2", "999999:1"])
def test_what_is_no_pair_is_refused_in_words(text: str) -> None:
    """Anything else is refused with an example of what is meant."""
    with pytest.raises(ValueError, match="such as 1280:720"):
        parse_pair(text)


@given(st.fractions(Fraction(1, 10_000_000), Fraction(1), max_denominator=10_000_000).filter(lambda f: f > 0))
def test_a_time_base_that_mp4_carries_is_kept(time_base: Fraction) -> None:
    """Timestamps stay exact for every base down to a tenth of a microsecond."""
    assert fit_time_base(time_base) == time_base


def test_a_time_base_too_fine_for_mp4_becomes_microseconds() -> None:
    """Nanoseconds overflow MP4's 32-bit durations after 4 seconds, so they are rounded to microseconds."""
    assert fit_time_base(Fraction(1, 1_000_000_000)) == Fraction(1, 1_000_000)


@given(st.integers(0, 100_000), st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)]))
def test_frame_and_time_are_inverse(frame: int, rate: Fraction) -> None:
    """A frame begins at its time, and is the one shown there."""
    assert geometry.frame_at(geometry.time_of(frame, rate), rate) == frame
