"""Winter: frost on all that grows, and falling snow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Winter(ColourOperator, FrameOperator):
    """Winter: frost on all that grows, cold light and falling snow; skin and reds keep their colour."""

    spec = OperatorSpec(
        name="winter",
        title="Winter",
        summary="Frost covers leaves, grass and soil, the light turns cold, and snow falls; skin and reds stay.",
        stage="weather",
        parameters={"density": Parameter(1.0, 0.2, 2.5, "how thick the snow falls, and how deep the frost")},
        cost="M",
        noise="noisy",
        needs=frozenset({"flow", "motion"}),
        subsumes=frozenset({"snow", "cool"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.snowfall import Snowfall

        self.density = setting.number("density")
        self._fall = Snowfall(setting, self.density)
        self._reach = 32 * setting.scale

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, hue_weight, luma, saturate, white_balance

        grey = luma(rgb)
        purity = (rgb.max(-1) - rgb.min(-1))[..., None] / (rgb.max(-1)[..., None] + 0.25)
        leaves = 1.4 * hue_weight(rgb, 92, 62)
        # Soil and dry grass share their hue with skin, which is brighter and purer than they are.
        soil = 0.7 * hue_weight(rgb, 46, 24) * (1 - 0.6 * grey)
        # Slow starts towards grey and black: a steep look would turn the grain of the chroma into specks of light.
        growing = clip(leaves + soil) * clip(purity / 0.46) * clip(grey / 0.40)
        frost = clip(0.36 + 0.80 * grey**0.72) * (0.93, 0.97, 1.03)
        cold = saturate(white_balance(rgb, (0.90, 1.0, 1.14)), 0.74) * 0.97 + 0.015
        look = cold + growing * 0.96 * (frost - cold)
        return blend(rgb, clip(look), 0.55 + 0.45 * min(1.0, self.density))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.finish import glow

        self._fall.apply(context, before, after)
        glow(after, 175, 0.22, self._reach, (0.0, 0.0))
