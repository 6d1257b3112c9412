"""Another course of time for a clip: faster, slower, or with frames made between its own.

A clip of a regular rate keeps it: its output is a clock that ticks with the source's step, and each tick shows what the
source shows at that moment of its own clock. Players like nothing better than a regular rate, a repeated frame costs
an encoder next to nothing, and snow laid over the result falls at the full rate. A clip of a variable rate keeps that
too: its times are divided, and frames that would come closer than they usually do are left out.
Knows frames and times, nothing of prompts, and of pictures only that somebody can make one between two others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av

from refilm.media.frame import Frame
from refilm.media.index import Rhythm

#: Sources round their times: a frame counts from this part of a step before its own, and a moment this near to a
#: frame, as a share of the way to the other, shows it as it is.
_EARLY, _NEAR = Fraction(1, 8), Fraction(1, 16)
#: Two frames further apart than this many steps show no movement that anybody could follow: nothing is made between.
_FARTHEST = 3


class Between(Protocol):
    """Makes the picture between two others."""

    def __call__(self, before: Frame, after: Frame, share: float, made: Frame) -> None:
        """Fill the planes of `made` with what lies `share` of the way, above 0 and below 1, from `before` to `after`.

        Called for the pairs in order, and for each with rising shares.
        """


@dataclass(frozen=True)
class Retiming:
    """What becomes of a clip's time.

    tempo: how many times faster it runs, above 0; below 1 it is slower.  backwards: from its end to its beginning.
    between: makes the frames that a slower clip lacks; None repeats those that it has.
    """

    tempo: Fraction = Fraction(1)
    backwards: bool = False
    between: Between | None = None

    def then(self, other: Retiming) -> Retiming:
        """Both, one after the other."""
        return Retiming(
            self.tempo * other.tempo,
            self.backwards != other.backwards,
            other.between if other.between else self.between,
        )

    @property
    def changes(self) -> bool:
        """Whether anything of the clip's time is changed."""
        return self.backwards or self.tempo != 1


@dataclass(frozen=True)
class Ticks:
    """The ticks of a regular clock, told in seconds of a clip that runs at another tempo.

    step: seconds from one tick to the next on the output's clock.  early: seconds that moments count before their time.
    """

    step: Fraction
    tempo: Fraction
    early: Fraction = Fraction(0)

    def within(self, begins: Fraction, ends: Fraction) -> range:
        """The ticks that show what the clip shows from `begins` to `ends`, seconds. Neighbours share no tick, and
        leave none out.
        """
        stride = self.step * self.tempo
        return range(math.ceil((begins - self.early) / stride), math.ceil((ends - self.early) / stride))

    def moment(self, tick: int) -> Fraction:
        """The moment of the clip that a tick shows, seconds."""
        return tick * self.step * self.tempo


def retimed(frames: Iterable[Frame], retiming: Retiming, rhythm: Rhythm) -> Iterator[Frame]:
    """The frames at the retiming's tempo, numbered and timed anew; each still tells the moment that it shows.

    rhythm: of the clip. Holds two frames.
    """
    if retiming.tempo == 1:
        return iter(frames)
    if retiming.between is not None or rhythm.regular:
        return _ticking(frames, retiming, rhythm)
    return _stretched(frames, retiming.tempo, rhythm)


def _ticking(frames: Iterable[Frame], retiming: Retiming, rhythm: Rhythm) -> Iterator[Frame]:
    """The frames that a regular clock shows."""
    early = rhythm.step * _EARLY if retiming.between is None else Fraction(0)
    index, ticks = 0, Ticks(rhythm.step, retiming.tempo, early)
    for frame, following in _pairs(frames):
        base, origin = frame.time_base, round(frame.origin / retiming.tempo)
        ends = frame.shown_at + (frame.duration * base or rhythm.step) if following is None else following.shown_at
        for tick in ticks.within(frame.shown_at, ends):
            pts, end = (origin + round(place * rhythm.step / base) for place in (tick, tick + 1))
            shown = _between(frame, following, ticks.moment(tick), retiming, rhythm)
            yield _placed(shown, index, pts, origin, end - pts)
            index += 1


def _between(frame: Frame, following: Frame | None, moment: Fraction, retiming: Retiming, rhythm: Rhythm) -> Frame:
    """What is to be seen at `moment`, seconds: the frame, or one made between it and the following."""
    if retiming.between is None or following is None:
        return frame
    distance = following.shown_at - frame.shown_at
    share = (moment - frame.shown_at) / distance
    if share < _NEAR or distance > _FARTHEST * rhythm.step:
        return frame
    if share > 1 - _NEAR:
        return following
    made = Frame(
        av.VideoFrame(*frame.size, "yuv420p"),
        index=0,
        pts=0,
        time_base=frame.time_base,
        time=frame.time + share * (following.time - frame.time),
    )
    retiming.between(frame, following, float(share), made)
    return made


def _stretched(frames: Iterable[Frame], tempo: Fraction, rhythm: Rhythm) -> Iterator[Frame]:
    """The frames with their times divided, without those that would come too close to the one before."""
    index, held, ends = 0, None, 0
    for frame in frames:
        base, pts = frame.time_base, round(frame.pts / tempo)
        ends = pts + round((frame.duration * base or rhythm.step) / tempo / base)
        if held is not None:
            # A tick less: both times are rounded.
            if pts - held[1] < max(1, rhythm.least / base - 1 if tempo > 1 else 1):
                continue
            yield _placed(held[0], index, held[1], round(frame.origin / tempo), pts - held[1])
            index += 1
        held = frame, pts
    if held is not None:
        yield _placed(held[0], index, held[1], round(held[0].origin / tempo), max(1, ends - held[1]))


def _placed(frame: Frame, index: int, pts: int, origin: int, duration: int) -> Frame:
    """The frame at another place in time."""
    return Frame(
        frame.picture,
        index=index,
        pts=pts,
        time_base=frame.time_base,
        origin=origin,
        duration=duration,
        time=frame.time,
    )


def _pairs(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Frame | None]]:
    """Each frame with the one that follows it."""
    before: Frame | None = None
    for frame in frames:
        if before is not None:
            yield before, frame
        before = frame
    if before is not None:
        yield before, None
