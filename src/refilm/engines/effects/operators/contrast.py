"""Harder or softer contrast around middle grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Contrast(ColourOperator):
    """Harder or softer contrast around middle grey."""

    spec = OperatorSpec(
        name="contrast",
        title="Contrast",
        summary="Makes contrast harder, or softer with a negative amount.",
        stage="grade",
        parameters={
            "amount": Parameter(0.35, -1.0, 1.0, "how much harder; below 0: softer"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.amount = setting.number("amount")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import s_curve

        if self.amount >= 0:
            return s_curve(rgb, 1 + 0.95 * self.amount)
        return (rgb - 0.47) * (1 + 0.62 * self.amount) + 0.47
