"""Kernels of the drawn and printed looks: pencil, comic, oil, clay, pixels. All integer.

Textures are periodic and scroll; rows are sliced before their loops, for the reason given in `finish`.
"""

# mypy: disable-error-code="operator,arg-type,assignment"
# numba gives these numbers their types; numpy's hints for mixed integers do not describe them.

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

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
    layers: for each of three hatchings the tone below which it begins, its rise per level (of 16384, so that no tone
    rises by more than 32767), its limit (of 256), and its periods per 1/16 pixel, across and down (1/65536).
    wash: of 256, even shading under the hatching.  share: 0..256 of the drawing, the rest stays `p`.

    A row passes through three functions, each with one long loop that runs on many pixels at once; only the reading of
    the tile stands alone.
    """
    across, down, cells = np.empty(w, np.int16), np.empty(w, np.int16), np.empty(w, np.uint32)
    dark, grit = np.empty(w, np.uint16), np.empty(w, np.int16)
    plane = rows * w
    for j in range(h):
        v = min(max(((2 * j + 1) * rows * 16) // (2 * h) - 8, 0), (rows - 1) * 16)
        high, part = (v >> 4) * w, v & 15
        low = high + w if part > 0 else high
        tones = tone[j * w : j * w + w]
        dark[:] = 0
        grit[:] = 0
        for layer in range(2):
            seen = weight if layer == 0 else 256 - weight
            if seen == 0:
                continue
            fields, top = drift[2 * layer * plane : 2 * (layer + 1) * plane], 16 * j + by
            _locate(fields, high, low, part, plane, bx, top, 4 + zoom, side, across, down, cells)
            for i in range(w):
                cells[i] = tile[cells[i]]
            _shade(across, down, cells, tones, layers, seen, dark, grit)
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        _draw(ink[j * w : j * w + w], tones, dark, grit, np.int32(wash), np.int32(share), old, new)


@register_jitable
def _locate(
    fields: Any, high: int, low: int, part: int, plane: int, left: int, top: int, shift: int, side: int,
    across: Any, down: Any, cells: Any,
) -> None:  # fmt: skip
    """Where a row of pixels lies on the paper: places in 1/16 pixel modulo 2**16, and their cells of the tile.

    fields: of one layer.  high, low, part: the two rows of it that count, and sixteenths of the lower one.
    """
    i32 = np.int32
    w = len(across)
    mask, upper, lower = i32(side - 1), i32(16 - part), i32(part)
    high_x, low_x = fields[high : high + w], fields[low : low + w]
    high_y, low_y = fields[plane + high : plane + high + w], fields[plane + low : plane + low + w]
    for i in range(w):
        dx = i32(i32(high_x[i] * upper) + i32(low_x[i] * lower)) >> 4
        dy = i32(i32(high_y[i] * upper) + i32(low_y[i] * lower)) >> 4
        x, y = i32(16 * i + left + dx), i32(top + dy)
        across[i], down[i] = np.int16(x), np.int16(y)
        cells[i] = np.uint32(i32(i32(i32(y >> shift) & mask) * side) + i32(i32(x >> shift) & mask))


@register_jitable
def _shade(across: Any, down: Any, cells: Any, tones: Any, layers: Any, seen: int, dark: Any, grit: Any) -> None:
    """Add to `dark` what the hatchings take from a row of paper (of 65536), and to `grit` its tooth (256 a level).

    seen: how much of this is seen, of 256. All numbers are kept to 16 bits by hand.
    """
    i16, u16 = np.int16, np.uint16
    c1, g1, m1, x1, y1 = i16(layers[0]), i16(layers[1]), i16(layers[2]), i16(layers[3]), i16(layers[4])
    c2, g2, m2, x2, y2 = i16(layers[5]), i16(layers[6]), i16(layers[7]), i16(layers[8]), i16(layers[9])
    c3, g3, m3, x3, y3 = i16(layers[10]), i16(layers[11]), i16(layers[12]), i16(layers[13]), i16(layers[14])
    for i in range(len(across)):
        cell, x, y, level = cells[i], across[i], down[i], i16(tones[i])
        sway, press = i16(u16(cell) << 8), i16(i16(u16(cell) >> 8) - 128)
        keep = u16(256 - _lead(x, y, sway, press, level, c1, g1, m1, x1, y1))
        keep = u16(keep - u16(u16(u16(keep * _lead(x, y, sway, press, level, c2, g2, m2, x2, y2)) + 255) >> 8))
        keep = u16(keep - u16(u16(u16(keep * _lead(x, y, sway, press, level, c3, g3, m3, x3, y3)) + 255) >> 8))
        dark[i] = u16(dark[i] + u16(u16(256 - keep) * seen))
        grit[i] = i16(grit[i] + i16(i16(i16(cell >> 16) - 128) * seen))


@register_jitable
def _lead(
    x: int, y: int, sway: int, press: int, level: int, begin: int, rise: int, limit: int, turn_x: int, turn_y: int
) -> Any:
    """What one hatching takes from the paper at one place, of 256; its numbers are those of `layers` in `hatch`."""
    i16, u16 = np.int16, np.uint16
    # A line is darkest in its middle, has soft flanks, and leaves a third of the period bare.
    turn = i16(u16(i16(i16(i16(x * turn_x) + i16(y * turn_y)) + sway)) >> 8)
    line = min(i16(255), max(i16(0), i16(i16(abs(i16(turn - 128)) - 41) * 4)))
    line = min(i16(255), max(i16(0), i16(line + press)))
    dark = min(limit, max(i16(0), i16(i16(i16(begin - level) * rise) >> 6)))
    return u16(u16(u16(dark) * u16(line)) >> 8)


@register_jitable
def _draw(lines: Any, tones: Any, dark: Any, grit: Any, wash: int, share: int, old: Any, new: Any) -> None:
    """The luma of a row of the drawing."""
    i32 = np.int32
    full = i32(255)
    for i in range(len(lines)):
        level, taken = i32(tones[i]), i32(i32(i32(dark[i]) + 255) >> 8)
        lead = i32(255 - i32(lines[i]) + taken + i32(i32(i32(255 - level) * wash) >> 8))
        # Lead catches on the tooth of the paper and misses its hollows.
        value = i32(247 - i32(i32(lead * i32(256 + i32(grit[i] >> 8))) >> 8) + i32(grit[i] >> 13))
        value = i32(16 + i32(i32(min(full, max(i32(18), value)) * 220) >> 8))
        before = i32(old[i])
        new[i] = np.uint8(before + i32(i32(i32(value - before) * share) >> 8))


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
