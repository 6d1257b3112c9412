"""Kernels of patch synthesis: which place of a reference picture each place of a frame takes its brushwork from.

Pictures are rows of eight int16 per pixel: luma, U, V, then guides (luma and two of direction) that carry their weight,
then two zeros. All integer.
"""

# mypy: disable-error-code="operator,arg-type,assignment,call-arg"
# numba gives these numbers their types; numpy's hints for mixed integers do not describe them.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32

from refilm.engines.effects.kernels.kernel import kernel
from refilm.engines.effects.kernels.lanes import distance_of_five

#: Buckets from this one on are those of even places.
EVEN = 512


@kernel(
    "int16[const], int, int, int16[const], int, int, int32[], int32[const], int32[const], int, uint8[const], int, int,"
    "int"
)
def match(
    target: Any, w: int, h: int, source: Any, sw: int, sh: int, place: Any, bucket: Any, table: Any, choices: int,
    mask: Any, cell: int, radius: int, loyal: int,
) -> None:  # fmt: skip
    """Improve `place`, (h, w): the index in the source, sw x sh, whose surroundings look most like each pixel's.

    One scan in reading order. Tried are: the place itself; what continues the places of the four neighbours already
    visited (coherence, Ashikhmin 2001); and the `choices` of the pixel's row of `table`, whose number is in `bucket`.
    The source is there twice; even places, whose buckets are those from `EVEN` on, are compared with the second.
    Places lie at least `radius` from the source's border.  mask: for each cell of `cell` x `cell` pixels whether it is
    looked at.  radius: of the compared square.  loyal: sixteenths of its distance that the place itself has remitted,
    so that another is taken only where it is clearly better.
    """
    columns = (w + cell - 1) // cell
    total = 4 + choices
    for y in range(h):
        above, below = min(radius, y), min(radius, h - 1 - y)
        for x in range(w):
            if mask[(y // cell) * columns + x // cell] == 0:
                continue
            # At the picture's border the part of the square that lies within is compared.
            left, right = min(radius, x), min(radius, w - 1 - x)
            across = 8 * (left + right + 1)
            here = y * w + x
            best, least = np.int32(place[here]), np.int32(2147483647)
            row = bucket[here] * choices
            version = 8 * sw * sh if bucket[here] >= EVEN else 0
            for n in range(-1, total):
                if (n == 0 and x == 0) or (1 <= n <= 3 and y == 0) or (n == 2 and x == 0) or (n == 3 and x == w - 1):
                    continue
                if n == -1:
                    try_at = np.int64(place[here])
                elif n == 0:
                    try_at = np.int64(place[here - 1]) + 1
                elif n == 1:
                    try_at = np.int64(place[here - w]) + sw
                elif n == 2:
                    try_at = np.int64(place[here - w - 1]) + sw + 1
                elif n == 3:
                    try_at = np.int64(place[here - w + 1]) + sw - 1
                else:
                    try_at = np.int64(table[row + n - 4])
                if n >= 0 and try_at == best:
                    continue
                sy = try_at // sw
                sx = try_at - sy * sw
                if sy < radius or sx < radius or sy >= sh - radius or sx >= sw - radius:
                    continue
                far = np.int32(0)
                for j in range(-above, below + 1):
                    a = 8 * ((y + j) * w + x - left)
                    b = 8 * ((sy + j) * sw + sx - left) + version
                    if across == 40:
                        far = np.int32(far + distance_of_five(target, a, source, b))
                    else:
                        one, other = target[a : a + across], source[b : b + across]
                        for k in range(across):
                            d = np.int32(np.int32(one[k]) - np.int32(other[k]))
                            far = np.int32(far + np.int32(d * d))
                    if far >= least:
                        break
                if far < least:
                    least, best = far, np.int32(try_at)
                    if n == -1:
                        least = np.int32(least - (least >> 4) * loyal)
            place[here] = best


@kernel("int16[const], int, int, int32[const], int, int, uint8[const], int, int, int16[]")
def vote(source: Any, sw: int, sh: int, place: Any, w: int, h: int, mask: Any, cell: int, radius: int, out: Any) -> None:  # noqa: E501  # fmt: skip
    """Set the first three numbers of each pixel of `out` to the mean of what the squares around it have there.

    Everything else as for `match`.
    """
    columns = (w + cell - 1) // cell
    for y in range(h):
        top, bottom = max(0, y - radius), min(h - 1, y + radius)
        for x in range(w):
            if mask[(y // cell) * columns + x // cell] == 0:
                continue
            a, b, c, n = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
            for j in range(top, bottom + 1):
                for i in range(max(0, x - radius), min(w - 1, x + radius) + 1):
                    at = 8 * (place[j * w + i] + (y - j) * sw + (x - i))
                    a += source[at]
                    b += source[at + 1]
                    c += source[at + 2]
                    n += 1
            at = 8 * (y * w + x)
            out[at], out[at + 1], out[at + 2] = (a + n // 2) // n, (b + n // 2) // n, (c + n // 2) // n


@kernel(
    "float32[const], int, int, float, float, int16[const], int, int, int, int, float32[], int32[const],"
    "int16[const], uint8[const], float32[], int32[], int16[], uint8[], int, int"
)
def travel(
    flow: Any, fw: int, fh: int, scale: float, still: float, source: Any, sw: int, sh: int, radius: int, alike: int,
    off: Any, place: Any, paint: Any, light: Any, new_off: Any, new_place: Any, new_paint: Any, moved: Any,
    w: int, h: int,
) -> None:  # fmt: skip
    """Take places and paint along the flow from one frame to the next.

    flow: (fh, fw, 2) back to the frame before, `scale` of its pixels to one of (h, w); shorter ones than `still`, in
    the latter, count as none.  off: (h, w, 2), how far beside itself each pixel's paint is to be shown. Numbers move
    by whole pixels, and `new_off` keeps the rest, so that nothing is ever blurred and nothing is lost. What comes into
    the picture is what lies in the source beside the place of the picture's border.
    light: (h, w) of the frame before; `moved` is what arrives of it, or something far off where what comes in is
    lighter or darker than it should be by more than `alike`.
    """
    right, bottom = float32(w - 1), float32(h - 1)
    per_x, per_y = float32(fw / w), float32(fh / h)
    half, factor, least = float32(0.5), float32(scale), float32(still)
    # Conversion rounds towards nought; this far to the right and below all is positive.
    shift = 1024
    rounding = float32(shift) + half
    for y in range(h):
        v = min(float32(fh - 1), max(float32(0), (float32(y) + half) * per_y - half))
        v0 = np.int64(v)
        v1, wv = min(v0 + 1, fh - 1), v - float32(v0)
        for x in range(w):
            u = min(float32(fw - 1), max(float32(0), (float32(x) + half) * per_x - half))
            u0 = np.int64(u)
            u1, wu = min(u0 + 1, fw - 1), u - float32(u0)
            a, b, c, d = 2 * (v0 * fw + u0), 2 * (v0 * fw + u1), 2 * (v1 * fw + u0), 2 * (v1 * fw + u1)
            top, low = flow[a] + wu * (flow[b] - flow[a]), flow[c] + wu * (flow[d] - flow[c])
            dx = (top + wv * (low - top)) * factor
            top, low = flow[a + 1] + wu * (flow[b + 1] - flow[a + 1]), flow[c + 1] + wu * (flow[d + 1] - flow[c + 1])
            dy = (top + wv * (low - top)) * factor
            if abs(dx) < least and abs(dy) < least:
                dx, dy = float32(0), float32(0)
            q = y * w + x
            gx = min(right + float32(99), max(float32(-99), float32(x) + dx))
            gy = min(bottom + float32(99), max(float32(-99), float32(y) + dy))
            fx, fy = min(right, max(float32(0), gx)), min(bottom, max(float32(0), gy))
            near = np.int64(fy + half) * w + np.int64(fx + half)
            ix, iy = np.int64(fx), np.int64(fy)
            px, py = fx - float32(ix), fy - float32(iy)
            there, jx, jy = iy * w + ix, min(1, w - 1 - ix), min(1, h - 1 - iy) * w
            first, second = float32(light[there]), float32(light[there + jy])
            first += px * (float32(light[there + jx]) - first)
            second += px * (float32(light[there + jy + jx]) - second)
            moved[q] = np.uint8(first + py * (second - first) + half)
            # What lies beside the place that the flow points to is that far off, too.
            gx, gy = gx + off[2 * near], gy + off[2 * near + 1]
            ix, iy = np.int64(gx + rounding) - shift, np.int64(gy + rounding) - shift
            jx, jy = min(w - 1, max(0, ix)), min(h - 1, max(0, iy))
            there = jy * w + jx
            new_off[2 * q], new_off[2 * q + 1] = gx - float32(ix), gy - float32(iy)
            here = np.int64(place[there])
            if ix == jx and iy == jy:
                new_place[q] = here
                for k in range(3):
                    new_paint[8 * q + k] = paint[8 * there + k]
                continue
            sy, sx = here // sw + iy - jy, here % sw + ix - jx
            if radius <= sy < sh - radius and radius <= sx < sw - radius:
                here = sy * sw + sx
            new_place[q] = here
            if abs(source[8 * here + 3] - new_paint[8 * q + 3]) > alike:
                moved[q] ^= 128
            for k in range(3):
                new_paint[8 * q + k] = source[8 * here + k]
