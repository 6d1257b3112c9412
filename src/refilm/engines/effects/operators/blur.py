"""The picture out of focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Blur(FrameOperator):
    """The whole picture out of focus, evenly."""

    spec = OperatorSpec(
        name="blur",
        title="Blur",
        summary="Softens the whole picture evenly, from slightly out of focus to shapes only.",
        stage="lens",
        parameters={"amount": Parameter(0.5, 0.1, 1.5, "how far out of focus")},
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        # At 720p: 1 pixel is barely soft, 6 hide a face, 22 leave shapes.
        self._radius = 12 * setting.number("amount") ** 1.4 * setting.scale

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.lens import blur

        blur(before, after, self._radius)
