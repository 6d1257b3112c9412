"""Darker corners, as an old lens draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Vignette(FrameOperator):
    """Darker corners, as an old lens draws them."""

    spec = OperatorSpec(
        name="vignette",
        title="Vignette",
        summary="Darkens the corners smoothly and leaves the middle alone.",
        stage="lens",
        parameters={"amount": Parameter(0.6, 0.1, 1.2, "how dark the corners become")},
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.finish import Shading

        self._shading = Shading(setting.size, setting.number("amount"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._shading.apply(before, after)
