"""Kernels that carry textures along with things: see `drift`. Floats are added in the order written."""

# mypy: disable-error-code="operator,arg-type,call-arg"
# numba gives these numbers their types; numpy's hints for mixed integers do not describe them.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32

from refilm.engines.effects.kernels.kernel import kernel


@kernel("float32[const], float32[const], int, int, float, float, float, float, float, float32[]")
def carry(
    fields: Any, weighed: Any, w: int, h: int, still: float, scale: float, cx: float, cy: float, farthest: float,
    out: Any,
) -> None:  # fmt: skip
    """Fields of texture coordinates, moved one frame on along the flow, and what they changed by added to them.

    fields: (4, h, w), across and down of two layers.  weighed: (h, w, 3), the flow back to the frame before times a
    weight, and that weight; flow below `still` counts as none.  scale: of the flow, to the unit of the fields.
    cx, cy: common motion, taken off.  farthest: what no field exceeds.
    """
    count = w * h
    right, bottom = float32(w - 1), float32(h - 1)
    limit, factor = float32(farthest), float32(scale)
    commons = (float32(cx), float32(cy))
    for j in range(h):
        for i in range(w):
            q = j * w + i
            sure = weighed[3 * q + 2]
            fx, fy = weighed[3 * q] / sure, weighed[3 * q + 1] / sure
            if abs(fx) < still and abs(fy) < still:
                fx, fy = float32(0), float32(0)
            x = min(right, max(float32(0), float32(i) + fx))
            y = min(bottom, max(float32(0), float32(j) + fy))
            x0, y0 = np.int64(x), np.int64(y)
            wx, wy = x - float32(x0), y - float32(y0)
            x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
            for k in range(4):
                upper, lower = k * count + y0 * w, k * count + y1 * w
                top = fields[upper + x0] + wx * (fields[upper + x1] - fields[upper + x0])
                low = fields[lower + x0] + wx * (fields[lower + x1] - fields[lower + x0])
                step = (fx if k & 1 == 0 else fy) * factor - commons[k & 1]
                out[k * count + q] = min(limit, max(-limit, top + wy * (low - top) + step))


@kernel("uint8[const], int, int16[const], int, int, int, uint8[], int, int")
def strew(tile: Any, side: int, places: Any, rows: int, bx: int, by: int, out: Any, w: int, h: int) -> None:
    """A texture where it has drifted to.

    tile: (side, side), side a power of two, periodic.  places: `Drift.widened`, one layer of `rows` rows.  bx, by:
    base. All in 1/16 pixel of `out`, (h, w).
    """
    mask, plane = side - 1, rows * w
    for j in range(h):
        v = min(max(((2 * j + 1) * rows * 16) // (2 * h) - 8, 0), (rows - 1) * 16)
        first, part = (v >> 4) * w, v & 15
        second = first + w if part > 0 else first
        for i in range(w):
            dx = (places[first + i] * (16 - part) + places[second + i] * part) >> 4
            dy = (places[plane + first + i] * (16 - part) + places[plane + second + i] * part) >> 4
            x, y = 16 * i + bx + dx, 16 * j + by + dy
            left, top = (x >> 4) & mask, ((y >> 4) & mask) * side
            right, low = (left + 1) & mask, (top + side) & (side * side - 1)
            wx, wy = x & 15, y & 15
            upper = tile[top + left] * (16 - wx) + tile[top + right] * wx
            lower = tile[low + left] * (16 - wx) + tile[low + right] * wx
            out[j * w + i] = (upper * (16 - wy) + lower * wy + 128) >> 8
