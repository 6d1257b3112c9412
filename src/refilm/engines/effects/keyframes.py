"""The colours of guidance pictures on their stretches of a clip, blended from one to the next.

Each keyframe becomes one table: the map from the colours that the clip has at the keyframe's moment to those of its
picture. Between two keyframes a frame is graded by both tables and the results are mixed. Only colours: what a
picture shows, and where, has no effect. Memory: 6 MB a keyframe and one frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from refilm.engines.effects.context import Context, TimedPlanes
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Buffer, Planes, copy
from refilm.engines.effects.timeline import Stretch, Timeline
from refilm.engines.effects.transfer import ColourTransfer, sample_picture
from refilm.engines.effects.yuv_table import YuvTable

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from refilm.engines.effects.colour import Colours
    from refilm.engines.effects.executor import Executor

#: How far towards a picture's colours, and how much of the clip's lightness stays. More than a reference picture gets:
#: a keyframe is most often a frame of the clip itself, edited, so that its light is meant too.
STRENGTH, KEPT_LIGHTNESS = 1.0, 0.1


@dataclass(frozen=True)
class KeyframeLook:
    """The map from the clip's colours to those of a keyframe's picture, as a function and baked into a table."""

    colour: ColourTransfer
    table: YuvTable


def keyframe_look(picture: NDArray[np.uint8], source: Colours, setting: Setting) -> KeyframeLook:
    """The look that gives frames the colours of a keyframe's picture. About 0.4 s.

    picture: (h, w, 3) uint8 RGB.  source: (n, 3) colours, 0..1, of the clip around the keyframe's moment.
    """
    wanted = sample_picture(picture, setting.seed)
    colour = ColourTransfer(source, wanted, STRENGTH, setting.seed, KEPT_LIGHTNESS)
    return KeyframeLook(colour, YuvTable(colour, setting.matrix))


class KeyframeColours:
    """The first pass over each frame: the colours of the keyframes that govern its moment."""

    def __init__(self, timeline: Timeline, looks: Sequence[KeyframeLook], size: tuple[int, int]) -> None:
        """looks: one for each keyframe, in the request's order.  size: (width, height) of the frames."""
        self._timeline, self._looks = timeline, looks
        self._other = Buffer.empty(size)

    def coloured(self, time: Fraction, colours: Colours) -> Colours:
        """What becomes of `colours`, (n, 3) RGB 0..1, shown at `time`, or at the edge of a range that lies near it."""
        share = self._timeline.nearest(time).share(time)
        first, second = (np.clip(self._looks[place].colour(colours), 0, 1) for place in (share.first, share.second))
        return np.asarray(first + share.share * (second - first))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the coloured `before`; they may be the same planes."""
        stretch = self._timeline.at(context.source.time)
        if stretch is None:
            copy(before, after)
            return
        share = stretch.share(context.source.time)
        if share.share > 0:
            self._looks[share.second].table.apply(before, self._other)
        self._looks[share.first].table.apply(before, after)
        if share.share > 0:
            _mix(after, self._other, share.share)


def _mix(after: Planes, other: Planes, share: float) -> None:
    for one, two in ((after.y, other.y), (after.u, other.u), (after.v, other.v)):
        cv2.addWeighted(one, 1 - share, two, share, 0, dst=one)


class RangedExecutor:
    """Edits only the frames inside the keyframes' ranges; all others it copies bit for bit.

    Each stretch begins afresh, as a clip of its own does: nothing remembered from before a gap applies after it.
    Every stretch therefore prepares the plan anew: 10 to 90 ms, 0.35 s for watercolour and reference colours.
    """

    def __init__(self, timeline: Timeline, prepare: Callable[[], Executor]) -> None:
        """prepare: makes the executor of one stretch; called when its first frame comes."""
        self._timeline, self._prepare = timeline, prepare
        self._stretch: Stretch | None = None
        self._executor: Executor | None = None

    def process(self, before: TimedPlanes, after: Planes) -> None:
        """Fill `after` with the edited `before`, or with `before` outside the ranges."""
        stretch = self._timeline.at(before.time)
        if stretch is None:
            self._executor = None
            copy(before, after)
            return
        if self._executor is None or stretch is not self._stretch:
            self._stretch, self._executor = stretch, self._prepare()
        self._executor.process(before, after)
