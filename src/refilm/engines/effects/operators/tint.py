"""One hue over everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Tint(ColourOperator):
    """One hue over everything."""

    spec = OperatorSpec(
        name="tint",
        title="Tint",
        summary="Washes the picture in one hue and keeps its light and dark.",
        stage="grade",
        parameters={
            "hue": Parameter(0.0, 0.0, 360.0, "degrees: 0 red, 60 yellow, 120 green, 180 cyan, 240 blue, 300 magenta"),
            "strength": Parameter(0.6, 0.0, 1.5, "how much of the hue; 1 leaves nearly no other"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.hue = setting.number("hue")
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import from_oklab, to_oklab

        lab = to_oklab(rgb)
        lightness = lab[..., :1]
        # Strongest in the middle, so that black stays ink and white stays paper.
        wash = self._direction() * (0.62 * lightness * (1.06 - lightness))
        share = min(1.0, self.strength)
        lab[..., 1:] = lab[..., 1:] * (1 - 0.9 * share) + wash * self.strength
        return from_oklab(lab)

    def _direction(self) -> Colours:
        """The hue's direction in the (a, b) plane, length 1."""
        import colorsys

        import numpy as np

        from refilm.engines.effects.colour import to_oklab

        pure = to_oklab(np.array(colorsys.hsv_to_rgb(self.hue / 360 % 1, 1.0, 1.0)))[1:]
        return np.asarray(pure / np.hypot(*pure))
