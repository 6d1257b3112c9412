"""Eight-millimetre home movies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Film8mm(ColourOperator, FrameOperator):
    """Eight-millimetre home movies; see `old_film` for the projector."""

    spec = OperatorSpec(
        name="film_8mm",
        title="8 mm film",
        summary=(
            "A home movie from the attic: warm, faded colours, coarse grain, a picture that weaves and flickers, dust, "
            "hairs and scratches, and a gate with round corners."
        ),
        stage="medium",
        parameters={"strength": Parameter(1.0, 0.3, 1.5, "how old the film looks")},
        cost="M",
        noise="noisy",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.old_film import OldFilm

        self.strength = setting.number("strength")
        self._film = OldFilm(setting, self.strength)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, clip, luma, s_curve, saturate

        grey = luma(rgb)
        # The blue dye fades first: yellow whites, brown blacks.
        faded = saturate(rgb * (1.08, 1.0, 0.82) + (0.045, 0.022, 0.0), 0.74)
        faded = faded + (1 - grey) ** 2 * (0.050, 0.024, 0.0) - grey**2 * (0.0, 0.012, 0.075)
        return blend(rgb, s_curve(clip(faded), 1.12) * 0.94 + 0.03, min(1.15, 0.25 + 0.75 * self.strength))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._film.apply(context, before, after)
