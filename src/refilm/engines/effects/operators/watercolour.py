"""A watercolour painting: washes that pool at edges, on grained paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Watercolour(FrameOperator):
    """A watercolour painting: washes that pool at edges, on grained paper."""

    spec = OperatorSpec(
        name="watercolour",
        title="Watercolour",
        summary="Paints every frame in watercolour: soft washes, darker where they dry at an edge, on grained paper.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0, 0.3, 1.5, "how far the painting goes: less keeps more of the photograph, more runs wetter"
            )
        },
        cost="L",
        needs=frozenset({"flow", "stabilised", "orientation"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.painting import WatercolourPainting

        self._painting = WatercolourPainting(setting, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._painting.apply(context, before, after)
