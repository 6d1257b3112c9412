"""One frame of a clip, by its time, without decoding what lies before its key frame."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from refilm.media import colour
from refilm.media.container import asset_errors
from refilm.media.geometry import even_size, fit_within
from refilm.media.probe import NOTHING_DECODES, sample_aspect_of
from refilm.media.pyav import exact
from refilm.media.read import FrameReader
from refilm.media.upright import Upright

#: Frames after a key frame beyond which a clip is not searched further; one near the time has to do.
_FARTHEST = 600


def frame_at(source: BinaryIO, time: Fraction, longest: int = 320) -> NDArray[np.uint8]:
    """The frame shown `time` seconds after the first, as (height, width, 3) uint8 RGB, upright; past the end the last.

    longest: the longer side's pixels at most. A clip that cannot be searched gives its first frame. Raises
    InvalidAsset where the clip cannot be used.
    """
    with FrameReader(source, threads=1) as reader, asset_errors(NOTHING_DECODES):
        shown = even_size(fit_within((reader.info.width, reader.info.height), longest))
        upright = Upright(shown, reader.matrix, reader.info.matrix)
        picture = upright(_picture_at(reader, min(time, reader.info.duration)), sample_aspect_of(reader._stream))
        target = colour.scaler_target(reader.matrix)
        rgb = picture.to_ndarray(format="rgb24", src_colorspace=target, src_color_range=1, dst_color_range=2)
        return np.asarray(rgb, np.uint8)


def _picture_at(reader: FrameReader, time: Fraction) -> av.VideoFrame:
    base = exact(reader._stream.time_base) or Fraction(1, 90_000)
    wanted = (reader._stream.start_time or 0) + round(time / base)
    found = reader._first
    try:
        reader._container.seek(wanted, stream=reader._stream)
    except av.FFmpegError:
        return found
    for place, picture in enumerate(itertools.islice(reader._decoder, _FARTHEST)):
        if place and picture.pts is not None and picture.pts > wanted:
            break
        found = picture
    return found
