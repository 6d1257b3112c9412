"""Kernels of the lens: crisper edges, rows that pass from one picture to another, a picture that is moved."""

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


@kernel("uint8[const], int, uint8[], int, int, int, int32[const], int32[const], int32[const], int, int32[const]")
def move(p: Any, sp: int, o: Any, so: int, w: int, h: int, rows: Any, down: Any, runs: Any, count: int, across: Any) -> None:  # noqa: E501  # fmt: skip
    """Draw a plane moved and enlarged a little, linearly interpolated; not in place.

    rows: for each row the upper one of the two that it is mixed of.  down: how much of the lower one, of 128.
    runs: `count` triples (begin, end, offset): columns begin to end are mixed of those `offset` to the right of them
    and their neighbours.  across: for each column how much of that neighbour, of 128.
    """
    line = np.empty(w, np.int32)
    for j in range(h):
        upper, lower = p[rows[j] * sp : rows[j] * sp + w], p[(rows[j] + 1) * sp : (rows[j] + 1) * sp + w]
        share = np.int32(down[j])
        for i in range(w):
            level = np.int32(upper[i])
            line[i] = 128 * level + (np.int32(lower[i]) - level) * share
        for n in range(count):
            begin, end, offset = runs[3 * n], runs[3 * n + 1], runs[3 * n + 2]
            left, right = line[begin + offset : end + offset], line[begin + offset + 1 : end + offset + 1]
            part, new = across[begin:end], o[j * so + begin : j * so + end]
            for i in range(end - begin):
                new[i] = np.uint8((128 * left[i] + (right[i] - left[i]) * part[i] + 8192) >> 14)
