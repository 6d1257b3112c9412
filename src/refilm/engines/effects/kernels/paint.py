"""Kernels of the painterly operators. They work on the painting grid (see `context.paint_size`), on pixels packed as
one uint32 of four bytes: luma, U, V, and a byte of the caller's. All integer but for weighted means.
"""

# mypy: disable-error-code="operator,arg-type,call-arg"
# numba gives these numbers their types; numpy's hints for mixed integers do not describe them.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, uint32, uint64

from refilm.engines.effects.kernels.kernel import kernel
from refilm.engines.effects.kernels.lanes import blend_moved, four_levels, mean_of_eight


@kernel("uint32[const], uint32[const], int16[const], int16[const], uint32[], int, int, int, int")
def warp_blend(previous: Any, current: Any, across: Any, down: Any, out: Any, w: int, h: int, keep: int, doubt: int) -> None:  # noqa: E501  # fmt: skip
    """Mix the previous picture, moved by the flow, into the current one.

    across, down: flow at half the size, ((h + 1) / 2, (w + 1) / 2), in 1/16 pixel.  keep: share of the past, 0..256;
    each level that the two differ by takes `doubt` from it, so that what has changed is taken as it is.
    """
    half = (w + 1) >> 1
    right, bottom = (w - 1) << 4, (h - 1) << 4
    for j in range(h):
        start = (j >> 1) * half
        steps, falls = across[start : start + half], down[start : start + half]
        now, row = current[j * w : j * w + w], out[j * w : j * w + w]
        for i in range(w):
            x, y = (i << 4) + np.int64(steps[i >> 1]), (j << 4) + np.int64(falls[i >> 1])
            if x < 0 or y < 0 or x >= right or y >= bottom:
                row[i] = now[i]
                continue
            at = (y >> 4) * w + (x >> 4)
            row[i] = blend_moved(previous, at, at + w, x & 15, y & 15, now[i], keep, doubt)


@kernel("uint32[const], float32[const], float32[]")
def weigh(p: Any, weight: Any, out: Any) -> None:
    """Pixels for `gather`: their three levels times the weight of their fourth byte, and that weight."""
    s, level = uint32(8), uint32(255)
    for k in range(len(p)):
        q = p[k]
        share = weight[q >> uint32(24)]
        out[4 * k] = float32(q & level) * share
        out[4 * k + 1] = float32((q >> s) & level) * share
        out[4 * k + 2] = float32((q >> uint32(16)) & level) * share
        out[4 * k + 3] = share


@kernel("float32[const], int, int, uint8[const], int32[const], uint32[], int, int")
def gather(p: Any, stride: int, pad: int, code: Any, offsets: Any, out: Any, w: int, h: int) -> None:
    """The weighted mean of eight pixels around each one.

    p: as `weigh` leaves them, with `pad` more pixels on every side.  code: at half the size, which row of `offsets`
    (8 each, counted in pixels) to use.
    """
    half = (w + 1) >> 1
    for j in range(h):
        base = (j + pad) * stride + pad
        codes = code[(j >> 1) * half : (j >> 1) * half + half]
        row = out[j * w : j * w + w]
        for i in range(w):
            start = np.int64(codes[i >> 1]) << 3
            row[i] = mean_of_eight(p, offsets[start : start + 8], base + i) & uint32(0xFFFFFF)


@kernel("uint8[const], int, int, uint8[const], uint8[const], int32[const], int, uint8[], int, int")
def stroke(p: Any, stride: int, pad: int, near: Any, code: Any, offsets: Any, taps: int, out: Any, w: int, h: int) -> None:  # noqa: E501  # fmt: skip
    """Average each pixel along its stroke. Four neighbours in a row share the direction of the first.

    p: with `pad` more pixels on every side, one more than strokes reach.  near: (h, w), 255 where everything
    around is 255, so that nothing needs to be done.  code: as for `gather`; its lower 5 bits name one of 32
    directions.
    """
    half = (w + 1) >> 1
    rounding = uint32((65536 + taps // 2) // taps)
    for j in range(h):
        base = (j + pad) * stride + pad
        codes = code[(j >> 1) * half : (j >> 1) * half + half]
        around, row = near[j * w : j * w + w], out[j * w : j * w + w]
        for i in range(0, w, 4):
            last = min(w, i + 4)
            done = True
            for k in range(i, last):
                done = done and around[k] == 255
            if done:
                for k in range(i, last):
                    row[k] = 255
                continue
            o = np.int64(codes[i >> 1] & 31) * taps
            total = uint64(0)
            for k in range(taps):
                total += four_levels(p, base + i + np.int64(offsets[o + k]))
            for k in range(i, last):
                row[k] = min(uint32(255), (uint32(total & uint64(0xFFFF)) * rounding + uint32(32768)) >> uint32(16))
                total >>= uint64(16)


@kernel("uint8[const], uint8[const], uint8[const], uint8[], int")
def mix(first: Any, second: Any, share: Any, out: Any, count: int) -> None:
    """`first` where `share` is 0, `second` where it is 255, and between them a part of each, rounded by itself."""
    i32 = np.int32
    for k in range(count):
        part = i32(share[k])
        a = i32(i32(i32(first[k]) * i32(255 - part)) + 128)
        b = i32(i32(i32(second[k]) * part) + 128)
        # Exactly a / 255, rounded, for all products of two bytes.
        out[k] = np.uint8(i32(i32(a + i32(a >> 8)) >> 8) + i32(i32(b + i32(b >> 8)) >> 8))


@kernel("uint8[const], uint8[const], uint8[], int, int, int, int")
def outline(fine: Any, coarse: Any, out: Any, count: int, keep: int, threshold: int, gain: int) -> None:
    """Ink where `fine` is darker than `coarse`: 255 is paper, 0 a full line (difference of Gaussians).

    keep: share of the coarse picture that is taken off, of 1024.  threshold: 1/16 levels.  gain: 1/16 per level.
    """
    i32 = np.int32
    kept, least, steep = i32(keep), i32(threshold), i32(gain)
    for k in range(count):
        d = i32(i32(i32(i32(fine[k]) << 10) - i32(i32(coarse[k]) * kept)) >> 6)
        ink = min(i32(0), i32(i32(i32(d + least) * steep) >> 8))
        out[k] = np.uint8(max(i32(0), i32(255 + ink)))


@kernel(
    "uint16[const], int, int, int, int32[const], int8[const], int, int, int, int,"
    "uint8[const], int, uint8[], int, int, int, int"
)
def wash(
    washed: Any, pad: int, w: int, h: int, stray: Any, paper: Any, pw: int, ph: int, x: int, y: int,
    p: Any, sp: int, o: Any, so: int, wet: int, grain: int, share: int,
) -> None:  # fmt: skip
    """The luma of a watercolour.

    washed: (h + 2 pad, w + 2 pad), low byte reflectance of the wash, high byte the wet edge.  stray, paper: periodic
    textures (ph, pw) and (ph, pw, 2), shifted by (x, y): how far the brush strays, in elements of `washed`; pigment
    (1/128) and tooth (levels).  wet, grain: strength of edges and of pigment.  share: 0..256 of the painting, the
    rest stays `p`.
    """
    i32 = np.int32
    zero, full, strong, edge, mixed = i32(0), i32(255), i32(grain), i32(wet), i32(share)
    stride, row = w + 2 * pad, np.empty(w, np.uint16)
    for j in range(h):
        texture = ((j + y) % ph) * pw
        start, column = 0, x % pw
        while start < w:
            run = min(pw - column, w - start)
            t = texture + column
            far, sheet = stray[t : t + run], paper[2 * t : 2 * (t + run)]
            old, new = p[j * sp + start : j * sp + start + run], o[j * so + start : j * so + start + run]
            base = (j + pad) * stride + pad + start
            for i in range(run):
                row[i] = washed[base + i + far[i]]
            for i in range(run):
                both = i32(row[i])
                c = i32(both & 255)
                density = i32(i32(i32(i32(sheet[2 * i]) * strong) >> 7) + i32(i32(both >> 8) * edge))
                level = i32(c - i32(i32(i32(i32(c * i32(255 - c)) >> 8) * density) >> 8) + i32(sheet[2 * i + 1]))
                level = i32(16 + i32(i32(min(full, max(zero, level)) * 220) >> 8))
                before = i32(old[i])
                new[i] = np.uint8(before + i32(i32(i32(level - before) * mixed) >> 8))
            start, column = start + run, 0


@kernel("uint8[const], uint8[const], uint8[const], uint8[const], int, uint8[], int, int, int, int, int, int")
def pigment(c: Any, luma: Any, edge: Any, p: Any, sp: int, o: Any, so: int, w: int, h: int, gain: int, wet: int, share: int) -> None:  # noqa: E501  # fmt: skip
    """A chroma plane of a watercolour: stronger where the wash dries, nearly none on bare paper.

    c, luma, edge: (h, w) wash chroma, wash luma, wet edge.  gain: of 256.  p, o, share: as for `wash`.
    """
    i32 = np.int32
    base, edged, mixed = i32(gain), i32(wet), i32(share)
    for j in range(h):
        row_c, row_l, row_e = c[j * w : j * w + w], luma[j * w : j * w + w], edge[j * w : j * w + w]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        for i in range(w):
            k = i32(base + i32(i32(i32(row_e[i]) * edged) >> 1))
            # 30/30 up to a luma of 205, then less and less; 2185 / 65536 is one thirtieth.
            paled = min(i32(30), max(i32(6), i32(235 - i32(row_l[i]))))
            k = i32(i32(i32(k * paled) * 2185) >> 16)
            k = min(i32(400), max(i32(40), k))
            level = i32(128 + i32(i32(i32(i32(row_c[i]) - 128) * k) >> 8))
            level = min(i32(240), max(i32(16), level))
            before = i32(old[i])
            new[i] = np.uint8(before + i32(i32(i32(level - before) * mixed) >> 8))


@kernel("uint8[const], uint8[const], int, int, uint8[const], int, uint8[], int, int")
def ink(flat: Any, paper: Any, w: int, h: int, p: Any, sp: int, o: Any, so: int, share: int) -> None:
    """The luma of a cartoon.  flat, paper: (h, w) printed luma, and how much of it the outline leaves, 0..255.

    share: 0..256 of the drawing, the rest stays `p`.
    """
    i32 = np.int32
    mixed = i32(share)
    for j in range(h):
        tone, left = flat[j * w : j * w + w], paper[j * w : j * w + w]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        for i in range(w):
            level = i32(16 + i32(i32(i32(i32(i32(tone[i]) - 16) * i32(left[i])) * 257) >> 16))
            before = i32(old[i])
            new[i] = np.uint8(before + i32(i32(i32(level - before) * mixed) >> 8))
