"""Faded film: milky blacks, soft whites, paler colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Fade(ColourOperator):
    """Faded film: milky blacks, soft whites, paler colours."""

    spec = OperatorSpec(
        name="fade",
        title="Faded film",
        summary="Milky blacks, soft whites and paler colours, like film left in the sun.",
        stage="grade",
        parameters={
            "strength": Parameter(1.0, 0.0, 1.5, "how faded"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, luma, saturate

        grey = luma(rgb)
        matte = 0.105 + 0.80 * saturate(rgb, 0.68)
        faded = matte + (1 - grey) ** 2 * (0.0, 0.012, 0.03) + grey**2 * (0.025, 0.008, -0.03)
        return blend(rgb, faded, self.strength)
