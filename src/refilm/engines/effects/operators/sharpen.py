"""Crisper edges and fine detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Sharpen(FrameOperator):
    """Crisper edges and fine detail, without halos and without noise in flat areas."""

    spec = OperatorSpec(
        name="sharpen",
        title="Sharpen",
        summary="Makes edges and fine detail crisper; flat areas and their noise are left alone.",
        stage="lens",
        parameters={"amount": Parameter(0.5, 0.1, 1.5, "how much crisper")},
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.lens import Sharpening

        self._sharpening = Sharpening(setting, setting.number("amount"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._sharpening.apply(before, after)
