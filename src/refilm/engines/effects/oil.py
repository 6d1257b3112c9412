"""The oil painting: colour laid down in strokes along the forms, whose bristles stand out in relief.

Even places are painted with a broad brush, busy ones with a fine brush. The bristles are noise smeared along the forms;
they lie on things, and travel with them (see `drift`). Knows one clip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Code, Orientation, Packed, Patches, Stabiliser, Strokes
from refilm.engines.effects.context import Context
from refilm.engines.effects.drift import Drift, DriftFinder, corners
from refilm.engines.effects.kernels import draw, paint
from refilm.engines.effects.kernels import drift as kernels
from refilm.engines.effects.layers import LEVELS, chroma_gain, enlarged, recolour, redrawn, spared
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, flat
from refilm.engines.effects.textures import noise, paper

#: Side of the tile of canvas and of the tile of bristles, powers of two.
_CANVAS, _BRISTLES = 256, 512


class OilPainting:
    """Paints a clip in oil. State: stabiliser, orientation, drift, and where the fine brush works."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        grid = self._stabiliser.size
        self._half = (grid[0] + 1) // 2, (grid[1] + 1) // 2
        scale = min(grid) / 360
        self._orientation = Orientation(3.5 * scale, sweeping=True)
        self._fine = Patches(grid, max(1.2, 2.6 * scale * (0.6 + 0.4 * strength)), softness=8.0)
        self._broad = Patches(self._half, max(1.2, 3.4 * scale * (0.6 + 0.4 * strength)), softness=8.0)
        self._strokes = Strokes(grid, max(2, round(6 * scale))), Strokes(self._half, max(2, round(7 * scale)))
        self._drift = DriftFinder(setting)
        coarseness = max(1.0, scale)
        self._bristles = corners(_tile(noise((_BRISTLES, _BRISTLES), (setting.seed, 91), 0.2, 8, 150 / coarseness), 46))
        self._canvas = _tile(paper((_CANVAS, _CANVAS), setting.seed), 3.0).reshape(-1)
        self._lift = _lift(2.2), _lift(3.0)
        self._reach = max(1, round(setting.scale))
        self._spread = 2 * round(4 * scale) + 1
        self._light = round(256 * 0.56 * strength)
        self._chroma = chroma_gain(1 + 0.22 * strength)
        self._share = min(1.0, 0.35 + 0.65 * strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the painted `before`; they may be the same planes."""
        steady = self._stabiliser.update(context, before)
        code = self._orientation.update(context, steady)
        broad, fine = self._broadly(steady, code), _layers(self._fine(steady, code))
        busy = self._busy(fine[0], broad[0])
        painted, *chroma = (_mixed(*both, busy) for both in zip(broad, fine, strict=True))
        bristles = self._bristle(self._drift.update(context), code, busy)
        sharp = cv2.extractChannel(steady, 0)
        luma = redrawn(spared(painted, sharp, 14), sharp, 0.25, 0.6)
        self._draw_luma(context, luma, bristles, before.y, after.y)
        for layer, old, new in ((chroma[0], before.u, after.u), (chroma[1], before.v, after.v)):
            recolour(layer, self._chroma, self._share, old, new)

    def _broadly(self, steady: Packed, code: Code) -> list[Plane]:
        """The picture in broad strokes, painted at half the grid."""
        small = cv2.resize(steady, self._half, interpolation=cv2.INTER_AREA)
        painted = _layers(self._broad(small, self._coarse(code)))
        return [cv2.resize(layer, self._stabiliser.size, interpolation=cv2.INTER_LINEAR) for layer in painted]

    def _busy(self, fine: Plane, broad: Plane) -> Plane:
        """Where the broad brush would lose something of the luma, 0..255."""
        lost = cv2.absdiff(fine, broad)
        lost = cv2.subtract(cv2.blur(lost, (self._spread, self._spread)), 1)
        return np.asarray(cv2.convertScaleAbs(lost, alpha=34))

    def _bristle(self, drift: Drift, code: Code, busy: Plane) -> Plane:
        """The height of the paint on the painting grid, around 128: fine bristles where it is busy, broad elsewhere."""
        noise = self._travelled(drift)
        small = cv2.resize(noise, self._half, interpolation=cv2.INTER_AREA)
        fine, broad = self._strokes[0](noise, code), self._strokes[1](small, self._coarse(code))
        broad = cv2.resize(cv2.LUT(broad, self._lift[1]), self._stabiliser.size, interpolation=cv2.INTER_LINEAR)
        return _mixed(broad, cv2.LUT(fine, self._lift[0]), busy)

    def _coarse(self, code: Code) -> Code:
        """The directions for the half grid."""
        size = (self._half[0] + 1) // 2, (self._half[1] + 1) // 2
        return np.ascontiguousarray(cv2.resize(code, size, interpolation=cv2.INTER_NEAREST))

    def _travelled(self, drift: Drift) -> Plane:
        """The noise that bristles are made of, on the painting grid, where things have carried it."""
        width, height = self._stabiliser.size
        share, rows = width / self._size[0], drift.fields.shape[1]
        places, base = drift.widened(width, share), drift.base_sixteenths(share)
        layers = []
        for weight, fields in ((drift.weight, places[:2]), (1 - drift.weight, places[2:])):
            if weight > 0:
                layer = np.empty((height, width), np.uint8)
                kernels.strew(
                    self._bristles, _BRISTLES, fields.reshape(-1), rows, *base, layer.reshape(-1), width, height
                )
                layers.append(layer)
        if len(layers) == 1:
            return layers[0]
        # Layers that disagree would cancel each other's grain.
        first, second = drift.weight, 1 - drift.weight
        keep = 1 / np.hypot(first, second)
        return np.asarray(cv2.addWeighted(layers[0], keep * first, layers[1], keep * second, 128 * (1 - keep)))

    def _draw_luma(self, context: Context, luma: Plane, bristles: Plane, before: Plane, after: Plane) -> None:
        width, height = self._size
        tone = enlarged(luma, self._size)
        surface = cv2.addWeighted(bristles, 0.75, luma, 0.25, 0)
        surface = cv2.resize(surface, self._size, interpolation=cv2.INTER_LINEAR)
        surface = cv2.copyMakeBorder(surface, *[self._reach] * 4, cv2.BORDER_REPLICATE)
        across, down = (round(-shift) % _CANVAS for shift in context.motion)
        (p, sp), (o, so) = flat(before), flat(after)
        draw.relief(
            tone.reshape(-1), width, height, surface.reshape(-1), self._reach, self._canvas, _CANVAS, across, down,
            p, sp, o, so, self._light, 0, round(256 * self._share),
        )  # fmt: skip


def _layers(picture: Packed) -> list[Plane]:
    """Luma, U and V of a packed picture."""
    return list(cv2.split(picture)[:3])


def _mixed(first: Plane, second: Plane, share: Plane) -> Plane:
    """`first` where `share` is 0, `second` where it is 255."""
    mixed = np.empty_like(first)
    paint.mix(first.reshape(-1), second.reshape(-1), share.reshape(-1), mixed.reshape(-1), mixed.size)
    return mixed


def _lift(gain: float) -> NDArray[np.uint8]:
    """The contrast that smearing takes from noise, given back."""
    return np.asarray(np.clip(np.rint(128 + gain * (LEVELS - 128)), 0, 255), np.uint8)


def _tile(texture: NDArray[np.float32], deviation: float) -> NDArray[np.uint8]:
    """A texture of mean 0 and deviation 1 as levels around 128, flat where kernels want it so."""
    return np.asarray(np.clip(np.rint(128 + deviation * texture), 0, 255), np.uint8)
