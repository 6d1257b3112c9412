"""A drawn cartoon: flat colours inside clean outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Cartoon(FrameOperator):
    """A drawn cartoon: flat colours inside clean outlines."""

    spec = OperatorSpec(
        name="cartoon",
        title="Cartoon",
        summary="Redraws every frame as a cartoon: flat, vivid colours inside dark outlines.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0,
                0.3,
                1.5,
                "how far the drawing goes: less keeps more of the photograph, more flattens and outlines harder",
            )
        },
        cost="L",
        needs=frozenset({"flow", "stabilised", "orientation"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.painting import CartoonDrawing

        self._painting = CartoonDrawing(setting, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._painting.apply(context, before, after)
