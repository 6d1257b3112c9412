"""Film noir: hard black and white, deep corners, lamps that bloom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Noir(ColourOperator, FrameOperator):
    """Film noir: hard black and white, deep corners, lamps that bloom, a little grain."""

    spec = OperatorSpec(
        name="noir",
        title="Film noir",
        summary="Hard black and white with deep shadows, dark corners, blooming lamps and grain.",
        stage="light",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how hard the light; below 0.5 some colour remains")},
        cost="M",
        noise="noisy",
        subsumes=frozenset({"black_and_white"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.finish import Grain, Shading

        self.strength = setting.number("strength")
        self._reach = 36 * setting.scale
        self._shading = Shading(setting.size, 0.62 * self.strength)
        self._grain = Grain(setting, 0.75 * self.strength, coarseness=1.5)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, s_curve

        # Red-sensitive film: skin and lamps come out light, skies and leaves dark.
        grey = (rgb @ (0.46, 0.44, 0.10))[..., None]
        hard = s_curve(clip(grey * 1.02 - 0.02), 1 + 0.72 * self.strength)
        colour_left = max(0.0, 1 - 2 * self.strength)
        return clip(hard + colour_left * (rgb - grey))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.finish import glow

        self._shading.apply(before, after)
        glow(after, 165, 0.38 * min(1.0, self.strength), self._reach, (0.0, 0.0))
        self._grain.apply(context.index, after, after)
