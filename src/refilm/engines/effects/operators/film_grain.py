"""The grain of photographic film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes


class FilmGrain(FrameOperator):
    """The grain of photographic film."""

    spec = OperatorSpec(
        name="film_grain",
        title="Film grain",
        summary="Soft grain, new in every frame and strongest in the mid-tones, like photographic film.",
        stage="medium",
        parameters={"amount": Parameter(1.0, 0.2, 2.5, "how strong the grain is")},
        cost="M",
        noise="noisy",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.finish import Grain

        self._grain = Grain(setting, setting.number("amount"))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._grain.apply(context.index, before, after)
