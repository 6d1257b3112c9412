"""The colours of a reference picture on the clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class ColorTransfer(ColourOperator):
    """The colours of a reference picture on the clip; see `transfer` for the algorithm."""

    spec = OperatorSpec(
        name="color_transfer",
        title="Reference colours",
        summary="Gives the clip the palette and mood of a reference picture; shapes and textures stay the clip's own.",
        stage="grade",
        parameters={
            "strength": Parameter(0.85, 0.0, 1.5, "how far towards the picture's colours"),
            "reference": Parameter(0.0, 0.0, 0.0, "which of the request's pictures, counted from 0"),
        },
        cost="S",
        needs=frozenset({"samples", "reference"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.transfer import ColourTransfer, sample_picture

        picture = setting.references[int(setting.number("reference"))]
        wanted = sample_picture(picture, setting.seed)
        self._transfer = ColourTransfer(setting.samples(), wanted, setting.number("strength"), setting.seed)

    def colour(self, rgb: Colours) -> Colours:
        return self._transfer(rgb)
