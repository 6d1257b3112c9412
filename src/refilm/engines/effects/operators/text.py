"""Words over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import FrameOperator, OperatorSpec, Parameter, Setting

if TYPE_CHECKING:
    from refilm.engines.effects.context import Context
    from refilm.engines.effects.planes import Planes

_POSITIONS = (
    "top", "centre", "bottom", "top left", "top right", "left", "right", "bottom left", "bottom right",
)  # fmt: skip


class Text(FrameOperator):
    """Words over the picture; see `lettering`."""

    spec = OperatorSpec(
        name="text",
        title="Text",
        summary=(
            "Lays words over the picture, white with a dark edge and a soft shadow, in lines that fit the frame. Latin "
            "letters with all accents of Vietnamese and of Europe, Greek, Cyrillic, kana and the usual Chinese "
            "characters can be written."
        ),
        stage="overlay",
        parameters={
            "words": Parameter("Hello, world", longest=120, meaning="what is written"),
            "position": Parameter("bottom", choices=_POSITIONS, meaning="where in the frame it stands"),
            "size": Parameter("medium", choices=("small", "medium", "large"), meaning="how large the letters are"),
        },
        cost="S",
    )

    def prepare(self, setting: Setting) -> None:
        from refilm.engines.effects.lettering import Lettering

        words, position, size = (str(setting.parameters[name]) for name in ("words", "position", "size"))
        self._lettering = Lettering(setting, words, size, position)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        self._lettering.apply(before, after)
