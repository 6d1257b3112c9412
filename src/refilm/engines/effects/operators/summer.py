"""Summer: full greens and deep skies under a high, warm sun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Summer(ColourOperator):
    """Summer: lights turn warm and bright, greens full and golden, skies deeper; shadows keep their depth."""

    spec = OperatorSpec(
        name="summer",
        title="Summer",
        summary="A high, warm sun: bright golden lights, full greens and deeper skies; shadows keep their depth.",
        stage="grade",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how hot the day is")},
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, hue_weight, luma, s_curve, saturate, smoothstep

        sunny = s_curve(clip(rgb) ** 0.93, 1.10)
        grey = luma(sunny)
        # The sun warms what it lights; shade takes the blue of the sky.
        sunny = sunny + smoothstep(0.25, 0.85, grey) * (0.045, 0.018, -0.050) + (1 - grey) ** 3 * (-0.008, 0.0, 0.014)
        purity = (rgb.max(-1) - rgb.min(-1))[..., None] / (rgb.max(-1)[..., None] + 0.1)
        leaves = clip(hue_weight(rgb, 105, 55)) * smoothstep(0.05, 0.35, purity)
        sky = clip(hue_weight(rgb, 215, 45)) * smoothstep(0.10, 0.40, purity)
        sunny = sunny + leaves * grey * (0.05, 0.06, -0.10) + sky * grey * (-0.06, -0.01, 0.05)
        return blend(rgb, clip(saturate(clip(sunny), 1.14)), self.strength)
