"""Autumn: green leaves turn yellow, orange and red."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Autumn(ColourOperator):
    """Autumn: green leaves turn yellow, orange and red; what is not green keeps its colour in a warmer light."""

    spec = OperatorSpec(
        name="autumn",
        title="Autumn",
        summary="Turns green leaves and grass yellow, orange and red in a warm light; other colours stay.",
        stage="grade",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how far into autumn")},
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, hue_weight, luma, smoothstep

        grey = luma(rgb)
        # Fresh green turns yellow first; what is already yellowish is further on, and shade is reddest.
        fresh = smoothstep(-0.03, 0.16, rgb[..., 1:2] - rgb[..., :1]) * smoothstep(0.05, 0.45, grey)
        yellow = grey * (1.72, 1.06, 0.26) + (0.03, 0.0, -0.01)
        red = grey * (1.90, 0.76, 0.26) + (0.04, 0.0, 0.0)
        leaves = clip(red + fresh * (yellow - red))
        # Near grey the hue means little: without a slow start, noise would speckle stone and fur with orange.
        purity = (rgb.max(-1) - rgb.min(-1))[..., None] / (rgb.max(-1)[..., None] + 0.1)
        share = clip(1.15 * hue_weight(rgb, 98, 60)) * smoothstep(0.02, 0.34, purity) * 0.96
        turned = (rgb + share * (leaves - rgb)) * (1.04, 1.0, 0.95)
        return blend(rgb, clip(turned), self.strength)
