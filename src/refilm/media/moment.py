"""Single pictures of a clip by their time, without decoding what lies before their key frames.

Knows nothing of what they are wanted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from refilm.media.read import FrameReader

#: The longer side, in pixels, of pictures that are looked at for their colours only.
SMALL = 320


def frame_at(source: BinaryIO, time: Fraction, longest: int = SMALL) -> NDArray[np.uint8]:
    """The frame shown `time` seconds after the first, as (height, width, 3) uint8 RGB, upright; past the end the last.

    longest: the longer side's pixels at most. A clip that cannot be searched gives its first frame. Raises
    InvalidAsset where the clip cannot be used.
    """
    with FrameReader(source, threads=1) as reader:
        [(_, picture)] = reader.pictures_near([min(time, reader.info.duration)], longest, exact=True)
        return picture


def frames_near(source: BinaryIO, times: Sequence[Fraction]) -> list[tuple[Fraction, NDArray[np.uint8]]]:
    """Frames near these rising seconds after the first, each with its own time, as small pictures for their colours.

    Each is (height, width, 3) uint8 RGB, upright. Fewer come where several times lead to the same frame, or where the
    clip cannot be searched. Raises InvalidAsset where the clip cannot be used.
    """
    with FrameReader(source, threads=1) as reader:
        return reader.pictures_near(times, SMALL, exact=False)


def sample_frames(
    source: BinaryIO, count: int, longest: int = SMALL, *, exact: bool = False
) -> list[NDArray[np.uint8]]:
    """`count` frames spread evenly over the clip, as (height, width, 3) uint8 RGB, upright, for its colours.

    longest: the longer side's pixels at most.  exact: take the middles of `count` equal parts and no frames near them;
    dearer. A clip of fewer frames, or of at least count / 2 key frames, or one that cannot be searched, gives fewer.
    Raises InvalidAsset where the clip cannot be used.
    """
    with FrameReader(source, threads=1) as reader:
        times = spread(Fraction(0), reader.info.duration, count)
        return [picture for _, picture in reader.pictures_near(times, longest, exact=exact)]


def spread(start: Fraction, end: Fraction, count: int) -> list[Fraction]:
    """The middles of `count` equal parts of the time from `start` to `end`."""
    return [start + (end - start) * (2 * index + 1) / (2 * count) for index in range(count)]
