"""Sizes, ratios and moments: pure arithmetic on (width, height) pairs and fractions.

Knows nothing of frames or files. Sizes are pixels, times are seconds as Fraction.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

Size = tuple[int, int]

#: The largest picture that is decoded or written, as a product: one of UHD's 3840x2160, whatever its shape.
MAX_PIXELS = 3840 * 2160

#: Sample aspect ratios outside these are damage, not intent; players ignore them too.
_SANE_ASPECTS = (Fraction(1, 10), Fraction(10))

#: H.264 in browsers wants at least one macroblock.
SMALLEST_SIDE = 16

#: Ticks per second beyond which the 32-bit fields of MP4 overflow within a clip.
FINEST_TICKS = 10_000_000

_PAIR = re.compile(r"(\d{1,5})[:xX×](\d{1,5})")


def even(length: Fraction | float) -> int:
    """The even number nearest to `length`, halves upwards; never under 2."""
    return max(2, 2 * math.floor(Fraction(length) / 2 + Fraction(1, 2)))


def even_size(size: Size) -> Size:
    """`size` with both sides even, an odd side losing one pixel, and none under SMALLEST_SIDE."""
    return max(SMALLEST_SIDE, size[0] & ~1), max(SMALLEST_SIDE, size[1] & ~1)


def check_even(size: Size) -> None:
    """Raise ValueError unless both sides are even and at least SMALLEST_SIDE."""
    if size[0] % 2 or size[1] % 2 or min(size) < SMALLEST_SIDE:
        raise ValueError(f"a size of {size[0]}x{size[1]} is not even or smaller than {SMALLEST_SIDE} pixels")


def parse_pair(text: str) -> Size:
    """The two numbers in "1280:720", "1280x720" or "16:9". Raises ValueError with a sentence otherwise."""
    match = _PAIR.fullmatch(text.strip())
    if match is None or "0" in {str(int(match[1])), str(int(match[2]))}:
        raise ValueError(f"'{text}' is not a pair of whole numbers such as 1280:720, 1280x720 or 16:9.")
    return int(match[1]), int(match[2])


def swap(size: Size) -> Size:
    """The size after a quarter turn."""
    return size[1], size[0]


def display_size(coded: Size, sample_aspect: Fraction = Fraction(1), rotation: int = 0) -> Size:
    """How large a player shows a frame, in square pixels, before rounding to even.

    coded: decoded size.  sample_aspect: width of one sample over its height; the shorter direction is stretched, so
    that nothing is lost.  rotation: degrees, a multiple of 90. A result of more than MAX_PIXELS shrinks to fit.
    """
    width, height = Fraction(coded[0]), Fraction(coded[1])
    if sample_aspect > 0 and _SANE_ASPECTS[0] <= sample_aspect <= _SANE_ASPECTS[1]:
        if sample_aspect >= 1:
            width *= sample_aspect
        else:
            height /= sample_aspect
    if width * height > max(MAX_PIXELS, coded[0] * coded[1]):
        shrink = Fraction(math.sqrt(MAX_PIXELS / (width * height)))
        width, height = width * shrink, height * shrink
    shown = max(1, round(width)), max(1, round(height))
    return swap(shown) if rotation % 180 == 90 else shown


@dataclass(frozen=True)
class Cover:
    """How one size covers another: scale to `scaled`, then keep the target's size from `offset` on. All even."""

    scaled: Size
    offset: tuple[int, int]


def cover(source: Size, target: Size) -> Cover:
    """The centre crop of `source` (display size) to the shape of `target`, then scaled to it.

    Scaling comes first and the cut second: it is the same picture, and the cut can fall on even rows without moving
    it. Where the shapes differ by rounding only (less than 2 pixels), nothing is cut.
    """
    ratio = max(Fraction(target[0], source[0]), Fraction(target[1], source[1]))
    scaled = [max(side, even(length * ratio)) for side, length in zip(target, source, strict=True)]
    for axis in (0, 1):
        if scaled[axis] - target[axis] <= 2:
            scaled[axis] = target[axis]
    offset = tuple((have - want) // 4 * 2 for have, want in zip(scaled, target, strict=True))
    return Cover((scaled[0], scaled[1]), (offset[0], offset[1]))


def fit_within(size: Size, longest: int | None) -> Size:
    """`size` scaled down so that its longer side is at most `longest`; never up, never under 1."""
    if longest is None or max(size) <= longest:
        return size
    ratio = Fraction(longest, max(size))
    return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))


def frame_at(time: Fraction, rate: Fraction) -> int:
    """The index of the frame shown at `time` seconds, at a constant `rate` frames per second."""
    return math.floor(time * rate)


def time_of(frame: int, rate: Fraction) -> Fraction:
    """When frame number `frame` begins, in seconds, at a constant `rate` frames per second."""
    return frame / rate


def fit_time_base(time_base: Fraction) -> Fraction:
    """The time base for the output: the source's own wherever MP4 can carry it, so that timestamps stay exact.

    A base finer than 0.1 µs becomes 1 µs: MP4 counts a frame's duration in 32 bits, 4 s of nanoseconds.
    """
    if time_base <= 0:
        raise ValueError("a time base must be positive")
    return time_base if 1 / time_base <= FINEST_TICKS else Fraction(1, 1_000_000)
