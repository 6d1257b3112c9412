"""Fog that thickens with the distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Fog(ColourOperator, FrameOperator):
    """Fog that thickens with the distance and drifts; see `mist` for how the distance is guessed."""

    spec = OperatorSpec(
        name="fog",
        title="Fog",
        summary=(
            "Drifting fog, thicker far away. How far a place is can only be guessed from the picture: it works for "
            "landscapes and streets, and is a plain haze on faces close by."
        ),
        stage="weather",
        parameters={"density": Parameter(1.0, 0.2, 2.5, "how thick the fog is")},
        cost="M",
        needs=frozenset({"flow", "motion"}),
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.mist import Mist

        self.density = setting.number("density")
        self._mist = Mist(setting, self.density)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, saturate

        # No sun comes through: pale, flat light even on what is near.
        pale = (saturate(rgb, 0.62) - 0.5) * 0.86 + 0.49
        return blend(rgb, pale, 0.5 + 0.4 * min(1.6, self.density))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        from refilm.engines.effects.planes import copy

        copy(before, after)
        self._mist.apply(context, after)
