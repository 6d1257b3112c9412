"""A printed comic: ink, flat colours and dots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Comic(FrameOperator):
    """A printed comic: ink, flat colours and dots."""

    spec = OperatorSpec(
        name="comic",
        title="Comic",
        summary="Prints every frame as a comic: heavy ink, strong flat colours, and printer's dots in the mid-tones.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0, 0.3, 1.5, "how far the print goes: less keeps more of the photograph, more inks harder"
            )
        },
        cost="L",
        noise="noisy",
        needs=frozenset({"flow", "motion", "stabilised", "orientation"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.comic import ComicPrint

        self._print = ComicPrint(setting, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._print.apply(context, before, after)
