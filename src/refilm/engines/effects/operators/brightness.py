"""Brighter or darker, without losing black or white."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Brightness(ColourOperator):
    """Brighter or darker, without losing black or white."""

    spec = OperatorSpec(
        name="brightness",
        title="Brightness",
        summary="Makes the picture brighter, or darker with a negative amount; black and white stay what they are.",
        stage="grade",
        parameters={
            "amount": Parameter(0.35, -1.0, 1.0, "how much brighter; below 0: darker"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.amount = setting.number("amount")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, saturate

        lifted = clip(rgb) ** (2.0 ** (-1.15 * self.amount))
        # A power curve pulls the channels together as it lifts them; give back what the eye misses.
        return saturate(lifted, 1 + 0.22 * self.amount)
