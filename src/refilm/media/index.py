"""When the frames of a clip are shown, and which of them are key frames: one pass over its packets, decoding none.

Memory: eight bytes a frame. Knows nothing of what the times are wanted for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

import av

from refilm.media.container import open_input, use_only, video_stream

#: How far the distance of two frames may lie from the usual one, as a part of it, in a clip of a regular rate; and the
#: share of distances that have to be so: a few frames that the camera dropped leave a rate regular.
_JITTER, _REGULAR_SHARE = Fraction(1, 8), 0.95


class Window(NamedTuple):
    """A run of frames that is held at once: numbers `first` to `end`, decoded from frame number `start` on."""

    start: int
    first: int
    end: int


@dataclass(frozen=True)
class Rhythm:
    """How far apart frames are shown, in seconds.

    step: the usual distance.  least: the distance that nine in ten keep.  regular: whether nearly all keep the step.
    """

    step: Fraction
    least: Fraction
    regular: bool


@dataclass(frozen=True)
class ClipIndex:
    """The frames of a clip in the order in which they are shown, as its packets tell.

    times: rising, in units of the stream's time base.  keys: numbers of the key frames.  last: how long the last frame
    is shown, 0 where the clip does not say.
    """

    times: Sequence[int]
    keys: Sequence[int]
    last: int = 0

    def rhythm(self, time_base: Fraction, otherwise: Fraction) -> Rhythm:
        """The distances of the frames.  time_base: of the times, seconds.  otherwise: the step of a single frame."""
        distances = sorted(after - before for before, after in zip(self.times, self.times[1:], strict=False))
        if not distances:
            return Rhythm(otherwise, otherwise, True)
        median = distances[len(distances) // 2]
        usual = [each for each in distances if abs(each - median) <= max(Fraction(1), median * _JITTER)]
        step, least = Fraction(sum(usual), len(usual)) * time_base, distances[len(distances) // 10] * time_base
        return Rhythm(step, least, len(usual) >= _REGULAR_SHARE * len(distances))

    def windows(self, most: int) -> Iterator[Window]:
        """The clip from its end to its beginning in runs of at most `most` frames, each as long as can be had without
        decoding frames twice: a run begins with a key frame where one is within reach.
        """
        end = len(self.times)
        while end > 0:
            first = max(0, end - most)
            key = bisect_left(self.keys, first)
            if key < len(self.keys) and self.keys[key] < end:
                first = self.keys[key]
            before = bisect_right(self.keys, first)
            yield Window(self.keys[before - 1] if before else 0, first, end)
            end = first


def read_index(source: BinaryIO) -> ClipIndex | None:
    """The index of the clip in `source`; None where its packets do not tell their times, or fall back in time.

    Raises InvalidAsset where it is no clip that we read.
    """
    with open_input(source) as container:
        video = video_stream(container)
        use_only(container, video)
        times, keys, last = array("q"), set(), (0, 0)
        decoded: int | None = None
        for packet in _packets(container.demux(video)):
            if packet.pts is None or (decoded is not None and packet.dts is not None and packet.dts < decoded):
                return None
            decoded = packet.dts if packet.dts is not None else decoded
            times.append(packet.pts)
            last = max(last, (packet.pts, packet.duration or 0))
            if packet.is_keyframe:
                keys.add(packet.pts)
    shown = array("q", sorted(set(times)))
    return ClipIndex(shown, array("q", [place for place, pts in enumerate(shown) if pts in keys]), last[1])


def _packets(packets: Iterator[Any]) -> Iterator[Any]:
    """The packets that hold something, up to the end or to damage."""
    try:
        yield from (packet for packet in packets if packet.size)
    except av.FFmpegError:
        return
