"""Night: the clip as if it had been shot after dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Night(ColourOperator, FrameOperator):
    """Night: dark, blue, with lamps and windows that glow; a clear blue sky becomes a dark one with stars."""

    spec = OperatorSpec(
        name="night",
        title="Night",
        summary=(
            "Day for night: dark and blue, bright warm lights keep glowing. A clear blue sky becomes a starry one; "
            "any other sky only darkens."
        ),
        stage="light",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how deep the night is")},
        cost="M",
        needs=frozenset({"flow", "motion", "sky"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.night_sky import NightSky

        self.strength = setting.number("strength")
        self._sky = NightSky(setting, self.strength)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import LUMA, blend, smoothstep, to_gamma, to_linear

        light = to_linear(rgb)
        bright = (light @ LUMA)[..., None]
        # At night the rods see: red goes dark and blue stays (the Purkinje shift), and colours pale.
        rods = (light @ (0.05, 0.45, 0.50))[..., None]
        seen = 0.10 * light * (0.62, 0.86, 1.35) + 0.10 * rods * (0.42, 0.66, 1.25)
        seen = seen * (0.35 + (bright + 1e-4) ** 0.5)
        # A lamp is bright and orange; sunlit grass is bright and yellow, hence more red than green.
        red, green, blue = rgb[..., :1], rgb[..., 1:2], rgb[..., 2:]
        orange = ((red - blue) * 2.0).clip(0, 1) * smoothstep(0.02, 0.12, red - green)
        lamp = orange * smoothstep(0.55, 0.95, rgb.max(-1)[..., None])
        seen = seen + lamp * light * (0.30, 0.18, 0.05)
        return blend(rgb, to_gamma(seen * 1.9), min(1.0, self.strength)) * (1 - 0.4 * max(0.0, self.strength - 1))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._sky.apply(context, before, after)
