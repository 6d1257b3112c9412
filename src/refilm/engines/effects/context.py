"""What operators may know about the clip around the frame they work on: motion, cuts, time. Each is found once per
frame, and only where somebody asks.

All of it is measured on the source, before any operator: a grade or falling snow must not be mistaken for movement.
Optical flow is OpenCV's DIS (Kroeger et al. 2016) on a quarter-size luma. Holds two small pictures, no frame.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Plane, Planes
from refilm.engines.effects.scaling import smaller
from refilm.engines.effects.surfaces import settled

if TYPE_CHECKING:
    Flow = NDArray[np.float32]

_Layer = TypeVar("_Layer", NDArray[np.uint8], NDArray[np.float32])

#: Mean luma difference from which two frames may belong to different shots, and what must remain of it after motion
#: is accounted for. Levels of 8 bit.
_CUT_DIFFERENCE, _CUT_REMAINDER = 26.0, 20.0


class TimedPlanes(Planes, Protocol):
    """Planes that know their place in the clip. `media.frame.Frame` is one.

    time: the moment of the source that they show.  shown_at: when they are shown, which is another moment in a clip
    that runs slower, faster or backwards. Both seconds since the first frame.
    """

    @property
    def index(self) -> int: ...

    @property
    def time(self) -> Fraction: ...

    @property
    def shown_at(self) -> Fraction: ...


def paint_divisor(size: tuple[int, int]) -> int:
    """How many times smaller than the frame painterly operators work: 1, 2 or 4.

    The painting then has 180 to 540 rows (or columns) whatever the clip, so that brushes scale with the picture.
    """
    short = min(size)
    if short <= 400:
        return 1
    return 2 if short <= 1200 else 4


def paint_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of the grid that painterly operators work on."""
    divisor = paint_divisor(size)
    return (size[0] + divisor - 1) // divisor, (size[1] + divisor - 1) // divisor


def analysis_size(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of flow, masks and orientation: half the painting grid, rounded up."""
    width, height = paint_size(size)
    return (width + 1) // 2, (height + 1) // 2


class Context:
    """The frame that is being worked on, and what is known around it. Frames come in order, one `start` each."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        self.size = size
        self.seed = seed
        self.analysis_size = analysis_size(size)
        self._flow_finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow_finder.setFinestScale(2)
        self._fine_finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._fine_finder.setFinestScale(1)
        self._fine_finder.setVariationalRefinementIterations(2)
        self._small: Plane | None = None
        self._motion = (0.0, 0.0)
        self._asked = False

    def start(self, source: TimedPlanes) -> None:
        """Begin with the next frame as it was decoded. Its planes must stay as they are until the next `start`."""
        self.source = source
        self.index = source.index
        # Snow falls as fast in slow motion: what moves by itself follows the clock of who watches.
        self.time = float(source.shown_at)
        self._previous = self._small if self._asked else None
        self._small = None
        self._looked = False
        self._flow: Flow | None = None
        self._fine_flow: Flow | None = None
        self._cut = False

    @property
    def small_luma(self) -> Plane:
        """The source's luma at `analysis_size`, (height, width)."""
        if self._small is None:
            self._small = smaller(self.source.y, self.analysis_size)
        return self._small

    @property
    def flow(self) -> Flow | None:
        """(height, width, 2) at `analysis_size`: from each pixel to where it was in the frame before, in its pixels.
        None for the first frame of the clip and of each shot.
        """
        self._look()
        return self._flow

    @property
    def fine_flow(self) -> Flow | None:
        """As `flow`, more exact and seven times as dear: for what carries a texture along, where a tenth of a pixel in
        each frame is seen as swimming. Even surfaces move as their surroundings do.
        """
        if self.flow is not None and self._fine_flow is None:
            self._fine_flow = settled(self._fine_finder.calc(self.small_luma, self._previous, None), self.small_luma)
        return self._fine_flow

    @property
    def cut(self) -> bool:
        """Whether this frame begins another shot, so that nothing remembered applies to it."""
        self._look()
        return self._cut

    @property
    def motion(self) -> tuple[float, float]:
        """How far the picture as a whole has moved, (right, down) in full-size pixels, since the shot began."""
        self._look()
        return self._motion

    def _look(self) -> None:
        if self._looked:
            return
        self._looked, self._asked = True, True
        current, previous = self.small_luma, self._previous
        if previous is None:
            return
        flow = self._flow_finder.calc(current, previous, None)
        self._cut = is_cut(current, previous, flow)
        if self._cut:
            self._motion = (0.0, 0.0)
            return
        self._flow = flow
        across, down = np.median(flow[::8, ::8].reshape(-1, 2), axis=0)
        factor = self.size[0] / self.analysis_size[0]
        self._motion = (self._motion[0] - float(across) * factor, self._motion[1] - float(down) * factor)


def follow(flow: Flow, picture: _Layer) -> _Layer:
    """`picture`, of the frame before, moved to where its pixels are now. Any (h, w) uint8 or float32."""
    height, width = picture.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved: _Layer = cv2.remap(
        picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def is_cut(current: Plane, previous: Plane, flow: Flow) -> bool:
    """Whether two neighbouring frames show different shots: they differ, and motion does not explain it."""
    if cv2.absdiff(current, previous).mean() <= _CUT_DIFFERENCE:
        return False
    return bool(cv2.absdiff(current, follow(flow, previous)).mean() > _CUT_REMAINDER)
