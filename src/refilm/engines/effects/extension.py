"""A larger frame around a picture: the whole picture stays, and what is added shows it mirrored and strongly blurred.

This fills a shape; it does not imagine what the camera did not see.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

import numpy as np

from refilm.engines.effects.context import TimedPlanes
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Buffer, Plane, Planes
from refilm.media.geometry import MAX_PIXELS, Size, even, even_size

#: The bands are made at this fraction of the size, which is already a part of the blur.
_SMALLER = 8
#: Radius of the blur as a share of the picture's shorter side, and the width over which the sharp mirror fades into it.
_BLUR, _FADE = 0.045, 0.035


def extended_sizes(size: Size, aspect: Fraction) -> tuple[Size, Size]:
    """(size of the picture, size of the frame around it), both even, the frame of shape `aspect` (width / height).

    The picture keeps `size` unless the frame would have more than MAX_PIXELS; then both shrink. A shape that differs
    by no more than 2 pixels counts as reached: both sizes are then the same.
    """
    outer = _around(size, aspect)
    if outer[0] * outer[1] > MAX_PIXELS:
        # One part in a thousand to spare: sides are rounded to even afterwards.
        shrink = Fraction(int(1000 * (MAX_PIXELS / (outer[0] * outer[1])) ** 0.5) - 1, 1000)
        size = even_size((int(size[0] * shrink), int(size[1] * shrink)))
        outer = _around(size, aspect)
    if outer[0] - size[0] <= 2 and outer[1] - size[1] <= 2:
        outer = size
    return size, outer


def _around(size: Size, aspect: Fraction) -> Size:
    """The smallest even frame of shape `aspect` that holds all of `size`."""
    width, height = size
    return max(width, even(height * aspect)), max(height, even(width / aspect))


class FrameEditor(Protocol):
    """Whatever edits frames in order, such as an `executor.Executor`."""

    def process(self, before: TimedPlanes, after: Planes) -> None: ...


class Extension:
    """Lays pictures of one size into the middle of frames of a larger one. Keeps nothing from frame to frame."""

    def __init__(self, inner: Size, outer: Size, *, black: bool = False) -> None:
        """inner, outer: (width, height), even; they differ in one direction only, but for a rounded pixel pair.

        black: whether what is added is black.
        """
        self._black = black
        self._left, self._top = ((large - small) // 4 * 2 for large, small in zip(outer, inner, strict=True))
        self._fade = even(min(inner) * _FADE)
        self._small = (max(2, inner[0] // _SMALLER), max(2, inner[1] // _SMALLER))
        self._blur = max(0.8, min(inner) * _BLUR / _SMALLER)

    def fill(self, picture: Planes, frame: Planes) -> None:
        """Fill `frame` with `picture` in its middle and bands beside it, blurred or black."""
        if self._black:
            _lay_on_black(picture, frame, self._left, self._top)
            return
        for part, small, whole in ((1, picture.y, frame.y), (2, picture.u, frame.u), (2, picture.v, frame.v)):
            self._lay(small, whole, self._left // part, self._top // part, self._fade // part)

    def _lay(self, picture: Plane, frame: Plane, left: int, top: int, fade: int) -> None:
        """One plane: the blurred mirror everywhere, the picture in the middle, and between them a soft edge."""
        height, width = frame.shape
        cv2.resize(self._blurred(picture, frame, left, top), (width, height), dst=frame)
        frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        if left:
            _soften_edges(frame, picture, left, fade)
        if top:
            _soften_edges(frame.T, picture.T, top, fade)

    def _blurred(self, picture: Plane, frame: Plane, left: int, top: int) -> Plane:
        """The picture made small, mirrored outwards to the frame's shape, and blurred."""
        across, down = self._small[0] / picture.shape[1], self._small[1] / picture.shape[0]
        right, bottom = frame.shape[1] - picture.shape[1] - left, frame.shape[0] - picture.shape[0] - top
        edges = (round(top * down), round(bottom * down), round(left * across), round(right * across))
        small = cv2.resize(picture, self._small, interpolation=cv2.INTER_AREA)
        mirrored = cv2.copyMakeBorder(small, *edges, cv2.BORDER_REFLECT)
        return np.asarray(cv2.GaussianBlur(mirrored, (0, 0), self._blur), np.uint8)


def _lay_on_black(picture: Planes, frame: Planes, left: int, top: int) -> None:
    for part, small, whole, level in (
        (1, picture.y, frame.y, 16),
        (2, picture.u, frame.u, 128),
        (2, picture.v, frame.v, 128),
    ):
        height, width = small.shape
        whole[:] = level
        whole[top // part : top // part + height, left // part : left // part + width] = small


def _soften_edges(frame: Plane, picture: Plane, begin: int, fade: int) -> None:
    """Let the sharp mirror left and right of the picture, which starts at column `begin`, fade into the blur."""
    end = begin + picture.shape[1]
    for outside, inside in (
        (frame[:, :begin][:, ::-1], picture),
        (frame[:, end:], picture[:, ::-1]),
    ):
        width = min(fade, outside.shape[1], inside.shape[1])
        share = 1 - (np.arange(width) + 0.5) / width
        mixed = share * inside[:, :width] + (1 - share) * outside[:, :width]
        outside[:, :width] = np.rint(mixed).astype(np.uint8)


class ExtendedEditor:
    """Edits a picture, then lays it into its larger frame."""

    def __init__(self, editor: FrameEditor, inner: Size, outer: Size, *, black: bool = False) -> None:
        self._editor = editor
        self._edited = Buffer.empty(inner)
        self._extension = Extension(inner, outer, black=black)

    def process(self, before: TimedPlanes, after: Planes) -> None:
        """Fill `after`, of the frame's size, from `before`, of the picture's size."""
        self._editor.process(before, self._edited)
        self._extension.fill(self._edited, after)
