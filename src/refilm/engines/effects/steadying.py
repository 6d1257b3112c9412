"""Moves each frame so that the camera seems to go a steady way. Knows the path that was measured before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from refilm.engines.effects.camera_path import VISIBLE, CameraPath, Numbers, backwards, shift, zooms
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes

#: Frames whose time differs by less, seconds, are the same frame.
_SAME = 1e-3


@dataclass(frozen=True)
class Correction:
    """How much there is to correct in a clip, for its task's record.

    shake: the quick part of the camera's unsteadiness.  usual, most: how far frames are moved.  All in pixels of
    `size`, by root of the mean square, `most` of the one frame that is moved farthest.  zoom: of the shot that needs
    most.
    """

    shake: float
    usual: float
    most: float
    zoom: float
    size: tuple[int, int]

    @classmethod
    def of(cls, path: CameraPath, strength: float, size: tuple[int, int]) -> Correction:
        corrections = path.corrections(strength)
        most = max((shift(row[None], size) for row in corrections), default=0.0)
        zoom = float(zooms(corrections, path.shots, size).max(initial=1.0))
        return cls(shift(path.shake, size), shift(corrections, size), most, zoom, size)

    @property
    def visible(self) -> bool:
        """Whether anybody sees the camera shake."""
        return self.shake >= VISIBLE * min(self.size)

    def __str__(self) -> str:
        if not self.visible:
            return f"The camera is steady already: it shakes by {self.shake:.2f} pixels."
        return (
            f"The camera was steadied: it shook by {self.shake:.1f} pixels (root mean square); frames were moved by "
            f"{self.usual:.1f} pixels, {self.most:.1f} at most, and enlarged by {100 * (self.zoom - 1):.0f} % so that "
            "no border shows."
        )


class Steadying:
    """Warps the frames of one clip. Keeps four numbers for each of its frames, and nothing from frame to frame."""

    def __init__(self, setting: Setting, path: CameraPath, strength: float) -> None:
        """path: of the clip, measured on pictures of the setting's shape."""
        self._size = setting.size
        self._times, self._shots = path.times, path.shots
        self._corrections = path.corrections(strength)
        self._zooms = zooms(self._corrections, path.shots, setting.size)

    def apply(self, time: float, before: Planes, after: Planes) -> None:
        """Fill `after` with the frame shown at `time` of the source's clock; they may be the same planes."""
        correction, zoom = self._at(time)
        matrix = backwards(correction, zoom)
        offset = matrix @ (-correction[:2] * self._size) * zoom
        # Bicubic keeps the luma crisp under the small zoom; nobody sees it in the chroma.
        _warp(before.y, after.y, matrix, offset, cv2.INTER_CUBIC)
        _warp(before.u, after.u, matrix, offset / 2, cv2.INTER_LINEAR)
        _warp(before.v, after.v, matrix, offset / 2, cv2.INTER_LINEAR)

    def _at(self, time: float) -> tuple[Numbers, float]:
        """The correction and the zoom at a time: between two frames of one shot, what lies between theirs."""
        if not len(self._times):
            return np.zeros(4), 1.0  # nobody looked where the camera went
        after = int(np.clip(np.searchsorted(self._times, time - _SAME), 0, len(self._times) - 1))
        before = max(0, after - 1)
        if self._times[after] - time <= _SAME:
            before = after
        elif self._shots[before] != self._shots[after]:
            after = before
        gap = self._times[after] - self._times[before]
        share = float(np.clip((time - self._times[before]) / gap, 0, 1)) if gap > 0 else 1.0
        mixed = (1 - share) * self._corrections[before] + share * self._corrections[after]
        return mixed, float(self._zooms[after])


def _warp(before: Plane, after: Plane, matrix: Numbers, offset: Numbers, interpolation: int) -> None:
    """Fill `after`: its place p, counted from the middle, shows the place matrix p + offset of `before`."""
    height, width = before.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    whole = np.column_stack([matrix, middle + offset - matrix @ middle])
    flags = interpolation | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(before, whole, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    np.copyto(after, moved)
