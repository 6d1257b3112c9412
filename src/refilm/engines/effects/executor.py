"""Carries a plan out, frame by frame.

Consecutive colour operators become one table; the rest work on the frame one after another, in place. A step with a
span works on the frames of its span alone: it sees no others, so that it begins there with nothing remembered, as at
the start of a clip. What is measured on the source (motion, cuts) is measured throughout, and an operator's clock is
the clip's. Knows nothing of prompts, files or codecs; `engine` joins it to the decoder and the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from refilm.engines.effects.colour import Colours
from refilm.engines.effects.context import Context, TimedPlanes
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import ColourOperator, FrameOperator, Operator, OperatorSpec, Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Span, Step
from refilm.engines.effects.planes import Buffer, Planes, copy
from refilm.engines.effects.spans import Window
from refilm.engines.effects.yuv_table import YuvTable, fuse

#: Frames of the source whose colours are looked at, and colours taken from them.
SAMPLED_FRAMES, SAMPLED_COLOURS = 6, 8_000


@dataclass(frozen=True)
class Encoding:
    """How the result is best handed to x264."""

    preset: str
    crf: int


def encoding_for(plan: Plan, *, faithful: bool = False) -> Encoding:
    """The encoder's settings for what a plan leaves behind.

    faithful: part of the clip shall come out as it went in; x264 then spends nearly twice as much on it, which lifts
    its SSIM to the source to 0.98 and more.
    Noise costs x264 two to three times a clean picture; `superfast` then gives the same PSNR for half the time.
    """
    if faithful:
        return Encoding("veryfast", 15)
    noisy = any(OPERATORS[step.operator].spec.noise == "noisy" for step in plan.steps)
    return Encoding("superfast" if noisy else "veryfast", 20)


def resolve_steps(plan: Plan) -> tuple[Step, ...]:
    """The plan's steps with every parameter filled in.

    Raises ValueError, with a sentence, for an operator, a parameter or a span that cannot be.
    """
    return tuple(_spec(step).resolve_step(step) for step in plan.steps)


def needs_of(plan: Plan) -> frozenset[str]:
    """Everything that the plan's operators need."""
    return frozenset().union(*(_spec(step).needs for step in plan.steps))


def _spec(step: Step) -> OperatorSpec:
    if step.operator not in OPERATORS:
        raise ValueError(f"There is no operator {step.operator!r}.")
    return OPERATORS[step.operator].spec


class Executor:
    """A plan, prepared for one clip. `process` takes the clip's frames in order."""

    def __init__(self, plan: Plan, setting: Setting, first: Sequence[Pass] = ()) -> None:
        """setting: as for an operator, without parameters; its `samples` are the source's colours.

        first: passes that colour the frame before the plan's own, after those of its steps that move pixels.
        Bakes every table and texture: 20 ms for a grade, up to 1 s for a painting. Raises ValueError for a plan that
        does not fit the registry.
        """
        # One OpenCV thread: the decoder and x264 already keep the other cores busy.
        cv2.setNumThreads(1)
        self._context = Context(setting.size, setting.seed)
        moving, rest = _split_geometry(resolve_steps(plan))
        self._geometry = _Geometry(moving, setting) if moving else None
        self._passes = [*first, *_prepare(rest, setting)]

    def process(self, before: TimedPlanes, after: Planes) -> None:
        """Fill `after` with the edited `before`, both of the prepared size."""
        source = self._geometry.move(before) if self._geometry else before
        self._context.start(source)
        _work(self._passes, self._context, source, after)


@dataclass(frozen=True)
class _Moved(Buffer):
    """A picture in the place of a source frame."""

    index: int
    time: Fraction
    shown_at: Fraction


class _Geometry:
    """The steps that move pixels. They come before every analysis: masks and motion must fit the picture."""

    def __init__(self, steps: Sequence[Step], setting: Setting) -> None:
        self._context = Context(setting.size, setting.seed)
        self._passes = _prepare(steps, setting)
        self._moved = Buffer.empty(setting.size)

    def move(self, before: TimedPlanes) -> TimedPlanes:
        """The frame with its pixels moved; good until the next call."""
        self._context.start(before)
        _work(self._passes, self._context, before, self._moved)
        return _Moved(self._moved.y, self._moved.u, self._moved.v, before.index, before.time, before.shown_at)


def _work(passes: Sequence[Pass], context: Context, before: Planes, after: Planes) -> None:
    """Fill `after` with `before` once all the passes have worked on it."""
    picture = before
    for each in passes:
        each(context, picture, after)
        picture = after
    copy(picture, after)


def _split_geometry(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """(the steps that move pixels, the other steps), each in their order."""
    turning = [step for step in steps if _spec(step).stage == "geometry"]
    return turning, [step for step in steps if step not in turning]


#: pass(context, before, after) fills `after` from `before`; they may be the same planes.
Pass = Callable[[Context, Planes, Planes], None]


def _prepare(steps: Sequence[Step], setting: Setting) -> list[Pass]:
    """The passes over each frame, in working order: colour operators fused wherever they follow each other
    with the same span."""
    passes: list[Pass] = []
    pending: list[ColourOperator] = []
    seen: list[ColourOperator] = []
    span: Span | None = None
    for step in steps:
        if step.span != span:
            passes += _gated(_table_pass(pending, setting.matrix), span)
            pending, span = [], step.span
        operator: Operator = OPERATORS[step.operator]()
        operator.prepare(replace(setting, parameters=step.parameters, samples=_samples_after(tuple(seen), setting)))
        if isinstance(operator, ColourOperator):
            pending.append(operator)
            seen.append(operator)
        if isinstance(operator, FrameOperator):
            passes += _gated([*_table_pass(pending, setting.matrix), operator.apply], span)
            pending = []
    return passes + _gated(_table_pass(pending, setting.matrix), span)


def _gated(passes: Sequence[Pass], span: Span | None) -> list[Pass]:
    """The passes, at work only while a frame lies in the span."""
    if span is None:
        return list(passes)
    window = Window.of(span)

    def gate(work: Pass) -> Pass:
        def apply(context: Context, before: Planes, after: Planes) -> None:
            (work if window.holds(context.source.time) else _leave)(context, before, after)

        return apply

    return [gate(work) for work in passes]


def _leave(context: Context, before: Planes, after: Planes) -> None:
    copy(before, after)


def _table_pass(operators: Sequence[ColourOperator], matrix: str) -> list[Pass]:
    """One pass for all of `operators`, or none where there are none."""
    if not operators:
        return []
    table = YuvTable(fuse([operator.colour for operator in operators]), matrix)
    return [lambda context, before, after: table.apply(before, after)]


def _samples_after(operators: Sequence[ColourOperator], setting: Setting) -> Callable[[], Colours]:
    """The source's colours as they are once `operators` have worked on them."""
    return lambda: fuse([operator.colour for operator in operators])(setting.samples())


def sample_colours(pictures: Sequence[Any], seed: int) -> Colours:
    """(n, 3) colours, 0..1, drawn from (h, w, 3) uint8 RGB pictures; at most SAMPLED_COLOURS."""
    pixels = np.concatenate([np.asarray(picture, np.uint8).reshape(-1, 3) for picture in pictures])
    count = min(SAMPLED_COLOURS, len(pixels))
    drawn = np.random.default_rng((seed, len(pixels))).choice(len(pixels), count, replace=False)
    return np.asarray(pixels[drawn] / 255.0)
