"""One table that carries a whole grade from planar YUV to planar YUV.

Any function of R'G'B' is evaluated on a 33 x 33 x 65 grid in (U, V, Y), spread to every luma level and every second
chroma level, and applied plane to plane: four luma look-ups and one chroma look-up for each 2x2 block. A frame never
becomes RGB. Against exact arithmetic the error is near 60 dB in luma and 45 dB in chroma. 6 MB, about 100 ms to bake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.colour import Colours
from refilm.engines.effects.kernels import table
from refilm.engines.effects.planes import Planes, flat

#: (Kr, Kb) of ITU-R BT.709 and BT.601.
WEIGHTS = {"709": (0.2126, 0.0722), "601": (0.299, 0.114)}

#: The luma node 236, the first one above white.
_ABOVE_WHITE = 59


def rgb_from_yuv(yuv: Colours, matrix: str) -> Colours:
    """(..., 3) limited-range 8-bit levels to gamma-coded R'G'B', 0..1 where the colour exists."""
    kr, kb = WEIGHTS[matrix]
    luma, blue, red = (yuv[..., 0] - 16) / 219, (yuv[..., 1] - 128) / 224, (yuv[..., 2] - 128) / 224
    r = luma + 2 * (1 - kr) * red
    b = luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    return np.stack([r, g, b], -1)


def yuv_from_rgb(rgb: Colours, matrix: str) -> Colours:
    """The inverse of `rgb_from_yuv`, not rounded."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = kr * r + (1 - kr - kb) * g + kb * b
    return np.stack([16 + 219 * luma, 128 + 112 * (b - luma) / (1 - kb), 128 + 112 * (r - luma) / (1 - kr)], -1)


def fuse(functions: Sequence[Callable[[Colours], Colours]]) -> Callable[[Colours], Colours]:
    """One colour function that applies all of `functions` in order, clipping after each."""

    def fused(rgb: Colours) -> Colours:
        for function in functions:
            rgb = np.clip(function(rgb), 0.0, 1.0)
        return rgb

    return fused


class YuvTable:
    """A colour function, ready to be applied to pictures of one matrix."""

    def __init__(self, function: Callable[[Colours], Colours], matrix: str) -> None:
        grid = _grid(function, matrix)
        self._luma = np.empty(128 * 128 * 256, np.uint8)
        self._chroma = np.empty(128 * 128 * 64, np.uint16)
        table.fill(grid.reshape(-1), self._luma, self._chroma)

    def apply(self, before: Planes, after: Planes) -> None:
        """Fill `after` with the graded `before`; they may be the same planes."""
        (y, sy), (u, su), (v, sv) = flat(before.y), flat(before.u), flat(before.v)
        (oy, ty), (ou, tu), (ov, tv) = flat(after.y), flat(after.u), flat(after.v)
        height, width = before.u.shape
        table.look_up(y, u, v, sy, su, sv, oy, ou, ov, ty, tu, tv, self._luma, self._chroma, width, height)


def _grid(function: Callable[[Colours], Colours], matrix: str) -> NDArray[np.float32]:
    """The function's results in YUV on the grid's nodes, (33 u, 33 v, 65 y, 3)."""
    chroma = np.arange(table.CHROMA_NODES) * 8.0
    luma = np.arange(table.LUMA_NODES) * 4.0
    # White, 235, lies between two nodes. The upper one is set so that the line between them passes through it.
    luma[_ABOVE_WHITE] = 235.0
    u, v, y = np.meshgrid(chroma, chroma, luma, indexing="ij")
    rgb = np.clip(rgb_from_yuv(np.stack([y, u, v], -1), matrix), 0.0, 1.0)
    grid = yuv_from_rgb(np.clip(function(rgb), 0.0, 1.0), matrix)
    white, below = grid[:, :, _ABOVE_WHITE], grid[:, :, _ABOVE_WHITE - 1]
    grid[:, :, _ABOVE_WHITE] = white + (white - below) / 3
    return grid.astype(np.float32)
