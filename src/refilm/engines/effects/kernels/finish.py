"""Kernels that finish a picture: shading towards the corners, grain, glow, and mixing towards one colour.

Rows are sliced before their loops: an index that is known not to be negative lets the compiler use vector
instructions, five times as fast. All of them work in place, for the same reason: of two rows that may overlap the
compiler cannot know enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel


@kernel("uint8[], int, int, int, int, uint16[const], int, uint16[const]")
def shade(o: Any, so: int, w: int, h: int, zero: int, share: Any, lift: int, dither: Any) -> None:
    """Scale a plane's distance from `zero` by share[y][x] / 32768 * lift / 256.

    dither: 8 rows of w offsets, 0..32767, which keep slow gradients free of bands.
    """
    for j in range(h):
        row, kept, offset = o[j * so : j * so + w], share[j * w : j * w + w], dither[(j & 7) * w : (j & 7) * w + w]
        for i in range(w):
            scale = (np.int32(kept[i]) * np.int32(lift)) >> 8
            level = np.int32(zero) + (((np.int32(row[i]) - np.int32(zero)) * scale + np.int32(offset[i])) >> 15)
            row[i] = np.uint8(min(np.int32(255), max(np.int32(0), level)))


@kernel("uint8[], int, int, int, int8[const], int, int, int, int")
def grain(o: Any, so: int, w: int, h: int, noise: Any, side: int, x: int, y: int, gain: int) -> None:
    """Add noise from a periodic square tile of `side` (a power of two), shifted by (x, y), to a luma plane.

    gain: 256 adds the tile's own levels in the mid-tones; shadows and highlights take less.
    """
    for j in range(h):
        row = ((j + y) & (side - 1)) * side
        start = 0
        while start < w:
            # Each stretch of the tile starts elsewhere, so that wide pictures do not repeat it in step.
            offset = (x + (start // side) * 389) & (side - 1)
            run = min(side - offset, w - start)
            part, speck = o[j * so + start : j * so + start + run], noise[row + offset : row + offset + run]
            for i in range(run):
                level = np.int32(part[i])
                weight = 48 + (((level - 16) * (244 - level)) >> 6)
                value = level + ((np.int32(speck[i]) * weight * np.int32(gain)) >> 16)
                part[i] = np.uint8(min(np.int32(235), max(np.int32(16), value)))
            start += run


@kernel("uint8[], int, uint8[const], int, int, int, int")
def screen(o: Any, so: int, light: Any, sl: int, w: int, h: int, gain: int) -> None:
    """Add light to a luma plane without clipping.  gain: 256 adds all of it."""
    for j in range(h):
        row, shine = o[j * so : j * so + w], light[j * sl : j * sl + w]
        for i in range(w):
            level = np.int32(row[i])
            room = max(np.int32(0), 240 - level)
            row[i] = np.uint8(level + ((room * ((np.int32(shine[i]) * np.int32(gain)) >> 8)) >> 8))


@kernel("uint8[], int, uint8[const], int, int, int, int")
def shift(o: Any, so: int, amount: Any, sa: int, w: int, h: int, gain: int) -> None:
    """Add amount * gain / 256 to a chroma plane."""
    for j in range(h):
        row, step = o[j * so : j * so + w], amount[j * sa : j * sa + w]
        for i in range(w):
            value = np.int32(row[i]) + ((np.int32(step[i]) * np.int32(gain)) >> 8)
            row[i] = np.uint8(min(np.int32(240), max(np.int32(16), value)))


@kernel("uint8[], int, uint8[const], int, int32[const], int, int, int")
def darken(o: Any, so: int, mask: Any, sm: int, target: Any, w: int, h: int, offset: int) -> None:
    """Bring a luma plane down to target[row] + offset where `mask` (0..255) says so; what is darker stays."""
    for j in range(h):
        goal = target[j] + np.int32(offset)
        row, share = o[j * so : j * so + w], mask[j * sm : j * sm + w]
        for i in range(w):
            level = np.int32(row[i])
            fall = min(np.int32(0), goal - level)
            row[i] = np.uint8(level + ((fall * np.int32(share[i]) * np.int32(257)) >> 16))


@kernel("uint8[], int, uint8[const], int, int, int, int")
def mix(o: Any, so: int, mask: Any, sm: int, w: int, h: int, goal: int) -> None:
    """Bring a plane towards the level `goal` where `mask` (0..255) says so."""
    for j in range(h):
        row, share = o[j * so : j * so + w], mask[j * sm : j * sm + w]
        for i in range(w):
            level = np.int32(row[i])
            row[i] = np.uint8(level + (((np.int32(goal) - level) * np.int32(share[i]) * np.int32(257)) >> 16))
