"""A dream: soft light that spreads over everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class DreamGlow(ColourOperator, FrameOperator):
    """A dream: the picture shines softly over itself, as through a diffusion filter."""

    spec = OperatorSpec(
        name="dream_glow",
        title="Dream glow",
        summary="Soft, bright and a little pastel: light spreads over its surroundings as in a dream or a memory.",
        stage="light",
        parameters={"strength": Parameter(1.0, 0.2, 1.5, "how soft and bright")},
        cost="M",
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")
        self._scale = setting.scale

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, luma, saturate

        # Pastel, but a dark room stays dark.
        lift = (0.075, 0.050, 0.070) * (0.25 + 0.75 * luma(rgb) ** 0.5)
        return blend(rgb, saturate(rgb, 1.18) * 0.90 + lift, self.strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.finish import diffuse, glow, soften
        from refilm.engines.effects.planes import copy

        copy(before, after)
        soften(after, 0.42 * self.strength, 5 * self._scale)
        diffuse(after, 0.70 * self.strength, 22 * self._scale)
        glow(after, 135, 0.52 * min(1.2, self.strength), 52 * self._scale, (0.0, 0.06))
