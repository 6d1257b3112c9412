"""A worn video cassette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.operator import Colours
    from refilm.engines.effects.planes import Planes


class Vhs(ColourOperator, FrameOperator):
    """A worn video cassette; see `tape` for its faults."""

    spec = OperatorSpec(
        name="vhs",
        title="VHS",
        summary=(
            "A worn video cassette: soft picture, smeared colours that lag behind, lines that tremble, noise, a band "
            "where the tracking slips rolling through, and torn lines at the bottom."
        ),
        stage="medium",
        parameters={"strength": Parameter(1.0, 0.3, 1.5, "how worn the cassette is")},
        cost="M",
        noise="noisy",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.tape import Tape

        self.strength = setting.number("strength")
        self._tape = Tape(setting, self.strength)

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import blend, saturate

        # Strong, slightly magenta colours; neither black nor white survives.
        return blend(rgb, saturate(rgb, 1.22) * (0.93, 0.885, 0.93) + (0.050, 0.040, 0.058), self.strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._tape.apply(context, before, after)
