"""Kernel that draws many small soft discs, each smeared along its flight: snowflakes, stars."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel


@kernel("uint8[], uint8[], uint8[], int, int, int, float32[const], int, int, int, int")
def splat(oy: Any, ou: Any, ov: Any, sy: int, su: int, sv: int, flakes: Any, count: int, bright: int, w: int, h: int) -> None:  # noqa: E501  # fmt: skip
    """Lighten a picture of w x h towards `bright` (luma level) and grey under each disc.

    flakes: rows of (x, y, radius, streak across, streak down, opacity 0..1), pixels.
    """
    for k in range(count):
        x, y, r = flakes[6 * k], flakes[6 * k + 1], flakes[6 * k + 2]
        sx, sy_, alpha = flakes[6 * k + 3], flakes[6 * k + 4], flakes[6 * k + 5]
        length2 = sx * sx + sy_ * sy_ + np.float32(1e-6)
        soft = max(np.float32(0.7), r * np.float32(0.6) + max(np.float32(0), r - 3) * np.float32(0.5))
        reach = r + soft
        x0, x1 = max(0, int(x - abs(sx) - reach)), min(w, int(x + abs(sx) + reach) + 2)
        y0, y1 = max(0, int(y - abs(sy_) - reach)), min(h, int(y + abs(sy_) + reach) + 2)
        # A streak shares the light of its disc over its length.
        alpha = alpha * min(np.float32(1), 2 * r / (2 * r + math.sqrt(length2))) * np.float32(256)
        for j in range(y0, y1):
            dy = np.float32(j) - y
            for i in range(x0, x1):
                dx = np.float32(i) - x
                q = (dx * sx + dy * sy_) / length2
                q = max(np.float32(-0.5), min(np.float32(0.5), q))
                ex, ey = dx - q * sx, dy - q * sy_
                a = (r - math.sqrt(ex * ex + ey * ey)) / soft + np.float32(0.5)
                if a <= 0:
                    continue
                a = min(a, np.float32(1))
                a = a * a * (3 - 2 * a)
                share = np.int32(a * alpha)
                level = np.int32(oy[j * sy + i])
                if level < bright:
                    oy[j * sy + i] = np.uint8(level + (((bright - level) * share) >> 8))
                if (i & 1) == 0 and (j & 1) == 0:
                    p, q_ = (j >> 1) * su + (i >> 1), (j >> 1) * sv + (i >> 1)
                    ou[p] = np.uint8(ou[p] + (((128 - np.int32(ou[p])) * share) >> 8))
                    ov[q_] = np.uint8(ov[q_] + (((128 - np.int32(ov[q_])) * share) >> 8))
