"""Falling snow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Snow(ColourOperator, FrameOperator):
    """Falling snow under an overcast sky; see `snowfall` for the flakes."""

    spec = OperatorSpec(
        name="snow",
        title="Falling snow",
        summary="Flakes fall in four layers of depth and drift with the camera, in the pale light of an overcast day.",
        stage="weather",
        parameters={"density": Parameter(1.0, 0.2, 2.5, "how thick the snow falls")},
        cost="M",
        noise="noisy",
        needs=frozenset({"flow", "motion"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.snowfall import Snowfall

        self.density = setting.number("density")
        self._fall = Snowfall(setting, self.density)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, saturate, white_balance

        # Under snow clouds there is no sun: flat, pale and a little blue; the thicker the snow, the more of it.
        overcast = (saturate(white_balance(rgb, (0.90, 1.0, 1.12)), 0.62) - 0.5) * 0.84 + 0.47
        return blend(rgb, overcast, 0.65 + 0.2 * min(1.6, self.density))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._fall.apply(context, before, after)
