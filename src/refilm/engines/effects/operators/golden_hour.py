"""Golden hour: the light of a low sun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class GoldenHour(ColourOperator, FrameOperator):
    """Golden hour: warm, low light from one side; a clear blue sky warms towards the horizon."""

    spec = OperatorSpec(
        name="golden_hour",
        title="Golden hour",
        summary=(
            "The hour before sunset: warm light and the glare of a low sun from one side. A clear blue sky turns "
            "peach towards the horizon; shadows stay where they fall."
        ),
        stage="light",
        parameters={
            "strength": Parameter(1.0, 0.2, 1.5, "how warm and how strong the glare"),
            "side": Parameter("right", choices=("left", "right"), meaning="where the sun stands"),
        },
        cost="M",
        needs=frozenset({"flow", "sky"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.low_sun import LowSun

        self.strength = setting.number("strength")
        self._sun = LowSun(setting, self.strength, str(setting.parameters["side"]))

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, luma, s_curve, saturate, white_balance

        warm = white_balance(rgb, (1.17, 1.0, 0.76))
        grey = luma(warm)
        # Lit places take the sun's colour, shadows keep a little of the sky's.
        toned = warm + grey**1.4 * (0.035, 0.006, -0.022) + (1 - grey) ** 2.5 * (0.004, -0.004, 0.016)
        return blend(rgb, clip(saturate(s_curve(clip(toned), 1.06), 1.06)), self.strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._sun.apply(context, before, after)
