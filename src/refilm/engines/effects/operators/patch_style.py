"""The brushwork of a reference picture on the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class PatchStyle(FrameOperator):
    """The brushwork and colours of a reference picture on the clip; see `patchwork` for the algorithm."""

    spec = OperatorSpec(
        name="patch_style",
        title="Style of the reference",
        summary="Repaints every frame with the brushwork and colours of a reference picture, a painting best of all.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0, 0.3, 1.5, "how far the repainting goes: less keeps more of the clip, more leaves it to the picture"
            ),
            "reference": Parameter(0.0, 0.0, 0.0, "which of the request's pictures, counted from 0"),
        },
        cost="XL",
        needs=frozenset({"flow", "stabilised", "reference"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.patchwork import PatchPainting

        picture = setting.references[int(setting.number("reference"))]
        self._painting = PatchPainting(setting, picture, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._painting.apply(context, before, after)
