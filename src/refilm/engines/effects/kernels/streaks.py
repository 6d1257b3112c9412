"""Kernel that draws many thin straight strokes: rain, hairs, scratches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel


@kernel("uint8[], int, float32[const], int, int, int")
def draw(o: Any, so: int, strokes: Any, count: int, w: int, h: int) -> None:
    """Draw strokes into a luma plane of w x h.

    strokes: rows of (x, y, across, down, radius, opacity 0..1, level, taper).  (x, y) is one end, (across, down) leads
    to the other, pixels.  level: a luma above 128 only lightens, one below only darkens.  taper: 0 even, 1 fading out
    towards both ends.
    """
    for k in range(count):
        x, y, dx, dy = strokes[8 * k], strokes[8 * k + 1], strokes[8 * k + 2], strokes[8 * k + 3]
        r, alpha = strokes[8 * k + 4], strokes[8 * k + 5] * np.float32(256)
        goal, taper = np.int32(strokes[8 * k + 6]), strokes[8 * k + 7]
        length2 = dx * dx + dy * dy + np.float32(1e-6)
        reach = r + np.float32(0.5)
        # A steep stroke meets each row in few pixels only; a level one fills its rows.
        steep = abs(dy) > np.float32(0.5) * abs(dx) and abs(dy) > np.float32(0.5)
        slope = dx / dy if steep else np.float32(0)
        spread = reach * math.sqrt(1 + slope * slope) + np.float32(1)
        left, right = min(x, x + dx) - reach, max(x, x + dx) + reach
        j0, j1 = max(0, int(min(y, y + dy) - reach)), min(h, int(max(y, y + dy) + reach) + 2)
        for j in range(j0, j1):
            start, end = left, right
            if steep:
                middle = x + (np.float32(j) - y) * slope
                start, end = max(left, middle - spread), min(right, middle + spread)
            for i in range(max(0, int(start)), min(w, int(end) + 2)):
                ex, ey = np.float32(i) - x, np.float32(j) - y
                q = min(np.float32(1), max(np.float32(0), (ex * dx + ey * dy) / length2))
                ex, ey = ex - q * dx, ey - q * dy
                a = min(np.float32(1), r - math.sqrt(ex * ex + ey * ey) + np.float32(0.5))
                if a <= 0:
                    continue
                share = np.int32(a * alpha * (1 + taper * (4 * q * (1 - q) - 1)))
                level = np.int32(o[j * so + i])
                change = goal - level
                if (change > 0) == (goal > 128):
                    o[j * so + i] = np.uint8(level + ((change * share) >> 8))
