"""Pixel art: large square pixels in a few colours, chosen once for the whole clip, with ordered dither.

Knows one clip. The grid is the screen's, as it was on the machines of the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Packed, Stabiliser
from refilm.engines.effects.colour import Colours, s_curve
from refilm.engines.effects.context import Context, paint_divisor
from refilm.engines.effects.kernels import draw
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes
from refilm.engines.effects.yuv_table import yuv_from_rgb

#: Weight of chroma against luma in the choice of a colour, and parts of a level that the choice is made in.
_CHROMA, _PARTS = 1.6, 4
#: Levels from one step of the dither's darkest to its lightest place.
_DITHER = 12.0
#: How much nearer (squared levels) another colour must be before a cell changes.
_LOYALTY = 70
_ROUNDS = 12


class PixelScreen:
    """Shows a clip on a coarse screen. State: the stabiliser's picture and each cell's colour."""

    def __init__(self, setting: Setting, block: float, colours: int) -> None:
        """block: side of a pixel, for a picture of 720 rows.  colours: in the palette, 8 to 64."""
        self._stabiliser = Stabiliser(setting.size)
        divisor = paint_divisor(setting.size)
        # Whole pixels of the painting grid and of the chroma planes.
        unit = max(2, divisor)
        side = unit * max(1, round(block * setting.scale / unit))
        self._side, self._small_side = side, side // divisor
        width, height = setting.size
        self._columns, self._rows = -(-width // side), -(-height // side)
        self._palette = _palette(setting, colours)
        self._entries = np.ascontiguousarray(np.rint(_weighed(self._palette) * _PARTS), np.int32)
        self._shown = np.clip(np.rint(self._palette), 16, 240).astype(np.uint8)
        self._dither = _dither(self._rows, self._columns)
        self._labels = np.full(self._rows * self._columns, 255, np.uint8)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after`; the two may be the same planes."""
        cells = _toned(_crisp(self._cells(self._stabiliser.update(context, before))))
        if context.flow is None:
            self._labels[:] = 255
        cells[..., 0] += self._dither
        wanted = np.rint(_weighed(cells) * _PARTS).astype(np.int32)
        draw.nearest(
            wanted.reshape(-1), self._labels.size, self._entries.reshape(-1), len(self._entries), self._labels,
            _LOYALTY * _PARTS * _PARTS,
        )  # fmt: skip
        shown = self._shown[self._labels].reshape(self._rows, self._columns, 3)
        for k, (plane, side) in enumerate(
            ((after.y, self._side), (after.u, self._side // 2), (after.v, self._side // 2))
        ):
            _show(np.ascontiguousarray(shown[..., k]), side, plane)

    def _cells(self, picture: Packed) -> NDArray[np.float32]:
        """The mean of each cell, (rows, columns, 3)."""
        side, (height, width) = self._small_side, picture.shape[:2]
        below, right = self._rows * side - height, self._columns * side - width
        whole = cv2.copyMakeBorder(picture, 0, max(0, below), 0, max(0, right), cv2.BORDER_REPLICATE)
        whole = whole[: self._rows * side, : self._columns * side]
        small = cv2.resize(whole, (self._columns, self._rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small[..., :3], np.float32)


def _crisp(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cells set off from their neighbours, as an artist places them."""
    return np.asarray(cells + np.float32(0.55) * (cells - cv2.GaussianBlur(cells, (0, 0), 1.0)))


def _toned(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """YUV levels with a little more contrast and colour."""
    luma = 16 + 219 * s_curve(np.clip((cells[..., 0] - 16) / 219, 0, 1), 1.18)
    chroma = 128 + (cells[..., 1:] - 128) * 1.35
    return np.concatenate([luma[..., None], chroma], -1).astype(np.float32)


def _weighed(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """YUV levels in a space where distances are as the eye has them, roughly."""
    return cells * np.array([1, _CHROMA, _CHROMA], np.float32)


def _palette(setting: Setting, colours: int) -> NDArray[np.float32]:
    """(colours, 3) YUV levels that stand for the clip's own: k-means, begun far apart."""
    random = np.random.default_rng((setting.seed, 81))
    samples: Colours = setting.samples()
    if len(samples) == 0:
        samples = random.uniform(0, 1, (4000, 3))
    points = _weighed(_toned(yuv_from_rgb(samples[:6000], setting.matrix).astype(np.float32)))
    centres = _spread(points, colours, random)
    for _ in range(_ROUNDS):
        nearest = _distances(points, centres).argmin(1)
        count = np.bincount(nearest, minlength=colours)[:, None]
        sums = np.stack([np.bincount(nearest, points[:, k], colours) for k in range(3)], -1)
        centres = np.where(count > 0, sums / np.maximum(count, 1), centres).astype(np.float32)
    return np.asarray(centres / np.array([1, _CHROMA, _CHROMA], np.float32))


def _spread(points: NDArray[np.float32], count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """`count` of the points, each drawn by its squared distance from those before (k-means++)."""
    chosen = [points[random.integers(len(points))]]
    far = _distances(points, chosen[0][None])[:, 0]
    for _ in range(count - 1):
        share = np.cumsum(far + 1e-3)
        chosen.append(
            points[np.searchsorted(share, random.uniform(0, share[-1]), side="right").clip(0, len(points) - 1)]
        )
        far = np.minimum(far, _distances(points, chosen[-1][None])[:, 0])
    return np.stack(chosen)


def _distances(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, m): squared distances, summed in a fixed order."""
    total = np.zeros((len(points), len(centres)), np.float32)
    for k in range(3):
        total += (points[:, k, None] - centres[None, :, k]) ** 2
    return total


def _dither(rows: int, columns: int) -> NDArray[np.float32]:
    """The 4x4 ordered dither of Bayer (1973) in levels of luma, mean 0."""
    tile = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32)
    whole = np.tile((tile - 7.5) / 15 * _DITHER, (rows // 4 + 1, columns // 4 + 1))
    return np.asarray(whole[:rows, :columns], np.float32)


def _show(cells: Plane, side: int, plane: Plane) -> None:
    """Fill a plane with squares of `side`."""
    large = cv2.resize(cells, (cells.shape[1] * side, cells.shape[0] * side), interpolation=cv2.INTER_NEAREST)
    np.copyto(plane, large[: plane.shape[0], : plane.shape[1]])
