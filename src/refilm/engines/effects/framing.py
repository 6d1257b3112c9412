"""The shape of the result: which part of the source is read, how it is turned, and the frame that it is laid into.

A cut is made while the clip is read, so it costs nothing; turning and bars are one copy of the planes. Pure arithmetic
on sizes, and the wrapper that turns frames. Knows nothing of prompts and files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from refilm.engines.effects.operator import Setting, ShapeOperator
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.operators.reframe import Reframe
from refilm.engines.effects.operators.rotate import Rotate
from refilm.engines.effects.plan import Plan, Step
from refilm.errors import UnsupportedEdit

if TYPE_CHECKING:
    from refilm.media.geometry import Size

#: Shapes that differ by no more than this share are the same.
_SAME_SHAPE = Fraction(1, 50)


@dataclass(frozen=True)
class Framing:
    """inner: (width, height) of the picture that is edited.  outer: of the frame around it.  turns: quarters
    clockwise, before all else.  black: whether the frame is black rather than the picture blurred."""

    inner: Size
    outer: Size
    turns: int = 0
    black: bool = False

    @property
    def read(self) -> Size:
        """The size at which the clip is read: its middle is cut to this shape."""
        return self.inner if self.turns % 2 == 0 else (self.inner[1], self.inner[0])

    def note(self, source: Size) -> list[str]:
        """What became of a source of this size, for the record; nothing where it keeps its size."""
        sentences = []
        if self.turns:
            sentences.append(f"The picture was turned by {90 * self.turns} degrees clockwise.")
        whole = source if self.turns % 2 == 0 else (source[1], source[0])
        if abs(Fraction(*self.inner) / Fraction(*whole) - 1) > _SAME_SHAPE:
            sentences.append(f"Of each frame the middle was kept, at {self.inner[0]}x{self.inner[1]}.")
        if self.inner != self.outer:
            bars = "black bars" if self.black else "its own mirrored, blurred edges"
            sentences.append(
                f"The picture, {self.inner[0]}x{self.inner[1]}, lies between {bars} in the middle of a frame of "
                f"{self.outer[0]}x{self.outer[1]}."
            )
        return sentences


def is_framing(step: Step) -> bool:
    """Whether a step changes the shape of the clip."""
    return issubclass(OPERATORS[step.operator], ShapeOperator)


def without_framing(plan: Plan) -> Plan:
    """The plan without the steps that change the shape."""
    return replace(plan, steps=tuple(step for step in plan.steps if not is_framing(step)))


def framing_of(plan: Plan, source: Size, asked: Size | None, aspect: Fraction | None = None) -> Framing:
    """The shape that the plan's steps and the request make of a clip.

    source: the clip's display size.  asked: the request's own size of the result.  aspect: of the frame that the
    request wants around the whole picture. Raises UnsupportedEdit where the prompt and the request contradict each
    other.
    """
    from refilm.media.geometry import even_size, swap

    shapes = [_prepared(step) for step in plan.steps if is_framing(step)]
    turns = sum(each.turns for each in shapes if isinstance(each, Rotate)) % 4
    whole = asked or even_size(swap(source) if turns % 2 else source)
    reframe = next((each for each in shapes if isinstance(each, Reframe)), None)
    if aspect is not None:
        return replace(_framed_as_asked(whole, aspect, reframe), turns=turns)
    if reframe is None:
        return Framing(whole, whole, turns)
    if asked and reframe.mode != "letterbox":
        _check_shape(reframe, asked)
    return replace(_reframed(reframe, whole, swap(source) if turns % 2 else source, asked), turns=turns)


def why_idle(plan: Plan, framing: Framing, source: Size) -> str:
    """A sentence where steps ask for the shape that the clip has already, "" otherwise.  source: its display size."""
    from refilm.media.geometry import even_size

    shaped = any(is_framing(step) for step in plan.steps)
    if not shaped or framing.turns or not framing.inner == framing.outer == even_size(source):
        return ""
    return f"The clip, {source[0]}x{source[1]}, has the shape already that the prompt asks for."


def _prepared(step: Step) -> ShapeOperator:
    operator = OPERATORS[step.operator]()
    assert isinstance(operator, ShapeOperator)
    operator.prepare(Setting((16, 16), parameters=step.parameters))
    return operator


def _framed_as_asked(whole: Size, aspect: Fraction, reframe: Reframe | None) -> Framing:
    """The frame of the request's targetAspectRatio."""
    from refilm.engines.effects.extension import extended_sizes

    if reframe is not None:
        raise UnsupportedEdit(
            "targetAspectRatio and the prompt both ask for a shape. Leave one of them out: targetAspectRatio keeps the "
            "whole picture and extends it, the prompt can also ask for a crop or for black bars."
        )
    return Framing(*extended_sizes(whole, aspect))


def _check_shape(reframe: Reframe, asked: Size) -> None:
    """Raise UnsupportedEdit where the request's size has another shape than the prompt asks for."""
    wanted = Fraction(*reframe.shape)
    if abs(Fraction(*asked) / wanted - 1) > _SAME_SHAPE:
        raise UnsupportedEdit(
            f"The request's ratio asks for {asked[0]}x{asked[1]} and the prompt for a shape of "
            f"{reframe.shape[0]}:{reframe.shape[1]}. Leave one of them out, or make them agree."
        )


def _reframed(reframe: Reframe, whole: Size, source: Size, asked: Size | None) -> Framing:
    """whole: the frame as it would be without the step.  source: the clip's size as it is turned."""
    from refilm.engines.effects.extension import extended_sizes

    shape = Fraction(*reframe.shape)
    if reframe.mode == "letterbox":
        return Framing(_within(whole, shape), whole, black=True)
    if reframe.mode == "crop":
        inner = asked or _within(whole, shape)
        return Framing(inner, inner)
    black = reframe.mode == "fit"
    if asked:
        return Framing(_within(asked, Fraction(*source)), asked, black=black)
    return Framing(*extended_sizes(whole, shape), black=black)


def _within(size: Size, shape: Fraction) -> Size:
    """The largest even size of a shape (width / height) within another; that other where they nearly agree."""
    from refilm.media.geometry import SMALLEST_SIDE, even

    width, height = size
    width, height = min(width, even(height * shape)), min(height, even(width / shape))
    if size[0] - width <= 2 and size[1] - height <= 2:
        return size
    return max(SMALLEST_SIDE, width), max(SMALLEST_SIDE, height)
