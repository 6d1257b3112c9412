"""Cyberpunk: a night city in violet, cyan and pink neon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Cyberpunk(ColourOperator, FrameOperator):
    """Cyberpunk: violet shadows, cyan mid-tones, pink lights that bloom."""

    spec = OperatorSpec(
        name="cyberpunk",
        title="Cyberpunk",
        summary="Neon: violet shadows, cyan mid-tones and pink, blooming lights on dark ground.",
        stage="light",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how much neon")},
        cost="M",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.finish import Shading

        self.strength = setting.number("strength")
        self._reach = 44 * setting.scale
        self._shading = Shading(setting.size, 0.45 * self.strength)

    def colour(self, rgb: Colours) -> Colours:
        import numpy as np

        from refilm.engines.effects.colour import blend, clip, luma, s_curve, saturate, smoothstep

        # Warm things become pink signs, green ones turquoise: neon has neither orange nor grass.
        red, green = rgb[..., :1], rgb[..., 1:2]
        own = rgb + clip(red - green) * (0.10, -0.10, 0.75) + clip(green - red) * (-0.30, 0.0, 0.55)
        tone = s_curve(luma(rgb), 1.3)
        shadow, middle, light = np.array([0.08, 0.01, 0.22]), np.array([0.0, 0.36, 0.62]), np.array([1.0, 0.34, 0.86])
        lower, upper = smoothstep(0.0, 0.55, tone), smoothstep(0.52, 1.0, tone)
        neon = shadow + lower * (middle - shadow) + upper * (light - middle)
        mixed = 0.52 * saturate(s_curve(clip(own), 1.35), 1.45) + 0.58 * neon - 0.04
        return blend(rgb, clip(mixed), self.strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.finish import glow

        self._shading.apply(before, after)
        glow(after, 120, 0.7 * min(1.2, self.strength), self._reach, (0.08, 0.12))
