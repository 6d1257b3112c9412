"""Pixel art: large square pixels in few colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class PixelArt(FrameOperator):
    """Pixel art: large square pixels in few colours."""

    spec = OperatorSpec(
        name="pixel_art",
        title="Pixel art",
        summary="Shows the clip as an early computer game: large square pixels in a small palette of its own colours.",
        stage="style",
        parameters={
            "block": Parameter(6.0, 3.0, 16.0, "side of a pixel, as in a picture of 720 rows"),
            "colours": Parameter(28.0, 8.0, 64.0, "how many colours the palette holds"),
        },
        cost="M",
        needs=frozenset({"flow", "stabilised", "samples"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.pixels import PixelScreen

        self._screen = PixelScreen(setting, setting.number("block"), round(setting.number("colours")))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._screen.apply(context, before, after)
