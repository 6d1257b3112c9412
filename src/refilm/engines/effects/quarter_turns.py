"""Frames turned by quarters before they are edited, so that snow falls down and text stands upright afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from refilm.engines.effects.context import TimedPlanes
from refilm.engines.effects.extension import FrameEditor
from refilm.engines.effects.planes import Buffer, Plane, Planes


@dataclass(frozen=True)
class _Turned(Buffer):
    """A turned picture in the place of a source frame."""

    index: int
    time: Fraction
    shown_at: Fraction


class TurnedEditor:
    """Turns each frame, then hands it to an editor of the turned size."""

    def __init__(self, editor: FrameEditor, turns: int) -> None:
        """turns: quarters clockwise, 1 to 3."""
        self._editor, self._turns = editor, turns

    def process(self, before: TimedPlanes, after: Planes) -> None:
        """Fill `after`, of the turned size, from `before`."""
        y, u, v = (turned(plane, self._turns) for plane in (before.y, before.u, before.v))
        self._editor.process(_Turned(y, u, v, before.index, before.time, before.shown_at), after)


def turned(plane: Plane, turns: int) -> Plane:
    """A copy of the plane, turned by quarters clockwise; the plane itself where it is not turned."""
    return np.ascontiguousarray(np.rot90(plane, -turns)) if turns else plane
