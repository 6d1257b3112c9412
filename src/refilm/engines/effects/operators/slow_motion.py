"""Slow motion, with the frames that the camera did not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import OperatorSpec, Parameter, Setting, TimeOperator

if TYPE_CHECKING:
    from refilm.media.retiming import Retiming


class SlowMotion(TimeOperator):
    """Slow motion, with the frames that the camera did not take."""

    spec = OperatorSpec(
        name="slow_motion",
        title="Slow motion",
        summary=(
            "Plays the clip slower and makes the missing frames from their neighbours, following what moves; what "
            "moves too fast to be followed jumps. The frame rate stays, the sound keeps its pitch."
        ),
        stage="time",
        parameters={"factor": Parameter(2.0, 1.25, 4.0, "how many times as long the clip becomes")},
        cost="XL",
        spans=False,
    )

    def prepare(self, setting: Setting) -> None:
        self._factor, self._size = setting.number("factor"), setting.size

    @property
    def retiming(self) -> Retiming:
        from fractions import Fraction

        from refilm.engines.effects.inbetween import Inbetween
        from refilm.media.retiming import Retiming

        return Retiming(1 / Fraction(self._factor).limit_denominator(1000), between=Inbetween(self._size))
