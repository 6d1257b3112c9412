"""Teal shadows against orange skin: the look of cinema posters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class TealOrange(ColourOperator):
    """Teal shadows against orange skin: the look of cinema posters."""

    spec = OperatorSpec(
        name="teal_orange",
        title="Teal and orange",
        summary="The cinema look: shadows towards teal, skin and highlights towards orange.",
        stage="grade",
        parameters={
            "strength": Parameter(1.0, 0.0, 1.5, "how strong the look is"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, hue_weight, luma, s_curve, saturate

        grey = luma(rgb)
        shadows, highlights = (1 - grey) ** 2, grey**1.5
        split = rgb + shadows * (-0.055, 0.012, 0.06) + highlights * (0.07, 0.012, -0.075)
        split = split + hue_weight(rgb, 28, 30) * (0.05, 0.01, -0.04)
        return blend(rgb, clip(saturate(s_curve(clip(split), 1.15), 1.12)), self.strength)
