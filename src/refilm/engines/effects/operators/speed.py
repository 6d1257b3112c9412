"""The clip at another speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import OperatorSpec, Parameter, Setting, TimeOperator

if TYPE_CHECKING:
    from refilm.media.retiming import Retiming


class Speed(TimeOperator):
    """The clip at another speed."""

    spec = OperatorSpec(
        name="speed",
        title="Speed",
        summary=(
            "Plays the clip faster by leaving frames out, or slower by repeating them; the frame rate stays, the sound "
            "keeps its pitch."
        ),
        stage="time",
        parameters={
            "factor": Parameter(
                2.0, 0.25, 8.0, "2 is twice as fast and half as long, 0.5 half as fast; 1 changes nothing"
            )
        },
        cost="S",
        spans=False,
    )

    def prepare(self, setting: Setting) -> None:
        self._factor = setting.number("factor")

    @property
    def retiming(self) -> Retiming:
        from fractions import Fraction

        from refilm.media.retiming import Retiming

        return Retiming(Fraction(self._factor).limit_denominator(1000))
