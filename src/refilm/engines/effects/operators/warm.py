"""Warmer light: towards amber."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Warm(ColourOperator):
    """Warmer light: towards amber."""

    spec = OperatorSpec(
        name="warm",
        title="Warm",
        summary="Turns the light warmer, towards amber.",
        stage="grade",
        parameters={
            "strength": Parameter(1.0, 0.0, 1.5, "how much warmer"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, saturate, white_balance

        k = self.strength
        lit = white_balance(rgb, (1 + 0.19 * k, 1 - 0.02 * k, 1 - 0.24 * k))
        return clip(saturate(lit, 1 + 0.06 * k))
