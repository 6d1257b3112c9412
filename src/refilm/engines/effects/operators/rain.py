"""Falling rain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Rain(ColourOperator, FrameOperator):
    """Falling rain under dark clouds; see `rainfall` for the drops and `mist` for the haze between them."""

    spec = OperatorSpec(
        name="rain",
        title="Rain",
        summary=(
            "Drops fall in three layers of depth under dark clouds, with haze in the distance. It wets nothing: there "
            "are no splashes and no puddles."
        ),
        stage="weather",
        parameters={"density": Parameter(1.0, 0.2, 2.5, "how hard it rains")},
        cost="M",
        noise="noisy",
        needs=frozenset({"flow", "motion"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.mist import Mist
        from refilm.engines.effects.rainfall import Rainfall

        self.density = setting.number("density")
        self._mist = Mist(setting, 0.10 + 0.16 * self.density, light=0.78)
        self._fall = Rainfall(setting, self.density)
        self._reach = 40 * setting.scale

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, saturate, white_balance

        # Heavy clouds: dim, flat, a little blue.
        overcast = (saturate(white_balance(rgb, (0.90, 1.0, 1.10)), 0.58) - 0.5) * 0.74 + 0.355
        return blend(rgb, overcast, 0.62 + 0.26 * min(1.5, self.density))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.finish import glow
        from refilm.engines.effects.planes import copy

        copy(before, after)
        self._mist.apply(context, after)
        glow(after, 140, 0.26, self._reach, (0.0, 0.0))
        self._fall.apply(context, after)
