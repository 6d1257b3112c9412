"""What a lens does to sharpness: blur, crispness, and a band of focus. Radii are those of Gaussians, in pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.kernels import lens
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, copy, flat
from refilm.engines.effects.scaling import smaller

#: Below this many pixels a Gaussian changes nothing that 8 bits could show.
_SMALLEST = 0.3
#: A Gaussian wider than this is computed on a smaller picture. Half of it is enough to hide that one's pixels.
_WIDEST = 1.7


def blur(before: Planes, after: Planes, radius: float) -> None:
    """Fill `after` with the blurred `before`; they may be the same planes.  radius: luma pixels."""
    np.copyto(after.y, blurred(before.y, radius))
    np.copyto(after.u, blurred(before.u, radius / 2))
    np.copyto(after.v, blurred(before.v, radius / 2))


def blurred(plane: Plane, radius: float) -> Plane:
    """The plane under a Gaussian. A wide one is computed on a smaller picture: nothing finer is left to lose."""
    if radius < _SMALLEST:
        return plane
    height, width = plane.shape
    factor = 1
    while radius / factor > _WIDEST and min(width, height) // (2 * factor) >= 8:
        factor *= 2
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), radius), np.uint8)
    small = smaller(plane, (width // factor, height // factor))
    # The averaging of the smaller picture blurs, too: a box of `factor` pixels has a variance of factor^2 / 12, and
    # the linear interpolation on the way back one of factor^2 / 6.
    rest = np.sqrt((radius / factor) ** 2 - 1 / 4)
    small = cv2.GaussianBlur(small, (0, 0), rest)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


class Sharpening:
    """Unsharp masking of the luma with a limit to what an edge may gain, so that it grows no halo."""

    def __init__(self, setting: Setting, amount: float) -> None:
        """amount: 0.1 barely crisper, 1.5 harsh."""
        self._radius = max(0.6, 1.5 * setting.scale)
        step = np.arange(-255, 256)
        # Differences of one or two levels are noise; large ones are edges, which need no help.
        felt = np.sign(step) * np.maximum(0, np.abs(step) - 1.2)
        gain = 3.2 * amount * felt / (1 + np.abs(felt) / (10 + 12 * amount))
        self._gain = np.rint(gain).astype(np.int32)

    def apply(self, before: Planes, after: Planes) -> None:
        """Fill `after` with the crisper `before`; they may be the same planes."""
        soft = blurred(before.y, self._radius)
        copy(before, after)
        (p, sp), (s, ss), (o, so) = flat(before.y), flat(soft), flat(after.y)
        height, width = after.y.shape
        lens.boost(p, sp, s, ss, o, so, width, height, self._gain)


class FocusBand:
    """Blurs a picture more and more away from one horizontal band.

    Between the sharp picture and the softest one stand two more, so that no place shows a sharp edge and its blurred
    ghost together.
    """

    def __init__(self, setting: Setting, focus: float, width: float, strength: float) -> None:
        """focus, width: shares of the height, 0..1.  strength: 1 blurs the far end by 10 pixels at 720p."""
        self._radii = tuple(radius * strength * setting.scale for radius in (0.0, 1.8, 4.2, 10.0))
        self._luma = _softness(setting.size[1], focus, width)
        self._chroma = _softness(setting.size[1] // 2, focus, width)

    def apply(self, before: Planes, after: Planes) -> None:
        """Fill `after` from `before`; they may be the same planes."""
        copy(before, after)
        self._plane(after.y, self._luma, 1.0)
        self._plane(after.u, self._chroma, 0.5)
        self._plane(after.v, self._chroma, 0.5)

    def _plane(self, plane: Plane, softness: NDArray[np.float64], share: float) -> None:
        sharp = np.array(plane)
        for rows in _outside(softness):
            for level, radii in enumerate(pairwise(self._radii)):
                part = _between(softness, rows, level)
                if part.stop <= part.start:
                    continue
                (p, sp), (q, sq) = (flat(_rows_blurred(sharp, part, radius * share)) for radius in radii)
                o, so = flat(plane[part])
                weight = np.rint(256 * (softness[part] - level)).astype(np.int32)
                lens.cross_fade(p, sp, q, sq, o, so, plane.shape[1], part.stop - part.start, weight)


def _softness(height: int, focus: float, width: float) -> NDArray[np.float64]:
    """For each row 0 in the band, 3 where the picture is softest."""
    place = (np.arange(height) + 0.5) / height
    away = np.clip((np.abs(place - focus) - width / 2) / 0.36, 0, 1)
    return 3 * away * away * (3 - 2 * away) * 0.6 + 3 * away * 0.4


def _between(softness: NDArray[np.float64], rows: slice, level: int) -> slice:
    """Those of `rows`, over which the softness rises or falls, where it lies between `level` and the next."""
    inside = np.flatnonzero((softness[rows] >= level) & (softness[rows] <= level + 1))
    return slice(rows.start + int(inside[0]), rows.start + int(inside[-1]) + 1) if len(inside) else slice(0, 0)


def _rows_blurred(plane: Plane, rows: slice, radius: float) -> Plane:
    """Some rows of the blurred plane. Their surroundings take part, in whole blocks, as if all were blurred."""
    reach = int(np.ceil(3 * radius))
    top, bottom = max(0, rows.start - reach) // 16 * 16, -(-(rows.stop + reach) // 16) * 16
    return blurred(plane[top:bottom], radius)[rows.start - top : rows.stop - top]


def _outside(softness: NDArray[np.float64]) -> list[slice]:
    """The rows above the band and those below it, where there are any."""
    sharp = np.flatnonzero(softness == 0)
    first, last = (int(sharp[0]), int(sharp[-1]) + 1) if len(sharp) else (len(softness), len(softness))
    return [rows for rows in (slice(0, first), slice(last, len(softness))) if rows.stop > rows.start]
