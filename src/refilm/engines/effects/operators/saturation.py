"""Stronger or paler colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Saturation(ColourOperator):
    """Stronger or paler colours."""

    spec = OperatorSpec(
        name="saturation",
        title="Saturation",
        summary="Makes colours stronger, or paler with a negative amount; -1 leaves greys.",
        stage="grade",
        parameters={
            "amount": Parameter(0.35, -1.0, 1.0, "how much stronger; below 0: paler"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.amount = setting.number("amount")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import saturate

        if self.amount <= 0:
            return saturate(rgb, 1 + self.amount)
        # Pale colours take all of the gain and pure ones half of it, so that nothing runs into a flat patch.
        purity = (rgb.max(-1) - rgb.min(-1))[..., None]
        return saturate(rgb, 1 + 1.3 * self.amount * (1 - 0.5 * purity))
