"""Which keyframe governs which moment of a clip: pure arithmetic on seconds, and the sentences that tell it.

Knows nothing of pictures; `keyframes` gives the clip their colours.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from refilm.domain.edit import Keyframe


@dataclass(frozen=True)
class Share:
    """How much the looks of two keyframes count: `second` counts `share`, 0..1, and `first` the rest."""

    first: int
    second: int
    share: float


@dataclass(frozen=True)
class Stretch:
    """A part of the clip in which neighbouring keyframes blend into each other.

    start, end: seconds, end exclusive; end None is the end of the clip.  moments: (seconds, place in the request),
    in order of time.
    """

    start: Fraction
    end: Fraction | None
    moments: tuple[tuple[Fraction, int], ...]

    def holds(self, time: Fraction) -> bool:
        """Whether a frame shown at `time` lies within."""
        return self.start <= time and (self.end is None or time < self.end)

    def distance(self, time: Fraction) -> Fraction:
        """How many seconds `time` lies outside; 0 within."""
        return max(self.start - time, Fraction(0) if self.end is None else time - self.end, Fraction(0))

    def share(self, time: Fraction) -> Share:
        """Which looks count at `time`: linear between moments; before the first and after the last, the nearest."""
        after = bisect_right([moment for moment, _ in self.moments], time)
        (begin, first), (until, second) = (
            self.moments[max(0, after - 1)],
            self.moments[min(after, len(self.moments) - 1)],
        )
        if begin == until:
            return Share(first, first, 0.0)
        return Share(first, second, max(0.0, float((time - begin) / (until - begin))))


class Timeline:
    """The keyframes of a request on a clip's clock.

    stretches: in order of time. Without ranges there is one, the whole clip. Ranges that touch or overlap make one
    stretch, in which their keyframes blend; a gap between ranges keeps their keyframes apart.
    moments: when each keyframe is, in the request's order, seconds.
    ranged: whether frames outside the stretches stay as they are.
    """

    def __init__(self, keyframes: Sequence[Keyframe], duration: Fraction) -> None:
        """keyframes: at least one; all or none have ranges.  duration: of the clip, seconds."""
        self.ranged = keyframes[0].range is not None
        self.moments = tuple(_moment(keyframe, duration) for keyframe in keyframes)
        self.stretches = (
            self._ranges(keyframes) if self.ranged else (self._stretch(Fraction(0), None, range(len(keyframes))),)
        )

    def at(self, time: Fraction) -> Stretch | None:
        """The stretch that a frame shown at `time` belongs to, None where it stays as it is."""
        return next((stretch for stretch in self.stretches if stretch.holds(time)), None)

    def nearest(self, time: Fraction) -> Stretch:
        """The stretch that holds `time`, or the one that lies nearest to it."""
        return min(self.stretches, key=lambda each: each.distance(time))

    def spread(self, duration: Fraction, count: int) -> list[Fraction]:
        """`count` rising times within the stretches, evenly over their common length, as far as a clip of `duration`
        seconds reaches: the middles of equal parts. All 0 where it reaches none.
        """
        spans = [(each.start, min(duration, duration if each.end is None else each.end)) for each in self.stretches]
        spans = [(start, end) for start, end in spans if start < end]
        whole = sum((end - start for start, end in spans), Fraction(0))
        return [_place(spans, whole * (2 * index + 1) / (2 * count)) for index in range(count)]

    def _ranges(self, keyframes: Sequence[Keyframe]) -> tuple[Stretch, ...]:
        ranges = sorted(
            (item.range.start_seconds, item.range.end_seconds, place)
            for place, item in enumerate(keyframes)
            if item.range is not None
        )
        merged: list[tuple[int, int, list[int]]] = []
        for start, end, place in ranges:
            if merged and start <= merged[-1][1]:
                begin, until, places = merged[-1]
                merged[-1] = (begin, max(until, end), [*places, place])
            else:
                merged.append((start, end, [place]))
        return tuple(self._stretch(Fraction(start), Fraction(end), places) for start, end, places in merged)

    def _stretch(self, start: Fraction, end: Fraction | None, places: Sequence[int]) -> Stretch:
        return Stretch(start, end, tuple(sorted((self.moments[place], place) for place in places)))


def _place(spans: Sequence[tuple[Fraction, Fraction]], passed: Fraction) -> Fraction:
    """The time at which `passed` seconds have gone by within the spans, which are in order; 0 where there are none."""
    for start, end in spans:
        if passed < end - start:
            return start + passed
        passed -= end - start
    return spans[-1][1] if spans else Fraction(0)


def _moment(keyframe: Keyframe, duration: Fraction) -> Fraction:
    """When a keyframe is, in seconds, within its range where it has one."""
    moment = Fraction(keyframe.at or 0) * duration if keyframe.seconds is None else Fraction(keyframe.seconds)
    if keyframe.range is None:
        return moment
    return min(max(moment, Fraction(keyframe.range.start_seconds)), Fraction(keyframe.range.end_seconds))


def explain_keyframes(keyframes: Sequence[Keyframe], timeline: Timeline | None = None) -> list[str]:
    """A sentence for each keyframe with its times.  timeline: None while the clip is not known."""
    return [
        f"keyframes[{place}], {_when(keyframe, timeline.moments[place] if timeline else None)}: "
        f"{_reach(keyframe, len(keyframes))}"
        for place, keyframe in enumerate(keyframes)
    ]


def _when(keyframe: Keyframe, moment: Fraction | None) -> str:
    if moment is not None:
        return f"at {round(float(moment), 3):g} s"
    if keyframe.seconds is not None:
        return f"at {keyframe.seconds:g} s"
    return f"at {100 * (keyframe.at or 0):g} % of the clip"


def _reach(keyframe: Keyframe, count: int) -> str:
    given = "the clip takes on the colours of this picture"
    if keyframe.range is not None:
        start, end = keyframe.range.start_seconds, keyframe.range.end_seconds
        return f"{given} from {start} s until {end} s; frames outside every range stay as they are."
    return f"{given} around this time and blends to the next keyframe's." if count > 1 else f"{given} throughout."
