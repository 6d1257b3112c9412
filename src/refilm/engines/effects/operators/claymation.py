"""A clay animation: rounded lumps with fingerprints, moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class Claymation(FrameOperator):
    """A clay animation: rounded lumps with fingerprints, moved by hand."""

    spec = OperatorSpec(
        name="claymation",
        title="Claymation",
        summary="Models every frame in clay: rounded, fingerprinted lumps, posed twelve times a second as by hand.",
        stage="style",
        parameters={
            "strength": Parameter(
                1.0, 0.3, 1.5, "how far the modelling goes: less keeps more of the photograph, more rounds it harder"
            )
        },
        cost="L",
        needs=frozenset({"flow", "motion", "stabilised", "orientation"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.clay import ClayModel

        self._model = ClayModel(setting, setting.number("strength"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._model.apply(context, before, after)
