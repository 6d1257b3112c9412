"""Kernels of the lens: crisper edges, and rows that pass from one picture to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32

from refilm.engines.effects.kernels.kernel import kernel


@kernel("uint8[const], int, uint8[const], int, uint8[], int, int, int, int32[const]")
def boost(p: Any, sp: int, soft: Any, ss: int, o: Any, so: int, w: int, h: int, gain: Any) -> None:
    """Add gain[255 + p - soft] to a luma plane: what sets it apart from its soft copy, made larger."""
    for j in range(h):
        old, calm, new = p[j * sp : j * sp + w], soft[j * ss : j * ss + w], o[j * so : j * so + w]
        for i in range(w):
            level = np.int32(old[i])
            value = level + gain[uint32(255 + level - np.int32(calm[i]))]
            new[i] = np.uint8(min(np.int32(235), max(np.int32(16), value)))


@kernel("uint8[const], int, uint8[const], int, uint8[], int, int, int, int32[const]")
def cross_fade(p: Any, sp: int, q: Any, sq: int, o: Any, so: int, w: int, h: int, weight: Any) -> None:
    """Fill the rows whose weight lies within 0..256 with a mix: 0 is all `p`, 256 all `q`. Other rows stay."""
    for j in range(h):
        share = weight[j]
        if share < 0 or share > 256:
            continue
        first, second, new = p[j * sp : j * sp + w], q[j * sq : j * sq + w], o[j * so : j * so + w]
        for i in range(w):
            level = np.int32(first[i])
            new[i] = np.uint8(level + (((np.int32(second[i]) - level) * share + 128) >> 8))
