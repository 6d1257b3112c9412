"""A shaky camera made steady."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Stabilise(FrameOperator):
    """A shaky camera made steady; see `camera_path` for what is measured and `steadying` for what is moved."""

    spec = OperatorSpec(
        name="stabilise",
        title="Stabilise",
        summary=(
            "Steadies a shaky camera: follows its path through the clip, smooths it and moves each frame to it. The "
            "picture is enlarged a little, so that no border shows; slow pans stay."
        ),
        stage="geometry",
        parameters={"strength": Parameter(1.0, 0.3, 1.5, "how long the camera's sway may be that is smoothed away")},
        cost="M",
        needs=frozenset({"path"}),
        spans=False,
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.camera_path import find_path
        from refilm.engines.effects.steadying import Steadying

        path = find_path([], []) if setting.path is None else setting.path
        self._steadying = Steadying(setting, path, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._steadying.apply(float(context.source.time), before, after)
