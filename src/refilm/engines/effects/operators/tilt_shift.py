"""A narrow band in focus: the world as a model railway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class TiltShift(ColourOperator, FrameOperator):
    """A narrow band in focus and bold colours: the world as a model railway."""

    spec = OperatorSpec(
        name="tilt_shift",
        title="Tilt-shift",
        summary="The miniature look: one horizontal band stays sharp, above and below blur away, colours grow bolder.",
        stage="lens",
        parameters={
            "focus": Parameter(
                0.6, 0.0, 1.0, "where the sharp band lies: 0 at the top of the picture, 1 at the bottom"
            ),
            "width": Parameter(0.2, 0.05, 0.8, "height of the sharp band, as a share of the picture's"),
            "strength": Parameter(1.0, 0.3, 1.5, "how blurred the rest, and how bold the colours"),
        },
        cost="M",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.lens import FocusBand

        self.strength = setting.number("strength")
        self._band = FocusBand(setting, setting.number("focus"), setting.number("width"), self.strength)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, s_curve, saturate

        # Models are painted in bold colours and lit from nearby.
        return clip(saturate(s_curve(rgb, 1 + 0.12 * self.strength), 1 + 0.34 * self.strength))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._band.apply(before, after)
