"""Kernels of the drawn and printed looks: pencil, comic, oil, clay, pixels. All integer.

Textures are periodic and scroll; rows are sliced before their loops, for the reason given in `finish`.
"""

# mypy: disable-error-code="operator,arg-type,assignment"
# numba gives these numbers their types; numpy's hints for mixed integers do not describe them.

from __future__ import annotations

from typing import Any

import numpy as np

from refilm.engines.effects.kernels.kernel import kernel


@kernel(
    "uint8[const], uint8[const], int, int, int16[const], int, int, int, int, uint32[const], int, int,"
    "int32[const], int, uint8[const], int, uint8[], int, int"
)
def hatch(
    ink: Any, tone: Any, w: int, h: int, drift: Any, rows: int, bx: int, by: int, weight: int, tile: Any, side: int,
    zoom: int, layers: Any, wash: int, p: Any, sp: int, o: Any, so: int, share: int,
) -> None:  # fmt: skip
    """The luma of a pencil drawing.

    ink, tone: (h, w), outlines (255 is paper) and the tone to be shaded.  drift, rows, bx, by: `Drift.widened`, its
    rows, and the base.  weight: of the first layer, 0..256.  tile: (side, side), side a power of two, each place
    `2**zoom` pixels: bytes of sway (1/16 period), pressure and the paper's tooth, the latter two around 128.
    layers: for each of three hatchings the tone below which it begins, its rise per level (of 16384), its limit (of
    256), and its periods per 1/16 pixel, across and down (1/65536).  wash: of 256, even shading under the hatching.
    share: 0..256 of the drawing, the rest stays `p`.

    Every number is kept to 32 bits by hand, and only the reading of the tile stands alone: the long loop then runs on
    several pixels at once.
    """
    i32 = np.int32
    mask, shift = i32(side - 1), i32(4 + zoom)
    c1, g1, m1, x1, y1 = layers[0], layers[1], layers[2], layers[3], layers[4]
    c2, g2, m2, x2, y2 = layers[5], layers[6], layers[7], layers[8], layers[9]
    c3, g3, m3, x3, y3 = layers[10], layers[11], layers[12], layers[13], layers[14]
    zero, full, whole = i32(0), i32(255), i32(256)
    even, mixed = i32(wash), i32(share)
    across, down, cells = np.empty(w, np.int32), np.empty(w, np.int32), np.empty(w, np.int32)
    kept, grit = np.empty(w, np.int32), np.empty(w, np.int32)
    plane = rows * w
    for j in range(h):
        lines, tones = ink[j * w : j * w + w], tone[j * w : j * w + w]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        v = min(max(((2 * j + 1) * rows * 16) // (2 * h) - 8, 0), (rows - 1) * 16)
        first, lower = (v >> 4) * w, i32(v & 15)
        second, upper = first + w if lower > 0 else first, i32(16 - lower)
        for i in range(w):
            kept[i], grit[i] = zero, zero
        for layer in range(2):
            part = i32(weight) if layer == 0 else i32(256 - weight)
            if part == 0:
                continue
            start = 2 * layer * plane
            high_x, low_x = drift[start + first : start + first + w], drift[start + second : start + second + w]
            start += plane
            high_y, low_y = drift[start + first : start + first + w], drift[start + second : start + second + w]
            for i in range(w):
                dx = i32(i32(high_x[i] * upper) + i32(low_x[i] * lower)) >> 4
                dy = i32(i32(high_y[i] * upper) + i32(low_y[i] * lower)) >> 4
                across[i], down[i] = i32(16 * i + bx + dx), i32(16 * j + by + dy)
                cells[i] = i32(i32(i32(down[i] >> shift) & mask) * side) + i32(i32(across[i] >> shift) & mask)
            for i in range(w):
                cells[i] = i32(tile[np.uint32(cells[i])])
            for i in range(w):
                cell, x, y, level = cells[i], across[i], down[i], i32(tones[i])
                sway = i32(i32(cell & 255) << 8)
                press = i32(i32(i32(cell >> 8) & 255) - 128)
                a = max(zero, min(m1, i32(i32(i32(c1 - level) * g1) >> 6)))
                b = max(zero, min(m2, i32(i32(i32(c2 - level) * g2) >> 6)))
                c = max(zero, min(m3, i32(i32(i32(c3 - level) * g3) >> 6)))
                # A line is darkest in its middle, has soft flanks, and leaves a third of the period bare.
                t = i32(i32(i32(i32(i32(x * x1) + i32(y * y1)) + sway) >> 8) & 255)
                line = min(full, max(zero, i32(i32(i32(abs(i32(t - 128))) - 41) * 4)))
                keep = i32(whole - i32(i32(a * min(full, max(zero, i32(line + press)))) >> 8))
                t = i32(i32(i32(i32(i32(x * x2) + i32(y * y2)) + sway) >> 8) & 255)
                line = min(full, max(zero, i32(i32(i32(abs(i32(t - 128))) - 41) * 4)))
                more = i32(whole - i32(i32(b * min(full, max(zero, i32(line + press)))) >> 8))
                keep = i32(i32(keep * more) >> 8)
                t = i32(i32(i32(i32(i32(x * x3) + i32(y * y3)) + sway) >> 8) & 255)
                line = min(full, max(zero, i32(i32(i32(abs(i32(t - 128))) - 41) * 4)))
                more = i32(whole - i32(i32(c * min(full, max(zero, i32(line + press)))) >> 8))
                keep = i32(i32(keep * more) >> 8)
                kept[i] = i32(kept[i] + i32(keep * part))
                grit[i] = i32(grit[i] + i32(i32(i32(i32(cell >> 16) & 255) - 128) * part))
        for i in range(w):
            level = i32(tones[i])
            lead = i32(511 - i32(lines[i]) - i32(kept[i] >> 8) + i32(i32(i32(255 - level) * even) >> 8))
            # Lead catches on the tooth of the paper and misses its hollows.
            value = i32(247 - i32(i32(lead * i32(whole + i32(grit[i] >> 8))) >> 8) + i32(grit[i] >> 13))
            value = i32(16 + i32(i32(min(full, max(i32(18), value)) * 220) >> 8))
            before = i32(old[i])
            new[i] = np.uint8(before + i32(i32(i32(value - before) * mixed) >> 8))


@kernel("int32[const], int, int32[const], int, uint8[], int")
def nearest(cells: Any, count: int, palette: Any, colours: int, label: Any, loyalty: int) -> None:
    """The nearest of `colours` palette entries for each cell; three numbers each, squared distance.

    label: what each cell had before, or 255, and then what it has now; the old colour counts as nearer by `loyalty`.
    """
    for k in range(count):
        a, b, c = cells[3 * k], cells[3 * k + 1], cells[3 * k + 2]
        old, best, least = np.int32(label[k]), np.int32(0), np.int32(2147483647)
        for n in range(colours):
            x, y, z = a - palette[3 * n], b - palette[3 * n + 1], c - palette[3 * n + 2]
            far = x * x + y * y + z * z
            if n == old:
                far -= loyalty
            if far < least:
                least, best = far, n
        label[k] = np.uint8(best)


@kernel(
    "uint8[const], uint8[const], int, int, int32[const], int32[const], uint8[const], uint8[const],"
    "uint8[const], int, uint8[], int, int"
)
def halftone(
    tone: Any, ink: Any, w: int, h: int, across: Any, down: Any, printed: Any, spread: Any, p: Any, sp: int, o: Any,
    so: int, share: int,
) -> None:  # fmt: skip
    """The luma of a printed comic: flat tones, dots of a darker one in the mid-tones, ink.

    tone, ink: (h, w), luma and outlines (255 is paper).  across, down: waves of -1024..1024 whose product is the dot
    screen, at 45 degrees.  printed, spread: for each tone the luma between the dots, and how much darker a dot is.
    share: 0..256 of the print, the rest stays `p`.
    """
    i32 = np.int32
    zero, full, mixed = i32(0), i32(256), i32(share)
    both, row = np.empty(256, np.uint16), np.empty(w, np.uint16)
    for level in range(256):
        both[level] = printed[level] | spread[level] << 8
    for j in range(h):
        tones, lines, wave = tone[j * w : j * w + w], ink[j * w : j * w + w], down[j]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        for i in range(w):
            row[i] = both[tones[i]]
        for i in range(w):
            # The darker the tone, the wider its dots.
            dot = i32(i32(i32(116 - i32(tones[i])) * 5) + i32(i32(across[i] * wave) >> 11))
            cover = min(full, max(zero, i32(128 + i32(dot >> 1))))
            value = i32(i32(row[i] & 255) - i32(i32(i32(row[i] >> 8) * cover) >> 8))
            value = i32(18 + i32(i32(i32(i32(value - 18) * i32(lines[i])) * 257) >> 16))
            before = i32(old[i])
            new[i] = np.uint8(before + i32(i32(i32(value - before) * mixed) >> 8))


@kernel(
    "uint8[const], int, int, uint8[const], int, uint8[const], int, int, int,"
    "uint8[const], int, uint8[], int, int, int, int"
)
def relief(
    tone: Any, w: int, h: int, height: Any, reach: int, grit: Any, side: int, x: int, y: int, p: Any, sp: int, o: Any,
    so: int, light: int, shine: int, share: int,
) -> None:  # fmt: skip
    """The luma of a surface that stands out, lit from the upper left.

    tone: (h, w).  height: (h + 2 reach, w + 2 reach) levels of the surface; its slope is taken over `reach` pixels to
    either side.  grit: periodic (side, side), side a power of two, around 128, shifted by (x, y).  light: of 256, of
    the slope.  shine: of 256, of what a slope exceeds 24 levels by.  share: 0..256, the rest stays `p`.
    """
    stride = w + 2 * reach
    zero, bright, gloss, mixed = np.int32(0), np.int32(light), np.int32(shine), np.int32(share)
    for j in range(h):
        top = height[j * stride : j * stride + w]
        bottom = height[(j + 2 * reach) * stride + 2 * reach : (j + 2 * reach) * stride + 2 * reach + w]
        row = ((j + y) & (side - 1)) * side
        tones = tone[j * w : j * w + w]
        start, column = 0, x & (side - 1)
        while start < w:
            run = min(side - column, w - start)
            old, new = p[j * sp + start : j * sp + start + run], o[j * so + start : j * so + start + run]
            sand, flat = grit[row + column : row + column + run], tones[start : start + run]
            high, low = top[start : start + run], bottom[start : start + run]
            for i in range(run):
                slope = np.int32(np.int32(low[i]) - np.int32(high[i]))
                value = np.int32(np.int32(flat[i]) + np.int32(np.int32(slope * bright) >> 8))
                value = np.int32(value + np.int32(np.int32(max(zero, np.int32(slope - 24)) * gloss) >> 8))
                value = np.int32(value + np.int32(np.int32(sand[i]) - 128))
                value = min(np.int32(238), max(np.int32(16), value))
                before = np.int32(old[i])
                new[i] = np.uint8(before + np.int32(np.int32(np.int32(value - before) * mixed) >> 8))
            start, column = start + run, 0
