"""The steps of a plan that change when frames are shown, apart from those that change what they show.

They work on the stream of frames, before any other step. Knows nothing of pixels, and nothing of how frames are
retimed (`media.retiming`); it joins the steps' wishes and tells what came of them.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from refilm.engines.effects.operator import Setting, TimeOperator
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.errors import UnsupportedEdit

if TYPE_CHECKING:
    from refilm.media.retiming import Retiming
    from refilm.media.written import Written

#: Seconds that a clip may be stretched to; one that is longer already may stay so.
LONGEST_SECONDS = 600


def is_timed(step: Step) -> bool:
    """Whether a step changes when frames are shown."""
    return issubclass(OPERATORS[step.operator], TimeOperator)


def without_course(plan: Plan) -> Plan:
    """The plan without the steps that change when frames are shown."""
    return replace(plan, steps=tuple(step for step in plan.steps if not is_timed(step)))


def retiming_of(plan: Plan, setting: Setting) -> Retiming:
    """What the plan's steps make of the clip's time, all together.

    Steps have all their parameters.  setting: as for any operator; only the size and the steps' parameters are used.
    """
    from refilm.media.retiming import Retiming

    retiming = Retiming()
    for step in filter(is_timed, plan.steps):
        operator = OPERATORS[step.operator]()
        assert isinstance(operator, TimeOperator)
        operator.prepare(replace(setting, parameters=step.parameters))
        retiming = retiming.then(operator.retiming)
    return retiming


def check_length(duration: Fraction, retiming: Retiming) -> None:
    """Raise UnsupportedEdit where a clip of `duration` seconds would become too long."""
    after = duration / retiming.tempo
    if after > max(duration, Fraction(LONGEST_SECONDS)):
        raise UnsupportedEdit(
            f"The clip lasts {float(duration):.2f} s and would last {float(after):.2f} s; clips can be stretched to "
            f"{LONGEST_SECONDS} s. Ask for less, or send a shorter clip."
        )


def told(plan: Plan) -> list[str]:
    """What has to be known of a plan that changes the clip's time, as sentences."""
    steps = [step for step in plan.steps if is_timed(step)]
    if not steps:
        return []
    sentences = [
        "The sound follows the picture's time and keeps its pitch; where it has to be left out, the record says so."
    ]
    if len(steps) < len(plan.steps):
        sentences.append("The other steps work on the clip as it then runs; times that were named are the source's.")
    return sentences


def record(retiming: Retiming, written: Written, before: Fraction) -> dict[str, Any]:
    """What was done to the clip's time, as JSON values.  before: seconds of the source."""
    return {
        "tempo": round(float(retiming.tempo), 4),
        "backwards": retiming.backwards,
        "interpolated": retiming.between is not None,
        "frames": {"read": written.read, "written": written.frames},
        "seconds": {"before": round(float(before), 3), "after": round(float(written.seconds), 3)},
    }
