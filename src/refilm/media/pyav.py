"""Where PyAV 18 (FFmpeg 8) and PyAV 19 (FFmpeg 9) differ, or behave as one would not expect, and nothing else of them.

The rest of the folder is written once for both: it asks here for the few values and options that the two spell
differently.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from av.codec.context import CodecContext
from av.sidedata.sidedata import SideDataContainer
from numpy.typing import NDArray

_MAJOR = int(av.__version__.split(".")[0])

#: PyAV 18 fails on titles that are not UTF-8 unless told otherwise; 19 has no such option and needs none.
LENIENT_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if _MAJOR < 19 else {}


class _Ratio(Protocol):
    """What Fraction and PyAV 19's AVRational have in common."""

    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


def exact(ratio: _Ratio | None) -> Fraction | None:
    """A time base, rate or aspect of PyAV as a fraction; None where FFmpeg does not know it.

    PyAV 18 gives a Fraction or None. 19 gives a number type of its own, which has no floor division, keeps its own
    products to 32 bits, and says 0/1 or n/0 for what is unknown. Zero is unknown in both: none of the three can be it.
    """
    if ratio is None or ratio.numerator == 0 or ratio.denominator == 0:
        return None
    return Fraction(ratio.numerator, ratio.denominator)


def plane_bytes(plane: Any) -> NDArray[np.uint8]:
    """The memory of a picture's or a sound's plane, not a copy; it keeps the plane alive.

    plane: a buffer, which PyAV's own types say on some versions of Python only.
    """
    return np.frombuffer(plane, np.uint8)


def side_data_of(picture: av.VideoFrame) -> SideDataContainer:
    """What came with a picture besides its planes.

    Not `picture.side_data`: the picture would keep that, and it the picture. Every picture of a clip then waits for
    Python's cyclic garbage collector, which has a hundred of them in memory before it comes by.
    """
    return SideDataContainer(picture)  # type: ignore[call-arg]  # its hints forget the initialiser


def opens(decoder: CodecContext) -> bool:
    """Open a decoder ahead of its first packet; False where it refuses the stream's setup bytes.

    Left to open by itself, a decoder of PyAV 18 refuses every packet with an FFmpegError; 19 forgets after the first
    which codec it was and raises ValueError.
    """
    try:
        decoder.open(strict=False)
    except av.FFmpegError:
        return False
    return True
