"""Kernels that carry textures along with things: see `drift`. Floats are added in the order written.

Only what is read at places that were worked out stands alone: the other loops then run on several pixels at once.
"""

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
    i32 = np.int32
    right, bottom, none = float32(w - 1), float32(h - 1), float32(0)
    limit, factor = float32(farthest), float32(scale)
    common_x, common_y = float32(cx), float32(cy)
    upper, lower, more = np.empty(w, np.uint32), np.empty(w, np.uint32), np.empty(w, np.uint32)
    across, down = np.empty(w, np.float32), np.empty(w, np.float32)
    steps_x, steps_y = np.empty(w, np.float32), np.empty(w, np.float32)
    a, b, c, d = np.empty(w, np.float32), np.empty(w, np.float32), np.empty(w, np.float32), np.empty(w, np.float32)
    for j in range(h):
        sums = weighed[3 * j * w : 3 * (j + 1) * w]
        for i in range(w):
            sure = sums[3 * i + 2]
            fx, fy = sums[3 * i] / sure, sums[3 * i + 1] / sure
            moves = (abs(fx) >= still) | (abs(fy) >= still)
            fx, fy = fx if moves else none, fy if moves else none
            steps_x[i], steps_y[i] = fx * factor - common_x, fy * factor - common_y
            x = min(right, max(none, float32(i) + fx))
            y = min(bottom, max(none, float32(j) + fy))
            x0, y0 = i32(x), i32(y)
            across[i], down[i] = x - float32(x0), y - float32(y0)
            upper[i] = np.uint32(i32(y0 * i32(w)) + x0)
            lower[i] = np.uint32(i32(min(i32(y0 + 1), i32(h - 1)) * i32(w)) + x0)
            more[i] = np.uint32(x0 < i32(w - 1))
        for k in range(4):
            field, new = fields[k * count : (k + 1) * count], out[k * count + j * w : k * count + (j + 1) * w]
            steps = steps_y if k & 1 else steps_x
            for i in range(w):
                high, low, next_ = upper[i], lower[i], more[i]
                a[i], b[i] = field[high], field[np.uint32(high + next_)]
                c[i], d[i] = field[low], field[np.uint32(low + next_)]
            for i in range(w):
                above = a[i] + across[i] * (b[i] - a[i])
                below = c[i] + across[i] * (d[i] - c[i])
                new[i] = min(limit, max(-limit, above + down[i] * (below - above) + steps[i]))


@kernel("uint32[const], int, int16[const], int, int, int, uint8[], int, int")
def strew(tile: Any, side: int, places: Any, rows: int, bx: int, by: int, out: Any, w: int, h: int) -> None:
    """A texture where it has drifted to.

    tile: (side, side), side a power of two, periodic, as `drift.corners` packs it.  places: `Drift.widened`, one layer
    of `rows` rows.  bx, by: base. All in 1/16 pixel of `out`, (h, w).
    """
    i32 = np.int32
    mask, plane = i32(side - 1), rows * w
    cells, parts = np.empty(w, np.uint32), np.empty(w, np.uint8)
    for j in range(h):
        v = min(max(((2 * j + 1) * rows * 16) // (2 * h) - 8, 0), (rows - 1) * 16)
        first, lower = (v >> 4) * w, i32(v & 15)
        second, upper = first + w if lower > 0 else first, i32(16 - lower)
        high_x, low_x = places[first : first + w], places[second : second + w]
        high_y, low_y = places[plane + first : plane + first + w], places[plane + second : plane + second + w]
        row = out[j * w : j * w + w]
        for i in range(w):
            dx = i32(i32(high_x[i] * upper) + i32(low_x[i] * lower)) >> 4
            dy = i32(i32(high_y[i] * upper) + i32(low_y[i] * lower)) >> 4
            x, y = i32(16 * i + bx + dx), i32(16 * j + by + dy)
            cells[i] = np.uint32(i32(i32(i32(y >> 4) & mask) * side) + i32(i32(x >> 4) & mask))
            parts[i] = np.uint8(i32(x & 15) | i32(i32(y & 15) << 4))
        for i in range(w):
            cells[i] = tile[cells[i]]
        for i in range(w):
            four, wx, wy = i32(cells[i]), i32(parts[i] & 15), i32(parts[i] >> 4)
            top = i32(i32(i32(four & 255) * i32(16 - wx)) + i32(i32(i32(four >> 8) & 255) * wx))
            low = i32(i32(i32(i32(four >> 16) & 255) * i32(16 - wx)) + i32(i32(i32(four >> 24) & 255) * wx))
            row[i] = np.uint8(i32(i32(i32(top * i32(16 - wy)) + i32(low * wy)) + 128) >> 8)
