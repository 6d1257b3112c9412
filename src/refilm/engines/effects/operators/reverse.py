"""The clip from its end to its beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refilm.engines.effects.operator import OperatorSpec, Setting, TimeOperator

if TYPE_CHECKING:
    from refilm.media.retiming import Retiming


class Reverse(TimeOperator):
    """The clip from its end to its beginning."""

    spec = OperatorSpec(
        name="reverse",
        title="Reverse",
        summary="Plays the clip backwards, from its last frame to its first, the sound with it.",
        stage="time",
        parameters={},
        cost="S",
        spans=False,
    )

    def prepare(self, setting: Setting) -> None:
        """There is nothing to be set."""

    @property
    def retiming(self) -> Retiming:
        from refilm.media.retiming import Retiming

        return Retiming(backwards=True)
