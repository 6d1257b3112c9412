"""Cooler light: towards blue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Cool(ColourOperator):
    """Cooler light: towards blue."""

    spec = OperatorSpec(
        name="cool",
        title="Cool",
        summary="Turns the light cooler, towards blue.",
        stage="grade",
        parameters={
            "strength": Parameter(1.0, 0.0, 1.5, "how much cooler"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, saturate, white_balance

        k = self.strength
        lit = white_balance(rgb, (1 - 0.20 * k, 1.0, 1 + 0.30 * k))
        return clip(saturate(lit, 1 - 0.04 * k))
