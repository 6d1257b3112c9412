"""Patch style: the clip repainted with the brushwork of a reference picture.

Every small square of a frame takes the place of the picture that is as light and runs in the same direction (Hertzmann
et al., "Image analogies", 2001). Where to look is not searched at random: a fixed table holds places for each lightness
and direction, and neighbours continue each other's (Ashikhmin, "Synthesizing natural textures", 2001). Where a frame is
even, a sky say, the picture's strokes count as no difference of light, or its few strokeless places would be repeated.
After the first frame of a shot places and paint travel with the optical flow, and only what no longer fits is painted
anew. Knows one clip and one picture.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Stabiliser
from refilm.engines.effects.context import Context
from refilm.engines.effects.kernels import patches
from refilm.engines.effects.layers import LEVELS, fitted
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes
from refilm.engines.effects.yuv_table import yuv_from_rgb

#: The square that is compared reaches this far; levels of the pyramid; places in each row of the table.
_RADIUS, _LEVELS, _CHOICES = 2, 3, 12
#: Luma counts this much more as a guide than the paint does; direction counts its square root less.
_LUMA_WEIGHT, _DIRECTION_WEIGHT = 2.4, 1.7
_WEIGHED = np.rint(LEVELS * _LUMA_WEIGHT).astype(np.int16)
#: Standard deviation of the Gaussian under which lightness and direction are looked at.
_SOFTNESS = 1.2
#: Frames are repainted in cells of this side, where they differ by more than this many levels from what has travelled.
_CELL, _TOLERANCE = 8, 6.0
#: Flow below this, in pixels of the painting, is taken for the noise of a still picture.
_STILL = 0.12
#: Slopes, squared, up to which a place counts as flat, without a direction.
_FLAT = np.float32(200)
#: The same up to which it counts as even: there the picture's strokes are painted, of which the guides know nothing.
_EVEN = np.float32(800)
#: Standard deviation of the Gaussian that leaves of the picture what is not a stroke, pixels of the finest level.
_STROKE = 3.0
#: Share of the picture's places that an even place of some lightness may take.
_POOL = 0.03
#: Sixteenths by which another place must be better than the one that is there.
_LOYALTY = 4
#: How far the light of paint that comes in at the border may be from what it should be, weighed as a guide.
_NEAR = 48
#: How often a first frame is painted over at each level.
_ROUNDS = 3
#: How much of the picture's own distribution of light the clip takes on.
_LIKE_THE_PICTURE = 0.8

Eights = NDArray[np.int16]


@dataclass(frozen=True)
class Level:
    """The reference at one size: (2, h, w, 8) as the kernels read it, as it is and then with the guides that even
    places go by; and (1024, choices), the places for each bucket."""

    pixels: Eights
    table: NDArray[np.int32]

    @property
    def source(self) -> tuple[Eights, int, int]:
        """The pixels in one row, and the width and height of the picture."""
        _, height, width, _ = self.pixels.shape
        return self.pixels.reshape(-1), width, height


class PatchPainting:
    """Repaints a clip after a picture. State: stabiliser, tone, and the last frame's light, places and paint."""

    def __init__(self, setting: Setting, picture: NDArray[np.uint8], strength: float) -> None:
        """picture: (h, w, 3) RGB.  strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        self._reference = _reference(picture, min(self._stabiliser.size), setting)
        self._kept_light = 0.30 if strength < 1 else 0.16 - 0.12 * (strength - 1)
        self._share = min(1.0, 0.35 + 0.65 * strength)
        self._tone: NDArray[np.uint8] | None = None
        self._light: Plane | None = None
        self._place = np.zeros((0, 0), np.int32)
        self._paint: Eights = np.zeros((0, 0, 8), np.int16)
        #: (h, w, 2): how far beside itself each pixel's paint is to be shown; whole pixels alone can travel.
        self._off = np.zeros((0, 0, 2), np.float32)
        width, height = self._stabiliser.size
        self._columns, self._rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the repainted `before`; they may be the same planes."""
        steady = cv2.extractChannel(self._stabiliser.update(context, before), 0)
        flow = context.fine_flow
        if self._tone is None or flow is None:
            self._tone = _matched_tone(steady, self._reference[0].pixels[0, ..., 0])
        light = cv2.LUT(steady, self._tone)
        if self._light is None or flow is None:
            self._begin(light)
        else:
            self._continue(light, self._light, flow)
        self._light = light
        self._show(light, before, after)

    def _begin(self, light: Plane) -> None:
        """Paint a first frame, from coarse to fine."""
        lights = [light]
        while len(lights) < len(self._reference):
            lights.append(cv2.pyrDown(lights[-1]))
        place: NDArray[np.int32] | None = None
        for level, small in zip(reversed(self._reference), reversed(lights), strict=True):
            height, width = small.shape
            paint, bucket = _guided(small)
            if place is None:
                place = level.table[bucket, 0]
                paint[..., 0] = small
                paint[..., 1:3] = level.pixels[0, ..., 1:3].mean((0, 1))
            else:
                place = _finer(place, (height, width), level.pixels.shape[1:3])
                paint[..., :3] = cv2.resize(self._paint[..., :3], (width, height), interpolation=cv2.INTER_LINEAR)
            mask = np.ones((-(-height // _CELL), -(-width // _CELL)), np.uint8)
            for _ in range(_ROUNDS):
                self._repaint(level, paint, place, bucket, mask)
            self._place, self._paint = place, paint
        self._off = np.zeros((*light.shape, 2), np.float32)

    def _continue(self, light: Plane, earlier: Plane, flow: NDArray[np.float32]) -> None:
        """Let places and paint travel, and repaint what no longer fits."""
        height, width = light.shape
        tall, wide = flow.shape[:2]
        paint, bucket = _guided(light)
        off, place, arrived = np.empty_like(self._off), np.empty_like(self._place), np.empty_like(light)
        patches.travel(
            flow.reshape(-1), wide, tall, width / wide, _STILL, *self._reference[0].source, _RADIUS,
            _NEAR, self._off.reshape(-1), self._place.reshape(-1), self._paint.reshape(-1), earlier.reshape(-1),
            off.reshape(-1), place.reshape(-1), paint.reshape(-1), arrived.reshape(-1), width, height,
        )  # fmt: skip
        lost = cv2.GaussianBlur(cv2.absdiff(arrived, light), (5, 5), 1.2)
        cells = -(-width // _CELL), -(-height // _CELL)
        below, right = cells[1] * _CELL - height, cells[0] * _CELL - width
        lost = cv2.copyMakeBorder(lost, 0, below, 0, right, cv2.BORDER_REPLICATE)
        changed = cv2.resize(lost, cells, interpolation=cv2.INTER_AREA) > _TOLERANCE
        mask = cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8))
        self._repaint(self._reference[0], paint, place, bucket, mask)
        self._place, self._paint, self._off = place, paint, off

    def _repaint(
        self, level: Level, paint: Eights, place: NDArray[np.int32], bucket: NDArray[np.int32], mask: NDArray[np.uint8]
    ) -> None:
        """One round: find better places, then take their paint."""
        height, width = place.shape
        source, wide, tall = level.source
        flat_place, cells = place.reshape(-1), mask.reshape(-1)
        patches.match(
            paint.reshape(-1), width, height, source, wide, tall, flat_place, bucket.reshape(-1),
            level.table.reshape(-1), _CHOICES, cells, _CELL, _RADIUS, _LOYALTY,
        )  # fmt: skip
        patches.vote(source, wide, tall, flat_place, width, height, cells, _CELL, _RADIUS, paint.reshape(-1))

    def _show(self, light: Plane, before: Planes, after: Planes) -> None:
        paint = self._paint[..., :3].astype(np.uint8)
        if self._off.any():
            x, y = self._columns + self._off[..., 0], self._rows + self._off[..., 1]
            paint = cv2.remap(paint, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        # A little of the clip's own light keeps faces and letters readable.
        luma = cv2.addWeighted(cv2.extractChannel(paint, 0), 1 - self._kept_light, light, self._kept_light, 0)
        luma = cv2.resize(luma, self._size, interpolation=cv2.INTER_CUBIC)
        crisp = cv2.addWeighted(luma, 1.6, cv2.GaussianBlur(luma, (7, 7), 1.6), -0.6, 0)
        crisp = cv2.LUT(crisp, np.clip(LEVELS, 16, 235).astype(np.uint8))
        cv2.addWeighted(crisp, self._share, before.y, 1 - self._share, 0, dst=after.y)
        for k, old, new in ((1, before.u, after.u), (2, before.v, after.v)):
            chroma = fitted(cv2.extractChannel(paint, k), (new.shape[1], new.shape[0]), shaped=True)
            cv2.addWeighted(chroma, self._share, old, 1 - self._share, 0, dst=new)


def _reference(picture: NDArray[np.uint8], short: int, setting: Setting) -> list[Level]:
    """The picture at each level of the pyramid, the finest first, about as large as the painting grid."""
    height, width = picture.shape[:2]
    factor = short / min(height, width)
    size = tuple(int(np.clip(round(length * factor), short, 2 * short)) for length in (width, height))
    smaller = factor < 1
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    yuv = np.clip(np.rint(yuv_from_rgb(picture / 255.0, setting.matrix)), 16, 240).astype(np.uint8)
    levels = []
    for depth in range(_LEVELS):
        if depth > 0:
            yuv = cv2.pyrDown(yuv)
        levels.append(_level(yuv, depth, setting.seed))
    return levels


def _level(yuv: NDArray[np.uint8], depth: int, seed: int) -> Level:
    """The picture, (h, w, 3) YUV, made smaller `depth` times."""
    luma = np.ascontiguousarray(yuv[..., 0])
    pixels, bucket = _guided(luma)
    pixels[..., :3] = yuv
    strokeless = cv2.GaussianBlur(luma, (0, 0), max(_SOFTNESS, _STROKE / 2**depth))
    even = pixels.copy()
    even[..., 3] = cv2.LUT(strokeless, _WEIGHED)
    even[..., 4:6] = 0
    tables = _table(bucket % patches.EVEN, (seed, 98, depth)), _even_table(strokeless, (seed, 99, depth))
    return Level(np.stack([pixels, even]), np.concatenate(tables))


def _guided(light: Plane) -> tuple[Eights, NDArray[np.int32]]:
    """Pixels with their guides and no paint yet, (h, w, 8), and the bucket of each, 0..1023."""
    height, width = light.shape
    soft = cv2.GaussianBlur(light, (0, 0), _SOFTNESS)
    # Directions are smooth: half the size will do.
    small = cv2.resize(soft, (max(2, width // 2), max(2, height // 2)), interpolation=cv2.INTER_AREA)
    across, down = cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1)
    tensor = cv2.GaussianBlur(cv2.merge([across * across, down * down, across * down]), (7, 7), 1.5)
    xx, yy, xy = cv2.split(tensor)
    difference, mixed = xx - yy, 2 * xy
    length = cv2.magnitude(difference, mixed)
    weight = 60 * length / (xx + yy + _FLAT) / (length + np.float32(1e-3))
    along, aslant = (
        cv2.resize(np.rint(weight * part).astype(np.int16), (width, height), interpolation=cv2.INTER_LINEAR)
        for part in (difference, mixed)
    )
    weighed = cv2.LUT(soft, _WEIGHED)
    nothing = np.zeros_like(along)
    guides = [weighed, *(cv2.multiply(part, 1.0, scale=_DIRECTION_WEIGHT) for part in (along, aslant))]
    pixels = cv2.merge([nothing, nothing, nothing, *guides, nothing, nothing])
    bucket = cv2.LUT(soft, (LEVELS >> 3 << 4).astype(np.int16)) + ((along + 128) >> 6 << 2) + ((aslant + 128) >> 6)
    bucket = bucket.astype(np.int32)
    even = cv2.resize(xx + yy, (width, height), interpolation=cv2.INTER_LINEAR) < _EVEN
    pixels[even, 4:6] = 0
    bucket[even] = patches.EVEN + (bucket[even] & ~15) + _varied((height, width))[even]
    return pixels, bucket


@functools.lru_cache(2 * _LEVELS)
def _varied(shape: tuple[int, int]) -> NDArray[np.int32]:
    """(h, w) of 0..15: which of the rows of its lightness an even place looks into. With one for all, or for each of a
    few tiles, the same strokes would come again and again."""
    return np.random.default_rng((97, *shape)).integers(0, 16, shape, np.int32)


def _table(bucket: NDArray[np.int32], seed: tuple[int, ...]) -> NDArray[np.int32]:
    """(512, choices): places of the reference for each bucket; an empty one takes those of the nearest lightness."""
    random = np.random.default_rng(seed)
    found, places = _inner(bucket), _inner(np.arange(bucket.size, dtype=np.int32).reshape(bucket.shape))
    order = np.argsort(found, kind="stable")
    ends = np.searchsorted(found[order], np.arange(513))
    by_light = np.argsort(found >> 4, kind="stable")
    light_ends = np.searchsorted((found >> 4)[by_light], np.arange(33))
    lights = np.flatnonzero(np.diff(light_ends))
    table = np.zeros((512, _CHOICES), np.int32)
    for number in range(512):
        pool = order[ends[number] : ends[number + 1]]
        if len(pool) == 0:
            light = lights[np.abs(lights - (number >> 4)).argmin()]
            pool = by_light[light_ends[light] : light_ends[light + 1]]
        table[number] = places[pool[random.integers(0, len(pool), _CHOICES)]]
    return table


def _even_table(light: Plane, seed: tuple[int, ...]) -> NDArray[np.int32]:
    """(512, choices): for even places: of each lightness sixteen rows of places of the reference about as light."""
    random = np.random.default_rng(seed)
    found, places = _inner(light), _inner(np.arange(light.size, dtype=np.int32).reshape(light.shape))
    order = np.argsort(found, kind="stable")
    enough = min(len(order), max(_CHOICES, round(_POOL * len(order))))
    middles = np.searchsorted(found[order], np.arange(512) // 16 * 8 + 4)
    first = np.clip(middles - enough // 2, 0, len(order) - enough)
    return np.asarray(places[order[first[:, None] + random.integers(0, enough, (512, _CHOICES))]], np.int32)


def _inner(plane: NDArray[Any]) -> NDArray[Any]:
    """The numbers of a plane but for its border, as one row."""
    return plane[_RADIUS : plane.shape[0] - _RADIUS, _RADIUS : plane.shape[1] - _RADIUS].reshape(-1)


def _finer(place: NDArray[np.int32], size: tuple[int, int], source: tuple[int, ...]) -> NDArray[np.int32]:
    """Places of a coarse level on the next finer one, (h, w) = size; source: shape of the reference there."""
    height, width = size
    tall, wide = source[:2]
    coarse_wide = (wide + 1) // 2
    rows = np.minimum(np.arange(height) // 2, place.shape[0] - 1)
    columns = np.minimum(np.arange(width) // 2, place.shape[1] - 1)
    coarse = place[rows[:, None], columns[None]]
    y = 2 * (coarse // coarse_wide) + (np.arange(height) % 2)[:, None]
    x = 2 * (coarse % coarse_wide) + np.arange(width) % 2
    y, x = np.clip(y, _RADIUS, tall - 1 - _RADIUS), np.clip(x, _RADIUS, wide - 1 - _RADIUS)
    return np.asarray(y * wide + x, np.int32)


def _matched_tone(light: Plane, wanted: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Luma level to the level that is as frequent in the reference, most of the way."""
    have = np.cumsum(np.bincount(light.reshape(-1), minlength=256)) / light.size
    want = np.cumsum(np.bincount(wanted.reshape(-1).astype(np.intp), minlength=256)) / wanted.size
    matched = np.interp(have, want, LEVELS)
    return np.asarray(np.rint(_LIKE_THE_PICTURE * matched + (1 - _LIKE_THE_PICTURE) * LEVELS), np.uint8)
