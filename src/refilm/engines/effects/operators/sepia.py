"""The brown of old photographic prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import ColourOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.operator import Colours


class Sepia(ColourOperator):
    """The brown of old photographic prints."""

    spec = OperatorSpec(
        name="sepia",
        title="Sepia",
        summary="Tones the picture brown, like an old print.",
        stage="grade",
        parameters={
            "strength": Parameter(1.0, 0.0, 1.5, "1 is a full print; less keeps some colour, more deepens the brown"),
        },
        cost="S",
        subsumes=frozenset({"black_and_white", "saturation"}),
    )

    def prepare(self, setting: Setting) -> None:
        self.strength = setting.number("strength")

    def colour(self, rgb: Colours) -> Colours:
        from refilm.engines.effects.colour import clip, luma, s_curve

        tone = s_curve(luma(rgb), 1.12)
        deep = max(1.0, self.strength)
        # Brown lives in the middle: shadows stay near black and paper stays near cream.
        middle = 4 * tone * (1 - tone)
        print_ = tone * (1.03, 0.93, 0.77) + 0.02 + deep * middle * (0.055, 0.0, -0.075)
        return clip(rgb + min(1.0, self.strength) * (print_ - rgb))
