"""Kernels of the YUV table: filling it from a coarse grid, and looking up a whole picture in it. See `yuv_table`."""

from __future__ import annotations

from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel

#: Grid nodes along chroma (every 8 levels) and along luma (every 4).
CHROMA_NODES, LUMA_NODES = 33, 65


@kernel("float32[const], uint8[], uint16[]")
def fill(grid: Any, luma: Any, chroma: Any) -> None:
    """Interpolate `grid` [33 u][33 v][65 y][3] to `luma` [128 u][128 v][256 y] and `chroma` [128 u][128 v][64 y].

    An entry of `chroma` is the new U and, in its upper byte, the new V.
    """
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
            base = (a * 128 + b) * 64
            for q in range(64):
                both = np.uint16(0)
                for c in range(2):
                    k = 3 * q + 1 + c
                    value = column[k] + np.float32(0.375) * (column[k + 3] - column[k]) + np.float32(0.5)
                    level = np.uint16(min(np.float32(255), max(np.float32(0), value)))
                    both = np.uint16(both | (level << (8 * c)))
                chroma[base + q] = both


@kernel(
    "uint8[const], uint8[const], uint8[const], int, int, int,"
    "uint8[], uint8[], uint8[], int, int, int, uint8[const], uint16[const], int, int"
)
def look_up(
    y: Any, u: Any, v: Any, sy: int, su: int, sv: int,
    oy: Any, ou: Any, ov: Any, ty: int, tu: int, tv: int,
    luma: Any, chroma: Any, w: int, h: int,
) -> None:  # fmt: skip
    """Every 2x2 block of a picture through the table; w, h are the chroma's. May work in place.

    A table entry stands for an even chroma level; odd levels take the one below and the one above in turn, block by
    block, so that no level is lost on average.

    Only the readings of the tables stand alone: the other loops then run on several pixels at once.
    """
    i32 = np.int32
    starts, cells, both = np.empty(2 * w, np.uint32), np.empty(w, np.uint32), np.empty(w, np.uint16)
    for j in range(h):
        row_u, row_v = u[j * su : j * su + w], v[j * sv : j * sv + w]
        out_u, out_v = ou[j * tu : j * tu + w], ov[j * tv : j * tv + w]
        top, bottom = y[2 * j * sy : 2 * j * sy + 2 * w], y[(2 * j + 1) * sy : (2 * j + 1) * sy + 2 * w]
        new_top, new_bottom = oy[2 * j * ty : 2 * j * ty + 2 * w], oy[(2 * j + 1) * ty : (2 * j + 1) * ty + 2 * w]
        for i in range(w):
            odd = i32((i ^ j) & 1)
            a = i32(min(i32(255), i32(i32(row_u[i]) + odd)) >> 1)
            b = i32(min(i32(255), i32(i32(row_v[i]) + odd)) >> 1)
            entry = i32(i32(a << 7) + b)
            level = i32(i32(i32(top[2 * i]) + top[2 * i + 1]) + i32(i32(bottom[2 * i]) + bottom[2 * i + 1]))
            cells[i] = np.uint32(i32(i32(entry << 6) + i32(level >> 4)))
            starts[2 * i] = starts[2 * i + 1] = np.uint32(i32(entry << 8))
        for i in range(w):
            both[i] = chroma[cells[i]]
        for i in range(2 * w):
            new_top[i], new_bottom[i] = luma[starts[i] + top[i]], luma[starts[i] + bottom[i]]
        for i in range(w):
            out_u[i], out_v[i] = np.uint8(both[i] & 255), np.uint8(both[i] >> 8)
