"""One picture of a clip, as planes. Everything that edits works on this; nothing else of FFmpeg leaves the folder."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from refilm.media.pyav import plane_bytes

Plane = NDArray[np.uint8]


class Frame:
    """One upright picture in planar YUV 4:2:0, 8 bit, limited range (luma 16..235, chroma 16..240), even size.

    y: (height, width) uint8.  u, v: (height / 2, width / 2) uint8. They are views of the codec's own memory, not
    copies: the last axis is contiguous, rows may be padded. A decoded frame's planes must not be written, the
    decoder still predicts from them; the planes of `ClipWriter.new_frame` are there to be filled.
    index: 0 for the clip's first frame.  pts: presentation time in units of `time_base`.
    duration: in the same units, 0 where unknown.  origin: the first frame's pts.
    time: seconds of the source's clock, since its first frame: the moment that the picture shows. It is `shown_at` but
    in a clip that was retimed.
    """

    __slots__ = ("duration", "index", "origin", "picture", "pts", "time", "time_base", "u", "v", "y")

    def __init__(
        self,
        picture: av.VideoFrame,
        *,
        index: int,
        pts: int,
        time_base: Fraction,
        origin: int = 0,
        duration: int = 0,
        time: Fraction | None = None,
    ) -> None:
        """time: None for a frame that is shown when the source shows it."""
        self.picture = picture
        self.index = index
        self.pts = pts
        self.time_base = time_base
        self.origin = origin
        self.duration = duration
        self.time = self.shown_at if time is None else time
        self.y, self.u, self.v = plane_views(picture)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.picture.width, self.picture.height

    @property
    def shown_at(self) -> Fraction:
        """Seconds since the first frame of the clip that the frame belongs to, by its pts."""
        return (self.pts - self.origin) * self.time_base


def new_frame(size: tuple[int, int], like: Frame) -> Frame:
    """A frame of that size, even, whose planes are yours to fill, at the same place in time as `like`."""
    return Frame(
        av.VideoFrame(*size, "yuv420p"),
        index=like.index,
        pts=like.pts,
        time_base=like.time_base,
        origin=like.origin,
        duration=like.duration,
        time=like.time,
    )


def plane_views(picture: av.VideoFrame) -> tuple[Plane, ...]:
    """The picture's 8-bit planes as (height, width) views; they keep the picture alive."""
    return tuple(
        plane_bytes(plane).reshape(-1, plane.line_size)[: plane.height, : plane.width] for plane in picture.planes
    )
