"""A pencil drawing, in graphite or in colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Pencil(FrameOperator):
    """A pencil drawing, in graphite or in colour."""

    spec = OperatorSpec(
        name="pencil",
        title="Pencil",
        summary="Draws every frame with a pencil: outlines, and shadows hatched on grained paper.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0, 0.3, 1.5, "how far the drawing goes: less keeps more of the photograph, more presses harder"
            ),
            "colour": Parameter(False, choices=(False, True), meaning="coloured pencils instead of graphite"),
        },
        cost="L",
        noise="noisy",
        needs=frozenset({"flow", "motion", "stabilised", "orientation"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.pencil import PencilDrawing

        colour = bool(setting.parameters["colour"])
        self._drawing = PencilDrawing(setting, setting.number("strength"), colour=colour)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._drawing.apply(context, before, after)
