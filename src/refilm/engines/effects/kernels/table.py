"""Kernels of the YUV table: filling it from a coarse grid, and looking up a whole picture in it. See `yuv_table`."""

from __future__ import annotations

from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel

#: Grid nodes along chroma (every 8 levels) and along luma (every 4).
CHROMA_NODES, LUMA_NODES = 33, 65


@kernel("float32[const], uint8[], uint8[]")
def fill(grid: Any, luma: Any, chroma: Any) -> None:
    """Interpolate `grid` [33 u][33 v][65 y][3] to `luma` [128 u][128 v][256 y] and `chroma` [128 u][128 v][64 y][2]."""
    column = np.empty(65 * 3, np.float32)
    row = 65 * 3
    for a in range(128):
        iu, wu = (2 * a) >> 3, np.float32(((2 * a) & 7) / 8)
        for b in range(128):
            iv, wv = (2 * b) >> 3, np.float32(((2 * b) & 7) / 8)
            corner = (iu * 33 + iv) * row
            w11 = wu * wv
            w10 = wu - w11
            w01 = wv - w11
            w00 = np.float32(1) - wu - w01
            for k in range(row):
                column[k] = (
                    w00 * grid[corner + k]
                    + w01 * grid[corner + row + k]
                    + w10 * grid[corner + 33 * row + k]
                    + w11 * grid[corner + 34 * row + k]
                )
            base = (a * 128 + b) * 256
            for y in range(256):
                k, w = 3 * (y >> 2), np.float32((y & 3) / 4)
                value = column[k] + w * (column[k + 3] - column[k]) + np.float32(0.5)
                luma[base + y] = np.uint8(min(np.float32(255), max(np.float32(0), value)))
            base = (a * 128 + b) * 128
            for q in range(64):
                for c in range(2):
                    k = 3 * q + 1 + c
                    value = column[k] + np.float32(0.375) * (column[k + 3] - column[k]) + np.float32(0.5)
                    chroma[base + 2 * q + c] = np.uint8(min(np.float32(255), max(np.float32(0), value)))


@kernel(
    "uint8[const], uint8[const], uint8[const], int, int, int,"
    "uint8[], uint8[], uint8[], int, int, int, uint8[const], uint8[const], int, int"
)
def look_up(
    y: Any, u: Any, v: Any, sy: int, su: int, sv: int,
    oy: Any, ou: Any, ov: Any, ty: int, tu: int, tv: int,
    luma: Any, chroma: Any, w: int, h: int,
) -> None:  # fmt: skip
    """Every 2x2 block of a picture through the table; w, h are the chroma's. May work in place.

    A table entry stands for an even chroma level; odd levels take the one below and the one above in turn, block by
    block, so that no level is lost on average.
    """
    for j in range(h):
        row_u, row_v = u[j * su : j * su + w], v[j * sv : j * sv + w]
        out_u, out_v = ou[j * tu : j * tu + w], ov[j * tv : j * tv + w]
        top, bottom = y[2 * j * sy : 2 * j * sy + 2 * w], y[(2 * j + 1) * sy : (2 * j + 1) * sy + 2 * w]
        new_top, new_bottom = oy[2 * j * ty : 2 * j * ty + 2 * w], oy[(2 * j + 1) * ty : (2 * j + 1) * ty + 2 * w]
        for i in range(w):
            odd = np.uint32((i ^ j) & 1)
            a = min(np.uint32(255), row_u[i] + odd) >> np.uint32(1)
            b = min(np.uint32(255), row_v[i] + odd) >> np.uint32(1)
            entry = (a << np.uint32(7)) + b
            base = entry << np.uint32(8)
            y0, y1 = np.uint32(top[2 * i]), np.uint32(top[2 * i + 1])
            y2, y3 = np.uint32(bottom[2 * i]), np.uint32(bottom[2 * i + 1])
            new_top[2 * i], new_top[2 * i + 1] = luma[base + y0], luma[base + y1]
            new_bottom[2 * i], new_bottom[2 * i + 1] = luma[base + y2], luma[base + y3]
            q = (entry << np.uint32(7)) + (((y0 + y1 + y2 + y3) >> np.uint32(4)) << np.uint32(1))
            out_u[i], out_v[i] = chroma[q], chroma[q + np.uint32(1)]
