"""Spring: fresh greens in a clear, soft light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Spring(ColourOperator):
    """Spring: foliage turns a young, light green; the light is clear, soft and a little cool in the shadows."""

    spec = OperatorSpec(
        name="spring",
        title="Spring",
        summary="Turns leaves and grass a young, light green in a clear, soft light; nothing blossoms that did not.",
        stage="grade",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how far into spring")},
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, hue_weight, luma, saturate, smoothstep

        # Open shadows and a lifted middle: a high, mild sun through thin leaves.
        lifted = clip(rgb) ** 0.82 * 0.985 + 0.012
        grey = luma(lifted)
        fresh = grey * (0.92, 1.22, 0.44) + (0.02, 0.045, 0.015)
        # What is nearly grey has no hue to speak of, and deep shade stays shade.
        purity = (rgb.max(-1) - rgb.min(-1))[..., None] / (rgb.max(-1)[..., None] + 0.1)
        share = clip(1.1 * hue_weight(rgb, 95, 55)) * smoothstep(0.06, 0.40, purity) * 0.78
        turned = lifted + share * (clip(fresh) - lifted)
        cool = (1 - grey) ** 2 * (-0.006, 0.004, 0.012)
        return blend(rgb, clip(saturate(turned, 1.08) + cool), self.strength)
