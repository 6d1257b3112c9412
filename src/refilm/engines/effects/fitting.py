"""A plan fitted to one clip: on its clock, in its shape, and without what would change nothing there.

Says no, with a sentence, to what would leave this clip as it is. Knows the clip's facts; its pictures are looked at
only where a step follows the camera. Prepares no operator and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from refilm.domain.edit import EditRequest
from refilm.engines.base import Inputs
from refilm.engines.effects import course
from refilm.engines.effects.framing import Framing, framing_of, why_idle, without_framing
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan
from refilm.engines.effects.spans import on_clip, told
from refilm.engines.effects.timeline import Timeline
from refilm.errors import UnsupportedEdit

if TYPE_CHECKING:
    from refilm.engines.effects.camera_path import CameraPath
    from refilm.media.geometry import Size
    from refilm.media.retiming import Retiming


@dataclass(frozen=True)
class Fitted:
    """plan: of this clip.  framing: its shape.  timeline: of its keyframes, None where there are none.  retiming: what
    becomes of its time.  path: of its camera, None where no step follows it.  notes: sentences for the record."""

    plan: Plan
    framing: Framing
    timeline: Timeline | None
    retiming: Retiming
    path: CameraPath | None
    notes: tuple[str, ...]


def fitted(plan: Plan, request: EditRequest, inputs: Inputs, on_prepared: Callable[[], None]) -> Fitted:
    """The request's plan for this clip.

    on_prepared: called a few times a second; may raise. Raises UnsupportedEdit where the clip would come out as it went
    in, or too long.
    """
    from refilm.engines.effects.preparation import steadied

    framing = _framing(plan, request, inputs)
    timeline = Timeline(request.keyframes, inputs.info.duration) if request.keyframes else None
    plan, unseen = _placed(plan, inputs)
    plan = _refuse_idle(plan, inputs, timeline, unseen, framing)
    retiming = course.retiming_of(plan, Setting(framing.read))
    course.check_length(inputs.info.duration, retiming)
    on_prepared()
    plan, path, sway = steadied(plan, inputs, framing, on_prepared)
    if sway and not (plan.steps or timeline or framing.inner != framing.outer):
        raise UnsupportedEdit(" ".join(sway) + " Nothing else is asked for, so the clip would stay as it is.")
    notes = (*unseen, *sway, *framing.note(_display_size(inputs)))
    return Fitted(plan, framing, timeline, retiming, path, notes)


def _framing(plan: Plan, request: EditRequest, inputs: Inputs) -> Framing:
    """The sizes of the edited picture and of the frame around it, and how the clip is turned."""
    from refilm.media.geometry import parse_pair

    target = request.output.target_aspect_ratio
    aspect = Fraction(*parse_pair(target)) if target else None
    return framing_of(plan, _display_size(inputs), request.output.size, aspect)


def _display_size(inputs: Inputs) -> Size:
    return inputs.info.width, inputs.info.height


def _placed(plan: Plan, inputs: Inputs) -> tuple[Plan, list[str]]:
    """The plan on the clip's clock, and a sentence for each step that lies outside the clip and is left out."""
    duration = inputs.info.duration
    unseen = [
        f"The clip lasts {float(duration):.2f} s and nothing of it lies {told(step.span)}: "
        f"{step.clause or OPERATORS[step.operator].spec.title} was left out."
        for step in plan.steps
        if step.span is not None and not on_clip([step], duration)
    ]
    return replace(plan, steps=on_clip(plan.steps, duration)), unseen


def _refuse_idle(plan: Plan, inputs: Inputs, timeline: Timeline | None, unseen: list[str], framing: Framing) -> Plan:
    """The plan, or UnsupportedEdit where this clip would come out as it went in.

    unseen: what lies outside the clip; a sentence is added for a shape that the clip has already.
    """
    same_shape = why_idle(plan, framing, _display_size(inputs))
    plan = without_framing(plan) if same_shape else plan
    unchanged = not plan.steps and timeline is None and framing.inner == framing.outer
    if timeline is not None and all(stretch.start >= inputs.info.duration for stretch in timeline.stretches):
        raise UnsupportedEdit(
            f"The clip lasts {float(inputs.info.duration):.2f} s and every range of the keyframes begins after that. "
            "Give ranges that lie within the clip."
        )
    if same_shape and unchanged:
        raise UnsupportedEdit(same_shape + " Nothing else is asked for, so the clip would stay as it is.")
    if unseen and unchanged:
        raise UnsupportedEdit(" ".join(unseen) + " Give times that lie within the clip.")
    if unchanged:
        raise UnsupportedEdit(
            "The clip already has the shape that targetAspectRatio names, and nothing else is asked for. "
            "Name another shape, or say in promptText what should change."
        )
    unseen += [same_shape] if same_shape else []
    return plan
