"""Reads what a plan needs from the inputs of an edit, and prepares whatever will edit the frames.

Everything here happens before the first frame; `engine` joins the result to the decoder and the encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from refilm.engines.base import Inputs
from refilm.engines.effects.camera_path import FOLLOWED_PIXELS, CameraPath, PathFinder
from refilm.engines.effects.executor import SAMPLED_COLOURS, SAMPLED_FRAMES, Executor, needs_of, sample_colours
from refilm.engines.effects.extension import ExtendedEditor, FrameEditor
from refilm.engines.effects.framing import Framing, without_framing
from refilm.engines.effects.keyframes import KeyframeColours, RangedExecutor, keyframe_look
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan
from refilm.engines.effects.quarter_turns import TurnedEditor, turned
from refilm.engines.effects.steadying import Correction
from refilm.engines.effects.timeline import Timeline
from refilm.errors import UnsupportedEdit
from refilm.media.geometry import Size, even_size, fit_within
from refilm.media.moment import frame_at, frames_near, sample_frames
from refilm.media.picture import read_picture
from refilm.media.read import FrameReader

if TYPE_CHECKING:
    from refilm.engines.effects.colour import Colours

_USUAL_RATE = Fraction(25)
_REFERENCE_PIXELS = 640
#: Frames between two signs of life while the camera's path is measured.
_TOLD_EVERY = 10


def prepare_editor(
    plan: Plan,
    inputs: Inputs,
    framing: Framing,
    seed: int,
    timeline: Timeline | None,
    on_prepared: Callable[[], None],
    path: CameraPath | None = None,
    matrix: str = "709",
) -> FrameEditor:
    """The plan and the keyframes prepared for this clip.

    framing: how frames are turned and laid into a frame of their own; `process` of the result takes frames of its
    `read` size.  timeline: of the inputs' keyframes, None where there are none.  on_prepared: called after each
    keyframe; may raise.
    path: of the camera, where the plan needs it.  matrix: "709" or "601", of the frames.
    Reads pictures and samples only where a step needs them. Raises UnsupportedEdit where a picture is missing.
    """
    plan, inner, outer = without_framing(plan), framing.inner, framing.outer
    setting = replace(_setting(plan, inputs, inner, matrix, seed), path=path)
    wanted = "samples" in needs_of(plan)
    editor: FrameEditor
    if timeline is None:
        editor = Executor(plan, _sampled(setting, inputs) if wanted else setting)
    else:
        colours = _keyframe_colours(timeline, inputs, setting, on_prepared)
        setting = _sampled_coloured(setting, inputs, timeline, colours) if wanted else setting

        def prepare() -> Executor:
            return Executor(plan, setting, [colours.apply])

        editor = RangedExecutor(timeline, prepare) if timeline.ranged else prepare()
    editor = editor if inner == outer else ExtendedEditor(editor, inner, outer, black=framing.black)
    return TurnedEditor(editor, framing.turns) if framing.turns else editor


def steadied(
    plan: Plan, inputs: Inputs, framing: Framing, on_prepared: Callable[[], None]
) -> tuple[Plan, CameraPath | None, list[str]]:
    """(the plan, the camera's path where a step follows it, sentences for the record).

    Steps that would steady a steady camera are left out. Reads the clip only where the plan needs the path.
    """
    steps = [step for step in plan.steps if "path" in OPERATORS[step.operator].spec.needs]
    if not steps:
        return plan, None, []
    path = _camera_path(inputs, framing, on_prepared)
    corrections = [(step, Correction.of(path, float(step.parameters["strength"]), framing.inner)) for step in steps]
    idle = [step for step, correction in corrections if not correction.visible]
    kept = tuple(step for step in plan.steps if step not in idle)
    return replace(plan, steps=kept), path, [str(correction) for _, correction in corrections]


def _camera_path(inputs: Inputs, framing: Framing, on_prepared: Callable[[], None]) -> CameraPath:
    """Where the camera went: reads the whole clip once, small, in the shape that it will be edited in.

    on_prepared: called a few times a second; may raise.
    """
    finder = PathFinder()
    with FrameReader(inputs.video, size=even_size(fit_within(framing.read, FOLLOWED_PIXELS))) as reader:
        for frame in reader:
            finder.follow(float(frame.time), turned(frame.y, framing.turns))
            if frame.index % _TOLD_EVERY == 0:
                on_prepared()
    return finder.path()


def _setting(plan: Plan, inputs: Inputs, size: Size, matrix: str, seed: int) -> Setting:
    """What the plan's operators are prepared for."""
    needs = needs_of(plan)
    if "reference" in needs and not inputs.references:
        raise UnsupportedEdit("The prompt speaks of a reference picture, but the request carries none in references.")
    return Setting(
        size=size,
        matrix=matrix,
        frame_rate=inputs.info.frame_rate or _USUAL_RATE,
        seed=seed,
        references=tuple(read_picture(file, _REFERENCE_PIXELS) for file in inputs.references)
        if "reference" in needs
        else (),
    )


def _sampled(setting: Setting, inputs: Inputs) -> Setting:
    """The setting with the clip's colours."""
    colours = sample_colours(sample_frames(inputs.video, SAMPLED_FRAMES), setting.seed)
    return replace(setting, samples=lambda: colours)


def _sampled_coloured(setting: Setting, inputs: Inputs, timeline: Timeline, keyframes: KeyframeColours) -> Setting:
    """The setting with the colours that the keyframes give to frames of their stretches."""
    seen = frames_near(inputs.video, timeline.spread(inputs.info.duration, SAMPLED_FRAMES))
    each = SAMPLED_COLOURS // len(seen)
    colours = np.concatenate(
        [keyframes.coloured(time, sample_colours([picture], setting.seed)[:each]) for time, picture in seen]
    )
    return replace(setting, samples=lambda: colours)


def _keyframe_colours(
    timeline: Timeline, inputs: Inputs, setting: Setting, on_prepared: Callable[[], None]
) -> KeyframeColours:
    looks = []
    for moment, file in zip(timeline.moments, inputs.keyframes, strict=True):
        picture = read_picture(file, _REFERENCE_PIXELS)
        looks.append(keyframe_look(picture, _colours_at(moment, inputs, setting.seed), setting))
        on_prepared()
    return KeyframeColours(timeline, looks, setting.size)


def _colours_at(moment: Fraction, inputs: Inputs, seed: int) -> Colours:
    """The clip's colours at one moment: a keyframe is most often that very frame, edited."""
    return sample_colours([frame_at(inputs.video, moment)], seed)
