"""Kernels of video tape: lines that slip sideways, noise along the lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel


@kernel(
    "uint8[const], int, uint8[], int, int, int, int32[const], int8[const], int, int32[const], int32[const], int, int"
)
def lines(p: Any, sp: int, o: Any, so: int, w: int, h: int, slip: Any, noise: Any, side: int, place: Any, gain: Any, low: int, high: int) -> None:  # noqa: E501  # fmt: skip
    """Draw each row of a plane shifted to the right by slip[row] / 16 pixels, with noise; not in place.

    noise: a periodic square tile of `side` (a power of two); row j reads it from place[j] on.  gain: per row, 256 adds
    the tile's own levels.  low, high: limits of the result.
    """
    for j in range(h):
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        whole, part = slip[j] >> 4, slip[j] & 15
        # Column i shows old[i - whole - part / 16]; beyond the edges stands the edge.
        first, last = min(w, max(0, whole + 1)), max(0, min(w, w + whole))
        for i in range(first):
            new[i] = old[0]
        for i in range(max(first, last), w):
            new[i] = old[w - 1]
        if last > first:
            right, left = old[first - whole : last - whole], old[first - whole - 1 : last - whole - 1]
            target = new[first:last]
            for i in range(last - first):
                a, b = np.int32(right[i]), np.int32(left[i])
                target[i] = np.uint8((a * (16 - part) + b * part + 8) >> 4)
        strength = gain[j]
        if strength == 0:
            continue
        at = place[j] & (side * side - 1)
        row, start = at & ~(side - 1), at & (side - 1)
        begin = 0
        while begin < w:
            run = min(side - start, w - begin)
            speck, target = noise[row + start : row + start + run], new[begin : begin + run]
            for i in range(run):
                level = np.int32(target[i]) + ((np.int32(speck[i]) * strength) >> 8)
                target[i] = np.uint8(min(np.int32(high), max(np.int32(low), level)))
            begin += run
            start = 0
