"""The picture the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Mirror(FrameOperator):
    """The picture the other way round."""

    spec = OperatorSpec(
        name="mirror",
        title="Mirror",
        summary="Swaps left and right, or top and bottom; writing becomes mirror writing.",
        stage="geometry",
        parameters={
            "direction": Parameter(
                "horizontal",
                choices=("horizontal", "vertical"),
                meaning="horizontal swaps left and right, vertical turns the picture upside down in a mirror",
            )
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        self._axis = 1 if setting.parameters["direction"] == "horizontal" else 0

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        import numpy as np

        for old, new in ((before.y, after.y), (before.u, after.u), (before.v, after.v)):
            # numpy sees that source and target overlap, and copies first.
            np.copyto(new, np.flip(old, self._axis))
