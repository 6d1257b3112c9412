"""Which matrix, range and transfer a picture has, and what the output says about its own.

Numbers are those of ITU-T H.273, which FFmpeg uses too. Knows nothing of pixels; `upright` converts them.
"""

from __future__ import annotations

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import Colorspace

#: H.273 matrix coefficients -> our name for them.
_MATRICES = {1: "709", 4: "601", 5: "601", 6: "601", 7: "709", 9: "2020", 10: "2020"}
#: The same -> swscale's tables.
_SCALER = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_BY_NAME = {"709": Colorspace.ITU709, "601": Colorspace.ITU601, "2020": Colorspace.BT2020}
_FULL, _LIMITED = 2, 1
_PQ, _HLG = 16, 18
#: Primaries that a picture can state and swscale understands; 2 means unspecified.
KNOWN_PRIMARIES = frozenset({1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22})
_RGB = 0


def matrix_name(colorspace: int, height: int) -> str:
    """ "709", "601" or "2020". Where the clip does not say, as players guess: 709 from 720 lines up, else 601."""
    return _MATRICES.get(colorspace) or ("709" if height >= 720 else "601")


def output_matrix(matrix: str) -> str:
    """The matrix that a clip of this matrix is edited and written in: 601 stays, all else becomes 709."""
    return "601" if matrix == "601" else "709"


def scaler_matrix(picture: av.VideoFrame, fallback: str) -> Colorspace:
    """swscale's table for this picture; `fallback` names the matrix where the picture does not say."""
    return _SCALER.get(picture.colorspace, _BY_NAME[fallback])


def scaler_target(matrix: str) -> Colorspace:
    """swscale's table for "709" or "601"."""
    return _BY_NAME[matrix]


def is_full_range(pixel_format: str, color_range: int) -> bool:
    """Whether luma uses 0..255: said by the clip, or by the old "yuvj" names, or because it is RGB."""
    return color_range == _FULL or pixel_format.startswith("yuvj") or is_rgb(pixel_format)


def is_rgb(pixel_format: str) -> bool:
    """Whether the format stores red, green and blue."""
    return pixel_format.startswith(("gbr", "rgb", "bgr", "argb", "abgr", "0rgb", "0bgr"))


def is_hdr(color_trc: int) -> str | None:
    """ "PQ" or "HLG" for a high dynamic range transfer, else None."""
    return {_PQ: "PQ", _HLG: "HLG"}.get(color_trc)


def flag_output(context: VideoCodecContext, matrix: str) -> None:
    """Let the encoder's stream say its matrix, primaries, transfer and its limited range."""
    context.color_range = _LIMITED
    context.colorspace = context.color_primaries = context.color_trc = {"709": 1, "601": 6}[matrix]
