"""The picture turned by quarters."""

from __future__ import annotations

from refilm.engines.effects.operator import OperatorSpec, Parameter, Setting, ShapeOperator


class Rotate(ShapeOperator):
    """The picture turned by quarters; see `framing`."""

    spec = OperatorSpec(
        name="rotate",
        title="Rotate",
        summary="Turns the picture by a quarter, a half or three quarters; a wide clip becomes a tall one.",
        stage="geometry",
        parameters={"degrees": Parameter(90, choices=(90, 180, 270), meaning="how far it is turned, clockwise")},
        cost="S",
        spans=False,
    )

    def prepare(self, setting: Setting) -> None:
        self.turns = int(setting.number("degrees")) // 90
