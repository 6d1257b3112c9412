"""Frames between two frames: what moves is found half-way between where it was and where it will be.

Optical flow (DIS, Kroeger et al. 2016) is measured both ways on the painting grid, and each is carried to the moment
between: a pixel there looks up, in a few steps of a fixed-point iteration, the movement that leads through it. Of the
two the one counts, pixel by pixel, under which the two frames look more alike. Both frames are moved along it and
mixed by their distance in time; where they still differ (what was hidden, what moves too fast), the nearer frame is
shown as it is, and two shots are never mixed. Holds the flows of one pair. About 75 ms a frame at 720p on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import TimedPlanes, analysis_size, is_cut, paint_size
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Plane, Planes, copy
from refilm.engines.effects.scaling import smaller

if TYPE_CHECKING:
    Flow = NDArray[np.float32]

_Layer = TypeVar("_Layer", NDArray[np.uint8], NDArray[np.float32])

#: Steps of the iteration that carries a flow to a moment between.
_STEPS = 3
#: Levels of difference, averaged around a pixel, from which the moved frames begin to give way to the nearer one, and
#: at which they have. Found on footage: lower ones make what moves jump, higher ones leave ghosts.
_DOUBT, _DISBELIEF = 20.0, 60.0
_AROUND = 2.0


class Inbetween:
    """Makes frames between two of one clip's. See `media.retiming.Between`."""

    def __init__(self, size: tuple[int, int]) -> None:
        """size: (width, height) of the frames."""
        # One OpenCV thread: the decoder and x264 already keep the other cores busy.
        cv2.setNumThreads(1)
        self._finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._finder.setFinestScale(1)
        self._small, self._smallest = paint_size(size), analysis_size(size)
        self._places = {each: _places(each) for each in (size, self._small, (size[0] // 2, size[1] // 2))}
        self._pair: _Pair | None = None

    def __call__(self, before: TimedPlanes, after: TimedPlanes, share: float, made: Planes) -> None:
        """Fill `made` with what lies `share` of the way, 0..1, from `before` to `after`, neighbours in a clip."""
        if self._pair is None or self._pair.index != before.index:
            self._pair = self._look(before, after)
        nearer = before if share <= 0.5 else after
        if self._pair.cut:
            copy(nearer, made)
            return
        flow = self._pair.flow_at(share, self._places[self._small])
        doubt = self._luma(before, after, share, flow, made.y)
        _give_way(made.y, nearer.y, doubt)
        doubt = np.asarray(cv2.resize(doubt, made.u.shape[::-1], interpolation=cv2.INTER_AREA))
        for one, two, near, new in ((before.u, after.u, nearer.u, made.u), (before.v, after.v, nearer.v, made.v)):
            moved = self._moved(one, two, share, flow, cv2.INTER_LINEAR)
            cv2.addWeighted(moved[0], 1 - share, moved[1], share, 0, dst=new)
            _give_way(new, near, doubt)

    def _look(self, before: TimedPlanes, after: TimedPlanes) -> _Pair:
        first, second = smaller(before.y, self._small), smaller(after.y, self._small)
        forth, back = self._finder.calc(first, second, None), self._finder.calc(second, first, None)
        scale = np.float32(self._smallest[0] / self._small[0])
        rough = cv2.resize(back, self._smallest, interpolation=cv2.INTER_AREA) * scale
        cut = is_cut(smaller(second, self._smallest), smaller(first, self._smallest), rough)
        return _Pair(before.index, cut, first, second, forth, back)

    def _luma(self, before: Planes, after: Planes, share: float, flow: Flow, made: Plane) -> NDArray[np.float32]:
        """Fill the luma with the mixture; returns how much it is to be doubted, 0..1."""
        one, two = self._moved(before.y, after.y, share, flow, cv2.INTER_CUBIC)
        cv2.addWeighted(one, 1 - share, two, share, 0, dst=made)
        difference = cv2.resize(cv2.absdiff(one, two), self._small, interpolation=cv2.INTER_AREA).astype(np.float32)
        difference = cv2.GaussianBlur(difference, (0, 0), _AROUND)
        doubt = np.clip((difference - _DOUBT) / (_DISBELIEF - _DOUBT), 0, 1)
        return np.asarray(cv2.resize(doubt, made.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)

    def _moved(self, one: Plane, two: Plane, share: float, flow: Flow, sampling: int) -> tuple[Plane, Plane]:
        """The two planes, each moved along the flow to the moment between."""
        size = one.shape[1], one.shape[0]
        if size != self._small:
            flow = cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR) * np.float32(size[0] / self._small[0])
        places = self._places[size]
        return _fetch(one, places, flow * np.float32(-share), sampling), _fetch(
            two, places, flow * np.float32(1 - share), sampling
        )


class _Pair:
    """What is known of two neighbouring frames.  cut: whether they show different shots."""

    def __init__(self, index: int, cut: bool, first: Plane, second: Plane, forth: Flow, back: Flow) -> None:
        """first, second: their small lumas.  forth, back: flow from the first to the second, and the other way."""
        self.index, self.cut = index, cut
        self._first, self._second = first, second
        self._forth, self._back = forth, back

    def flow_at(self, share: float, places: Flow) -> Flow:
        """(h, w, 2) pixels of the small grid: how each pixel of the moment between moves, from the first frame to the
        second.
        """
        forth = _carried(self._forth, places, -share)
        back = -_carried(self._back, places, share - 1)
        better = self._mistake(forth, share, places) <= self._mistake(back, share, places)
        return np.where(better[..., None], forth, back)

    def _mistake(self, flow: Flow, share: float, places: Flow) -> NDArray[np.float32]:
        """How much the two frames differ around each pixel once both are moved along the flow, levels."""
        one = _fetch(self._first, places, flow * np.float32(-share), cv2.INTER_LINEAR)
        two = _fetch(self._second, places, flow * np.float32(1 - share), cv2.INTER_LINEAR)
        return np.asarray(cv2.GaussianBlur(cv2.absdiff(one, two).astype(np.float32), (0, 0), _AROUND), np.float32)


def _places(size: tuple[int, int]) -> Flow:
    """(h, w, 2): every pixel's own column and row."""
    columns, rows = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    return np.dstack([columns, rows])


def _carried(flow: Flow, places: Flow, share: float) -> Flow:
    """A flow measured at one frame, as it is `share` of it later: found where the pixels came from."""
    carried = flow
    for _ in range(_STEPS):
        carried = _fetch(flow, places, carried * np.float32(share), cv2.INTER_LINEAR)
    return carried


def _fetch(picture: _Layer, places: Flow, away: Flow, sampling: int) -> _Layer:
    """The picture's values `away` from each place."""
    fetched: _Layer = cv2.remap(picture, places + away, None, sampling, borderMode=cv2.BORDER_REPLICATE)
    return fetched


def _give_way(plane: Plane, nearer: Plane, doubt: NDArray[np.float32]) -> None:
    """Let the nearer frame's plane come through as far as the mixture is doubted."""
    if doubt.max() > 0:
        plane[...] = np.rint(plane + (nearer.astype(np.float32) - plane) * doubt)
