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
    "uint8[const], uint8[const], int, int, int16[const], int, int, int, uint32[const], int, int, uint8[const],"
    "int32[const], int, uint8[const], int, uint8[], int, int"
)
def hatch(
    ink: Any, tone: Any, w: int, h: int, drift: Any, bx: int, by: int, weight: int, tile: Any, side: int, zoom: int,
    stroke: Any, layers: Any, wash: int, p: Any, sp: int, o: Any, so: int, share: int,
) -> None:  # fmt: skip
    """The luma of a pencil drawing.

    ink, tone: (h, w), outlines (255 is paper) and the tone to be shaded.  drift, bx, by: `Drift.enlarged` and base.
    weight: of the first layer, 0..256.  tile: (side, side), side a power of two, each place `2**zoom` pixels: bytes
    of sway (1/16 period), pressure and the paper's tooth, the latter two around 128.  stroke: 256 levels across one
    period of a hatching.  layers: for each of three hatchings the tone below which it begins, its rise per level (of
    16384), its limit (of 256), and its periods per 1/16 pixel, across and down (1/65536).  wash: of 256, even
    shading under the hatching.  share: 0..256 of the drawing, the rest stays `p`.
    """
    mask, shift = np.uint32(side - 1), 4 + zoom
    c1, g1, m1, x1, y1 = layers[0], layers[1], layers[2], layers[3], layers[4]
    c2, g2, m2, x2, y2 = layers[5], layers[6], layers[7], layers[8], layers[9]
    c3, g3, m3, x3, y3 = layers[10], layers[11], layers[12], layers[13], layers[14]
    zero, full = np.int32(0), np.int32(255)
    for j in range(h):
        lines, tones = ink[j * w : j * w + w], tone[j * w : j * w + w]
        places = drift[4 * j * w : 4 * (j + 1) * w]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        for i in range(w):
            level = np.int32(tones[i])
            a = min(m1, ((c1 - level) * g1) >> 6)
            b, c = min(m2, ((c2 - level) * g2) >> 6), min(m3, ((c3 - level) * g3) >> 6)
            kept, grit, part = zero, zero, np.int32(weight)
            for layer in range(2):
                dx, dy = places[4 * i + 2 * layer], places[4 * i + 2 * layer + 1]
                # Layers that agree need only one look.
                alone = layer == 0 and dx == places[4 * i + 2] and dy == places[4 * i + 3]
                if alone:
                    part = np.int32(256)
                x, y = np.int32(16 * i + bx + dx), np.int32(16 * j + by + dy)
                both = tile[(np.uint32(y >> shift) & mask) * np.uint32(side) + (np.uint32(x >> shift) & mask)]
                grit += (np.int32((both >> np.uint32(16)) & np.uint32(255)) - 128) * part
                keep = np.int32(256)
                if a > 0:
                    sway = np.int32(both & np.uint32(255)) << 8
                    press = np.int32((both >> np.uint32(8)) & np.uint32(255)) - 128
                    line = np.int32(stroke[((x * x1 + y * y1 + sway) >> 8) & 255])
                    drawn = min(full, max(zero, line + press))
                    keep = 256 - ((a * drawn) >> 8)
                    if b > 0:
                        line = np.int32(stroke[((x * x2 + y * y2 + sway) >> 8) & 255])
                        drawn = min(full, max(zero, line + press))
                        keep = (keep * (256 - ((b * drawn) >> 8))) >> 8
                        if c > 0:
                            line = np.int32(stroke[((x * x3 + y * y3 + sway) >> 8) & 255])
                            drawn = min(full, max(zero, line + press))
                            keep = (keep * (256 - ((c * drawn) >> 8))) >> 8
                kept += keep * part
                if alone:
                    break
                part = np.int32(256 - weight)
            lead = (255 - np.int32(lines[i])) + 256 - (kept >> 8) + (((255 - level) * np.int32(wash)) >> 8)
            # Lead catches on the tooth of the paper and misses its hollows.
            value = 247 - ((lead * (256 + (grit >> 8))) >> 8) + (grit >> 13)
            value = 16 + ((min(np.int32(255), max(np.int32(18), value)) * 220) >> 8)
            before = np.int32(old[i])
            new[i] = np.uint8(before + (((value - before) * np.int32(share)) >> 8))


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
    zero, full = np.int32(0), np.int32(256)
    for j in range(h):
        tones, lines, wave = tone[j * w : j * w + w], ink[j * w : j * w + w], down[j]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        for i in range(w):
            level = np.int32(tones[i])
            # The darker the tone, the wider its dots.
            cover = min(full, max(zero, 128 + ((116 - level) * 5 + ((across[i] * wave) >> 11)) // 2))
            value = np.int32(printed[level]) - ((np.int32(spread[level]) * cover) >> 8)
            value = 18 + (((value - 18) * np.int32(lines[i]) * 257) >> 16)
            before = np.int32(old[i])
            new[i] = np.uint8(before + (((value - before) * np.int32(share)) >> 8))


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
    for j in range(h):
        top = height[j * stride : j * stride + w]
        bottom = height[(j + 2 * reach) * stride + 2 * reach : (j + 2 * reach) * stride + 2 * reach + w]
        row = grit[((j + y) & (side - 1)) * side : ((j + y) & (side - 1)) * side + side]
        tones = tone[j * w : j * w + w]
        old, new = p[j * sp : j * sp + w], o[j * so : j * so + w]
        for i in range(w):
            slope = np.int32(bottom[i]) - np.int32(top[i])
            value = np.int32(tones[i]) + ((slope * np.int32(light)) >> 8)
            value += (max(np.int32(0), slope - 24) * np.int32(shine)) >> 8
            value += np.int32(row[(i + x) & (side - 1)]) - 128
            value = min(np.int32(238), max(np.int32(16), value))
            before = np.int32(old[i])
            new[i] = np.uint8(before + (((value - before) * np.int32(share)) >> 8))
