"""Black and white, as panchromatic film sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class BlackAndWhite(ColourOperator):
    """Black and white, as panchromatic film sees it."""

    spec = OperatorSpec(
        name="black_and_white",
        title="Black and white",
        summary="Removes the colour, with the contrast of black-and-white film.",
        stage="grade",
        parameters={
            "strength": Parameter(1.0, 0.0, 1.5, "1 is no colour at all; less keeps some, more hardens the contrast"),
        },
        cost="S",
        subsumes=frozenset({"saturation"}),
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, s_curve

        grey = (rgb @ (0.30, 0.59, 0.11))[..., None]
        toned = s_curve(grey, 1.12 + 0.5 * max(0.0, self.strength - 1))
        return clip(rgb + min(1.0, self.strength) * (toned - rgb))
