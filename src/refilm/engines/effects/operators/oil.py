"""An oil painting: thick strokes along the forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Oil(FrameOperator):
    """An oil painting: thick strokes along the forms."""

    spec = OperatorSpec(
        name="oil",
        title="Oil painting",
        summary="Paints every frame in oil: strokes along the forms, broad where it is calm, thick enough to shine.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0, 0.3, 1.5, "how far the painting goes: less keeps more of the photograph, more lays it on thicker"
            )
        },
        cost="L",
        noise="noisy",
        needs=frozenset({"flow", "motion", "stabilised", "orientation"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.oil import OilPainting

        self._painting = OilPainting(setting, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._painting.apply(context, before, after)
