"""When a step works: spans of a clip's time. Pure arithmetic on seconds, and the words that tell it.

Knows nothing of frames and of prompts; `executor` opens and shuts its gates by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from refilm.engines.effects.plan import Span, Step


def check(span: Span) -> None:
    """Raise ValueError, with a sentence, for a span that holds no moment of any clip."""
    start, end = span
    backwards = end is not None and (start < 0) == (end < 0) and end <= start
    if backwards or end == 0:
        raise ValueError(f"The span {told(span)} ends before it begins.")


@dataclass(frozen=True)
class Window:
    """A span on one clip's clock.  start, end: seconds, end exclusive; end None is the end of the clip."""

    start: Fraction
    end: Fraction | None

    @classmethod
    def of(cls, span: Span, duration: Fraction | None = None) -> Window:
        """`span` on a clip of `duration` seconds, which may be None where no time is counted from the clip's end.

        Seconds are taken to the nearest thousandth, so that 0.1 means a tenth and not the float beside it.
        """
        start, end = (None if value is None else _placed(value, duration) for value in span)
        return cls(max(Fraction(0), start or Fraction(0)), end)

    def holds(self, time: Fraction) -> bool:
        """Whether a frame shown at `time` lies within."""
        return self.start <= time and (self.end is None or time < self.end)

    def meets(self, duration: Fraction) -> bool:
        """Whether any of it lies within a clip of `duration` seconds."""
        return self.start < duration and (self.end is None or self.end > self.start)


def on_clip(steps: Sequence[Step], duration: Fraction) -> tuple[Step, ...]:
    """The steps with spans that count from the clip's beginning; those that lie outside the clip are left out."""
    placed = []
    for step in steps:
        if step.span is None:
            placed.append(step)
            continue
        window = Window.of(step.span, duration)
        if window.meets(duration):
            end = None if window.end is None else float(window.end)
            placed.append(replace(step, span=(float(window.start), end)))
    return tuple(placed)


def overlap(one: Span | None, two: Span | None) -> bool:
    """Whether two spans may share a moment of some clip; None is the whole clip.

    Of a clip that is not known, times counted from its end count as later than those counted from its beginning.
    """
    (begin, end), (start, until) = one or (0.0, None), two or (0.0, None)
    return _precedes(begin, until) and _precedes(start, end)


def covers(whole: Span | None, part: Span | None) -> bool:
    """Whether one span holds all of another, whatever the clip."""
    if whole is None or whole == part:
        return True
    (begin, end), (start, until) = whole, part or (0.0, None)
    begun = begin == 0 or ((begin < 0) == (start < 0) and begin <= start)
    return begun and (end is None or (until is not None and (end < 0) == (until < 0) and until <= end))


def _precedes(start: float, end: float | None) -> bool:
    """Whether a time comes before the end of a span."""
    if end is None:
        return True
    return start < end if (start < 0) == (end < 0) else start >= 0


def told(span: Span) -> str:
    """A span in words: "from 2 s to 4 s", "in the last 3 s"."""
    start, end = span
    if start < 0 and end is None:
        return f"in the last {-start:g} s"
    if end is None:
        return f"from {_moment(start)} on"
    return f"from {_moment(start)} to {_moment(end)}"


def _moment(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 0 else f"{-seconds:g} s before the end"


def _placed(value: float, duration: Fraction | None) -> Fraction:
    """A time on the clip's clock; negative ones count from its end."""
    exact = Fraction(value).limit_denominator(1000)
    if value >= 0:
        return exact
    if duration is None:
        raise ValueError(f"A time counted from the end ({value:g} s) needs the length of the clip.")
    return duration + exact
