"""Turning any decoded picture into the one form that is edited: yuv420p, 8 bit, limited range, upright, even, of a
chosen size with square pixels.

A picture that is already so passes through untouched and uncopied. Conversion happens once, in swscale, in YUV; crop,
quarter turns and mirrors are one copy of the planes. Knows nothing of files or time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc, Interpolation, VideoReformatter

from refilm.media import colour
from refilm.media.frame import Plane, plane_views
from refilm.media.geometry import Cover, Size, check_even, cover, display_size, swap
from refilm.media.pyav import side_data_of

#: Bicubic widens its kernel when it shrinks a picture, so it does not alias; the flags make all CPUs agree.
SCALING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True)
class Orientation:
    """How a player turns a decoded picture: transpose first, then mirror left-right (x) and top-bottom (y)."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def rotation(self) -> int:
        """The quarter turns without the mirror: degrees counter-clockwise, 0, 90, 180 or 270."""
        return 180 * self.mirror_y if not self.transpose else (90 if self.mirror_y else 270)

    def apply(self, plane: Plane) -> Plane:
        """The plane as shown, as a view."""
        shown = plane.T if self.transpose else plane
        return shown[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]


UPRIGHT = Orientation()


def orientation_of(picture: av.VideoFrame) -> Orientation:
    """The orientation in the picture's display matrix, the nearest multiple of a quarter turn.

    The matrix takes (x, y) to (a x + c y, b x + d y), x to the right and y down.
    """
    data: Any = side_data_of(picture).get("DISPLAYMATRIX")
    if data is None:
        return UPRIGHT
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    if abs(a) >= abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


class Upright:
    """Converts the pictures of one clip to one size and one matrix. One object per thread: it keeps a scaler."""

    def __init__(self, size: Size, matrix: str, source_matrix: str) -> None:
        """size: (width, height), even.  matrix: "709" or "601".  source_matrix: of pictures that do not say theirs."""
        check_even(size)
        self._size = size
        self._matrix = matrix
        self._source_matrix = source_matrix
        self._scaler = VideoReformatter()
        self._covers: dict[tuple[int, int, Fraction, bool], Cover] = {}

    def __call__(self, picture: av.VideoFrame, sample_aspect: Fraction = Fraction(1)) -> av.VideoFrame:
        """The picture in the one form; itself where it has that form already."""
        orientation = orientation_of(picture)
        cut = self._cover(picture, sample_aspect, orientation.transpose)
        converted = self._convert(picture, cut.scaled)
        if orientation == UPRIGHT and cut.scaled == self._size:
            return converted
        return self._lay_out(converted, cut, orientation)

    def _cover(self, picture: av.VideoFrame, sample_aspect: Fraction, transpose: bool) -> Cover:
        key = (picture.width, picture.height, sample_aspect, transpose)
        if key not in self._covers:
            coded = (picture.width, picture.height)
            target = swap(self._size) if transpose else self._size
            shown = display_size(coded, sample_aspect)
            if shown == coded and 0 <= coded[0] - target[0] <= 1 and 0 <= coded[1] - target[1] <= 1:
                self._covers[key] = Cover(coded, (0, 0))  # an odd row or column is cut off, not blurred away
            else:
                self._covers[key] = cover(shown, target)
        return self._covers[key]

    def _convert(self, picture: av.VideoFrame, size: Size) -> av.VideoFrame:
        """The picture in yuv420p, limited range, our matrix and `size`, still lying as it was decoded."""
        name = picture.format.name
        full = colour.is_full_range(name, picture.color_range)
        source = colour.scaler_matrix(picture, self._source_matrix)
        target = colour.scaler_target(self._matrix)
        same = name == "yuv420p" and not full and source == target
        if same and (picture.width, picture.height) == size:
            return picture
        if colour.is_hdr(picture.color_trc):
            return self._tone_map(picture, size)
        see_through = any(component.is_alpha for component in picture.format.components)
        converted = self._scaler.reformat(
            picture,
            width=size[0],
            height=size[1],
            format="yuva420p" if see_through else "yuv420p",
            src_colorspace=source,
            dst_colorspace=target,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=SCALING,
            threads=1,
        )
        return over_black(converted) if see_through else converted

    def _tone_map(self, picture: av.VideoFrame, size: Size) -> av.VideoFrame:
        """An HDR picture (PQ or HLG, BT.2020) as SDR in BT.709, by swscale's own tone and gamut mapping.

        swscale bakes a table for it first: some 4 s of one core per clip, then about 20 ms per megapixel.
        """
        if picture.color_primaries not in colour.KNOWN_PRIMARIES:
            picture.color_primaries = ColorPrimaries.BT2020
        return self._scaler.reformat(
            picture,
            width=size[0],
            height=size[1],
            format="yuv420p",
            src_colorspace=colour.scaler_matrix(picture, self._source_matrix),
            dst_colorspace=colour.scaler_target(self._matrix),
            src_color_range=ColorRange.JPEG if picture.color_range == ColorRange.JPEG else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            dst_color_trc=ColorTrc.BT709,
            dst_color_primaries=ColorPrimaries.BT709,
            interpolation=SCALING,
            threads=1,
        )

    def _lay_out(self, picture: av.VideoFrame, cut: Cover, orientation: Orientation) -> av.VideoFrame:
        """Cut the middle out and turn it, in one copy."""
        width, height = swap(self._size) if orientation.transpose else self._size
        left, top = cut.offset
        shown = av.VideoFrame(*self._size, "yuv420p")
        for index, (before, after) in enumerate(zip(plane_views(picture), plane_views(shown), strict=True)):
            by = 1 if index == 0 else 2
            part = before[top // by : (top + height) // by, left // by : (left + width) // by]
            after[...] = orientation.apply(part)
        return shown


def over_black(picture: av.VideoFrame) -> av.VideoFrame:
    """A yuva420p picture laid over black, as yuv420p. Its colours are taken as not premultiplied."""
    y, u, v, alpha = plane_views(picture)
    flat = av.VideoFrame(picture.width, picture.height, "yuv420p")
    opacity = alpha.astype(np.uint16)
    for before, after, black, cover_of in zip(
        (y, u, v), plane_views(flat), (16, 128, 128), (opacity, opacity[::2, ::2], opacity[::2, ::2]), strict=True
    ):
        after[...] = (before * cover_of + black * (255 - cover_of) + 127) // 255
    return flat
