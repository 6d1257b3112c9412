"""Fog over a guessed depth: exponential, drifting, thicker far away and thin at one's feet.

How far a place is cannot be seen in one picture; it is guessed from its height in the picture, from how bright and
dull its surroundings are (the dark channel of He et al. 2009) and from how little detail they show. All of it happens
at the analysis size. The drift of the fog only shows where it is far, so that no puffs stand on the ground nearby.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context, analysis_size, follow
from refilm.engines.effects.finish import lay_over
from refilm.engines.effects.kernels import finish
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes
from refilm.engines.effects.sky import guided_filter
from refilm.engines.effects.textures import noise

_Field = NDArray[np.float32]

#: Wind of the two fields of fog, in heights of the picture per second, and how much larger their features are across
#: than down.
_WINDS, _FLATNESS = (0.035, -0.022), 2.2
#: Share of the past in the guessed depth and in the fog's brightness.
_DEPTH_MEMORY, _LIGHT_MEMORY = 0.75, 0.94


class Mist:
    """The fog of one clip. State: the last depth and brightness; a cut resets both."""

    def __init__(self, setting: Setting, amount: float, light: float = 1.0) -> None:
        """amount: 1 hides the horizon and leaves the ground clear.  light: brightness against the picture's own."""
        self._amount = amount
        self._light = light
        self._size = analysis_size(setting.size)
        self._fields = [_drift_field(setting.seed, number) for number in (0, 1)]
        self._depth: _Field | None = None
        self._level = 0.0

    def apply(self, context: Context, after: Planes) -> None:
        """Lay this moment's fog over the picture."""
        depth = self._steady_depth(context)
        level = self._steady_level(context)
        drift = self._drift(context)
        # Near fog is even, for puffs stand on nothing; so is the farthest, which is many banks behind each other.
        banks = np.clip(2.2 * depth - 0.5, 0, 1) * np.clip(2.4 - 2 * depth, 0, 1)
        path = 1.9 * self._amount * depth**1.4 * (1 + 0.26 * drift * banks)
        veil = np.asarray(np.clip(255 * (1 - np.exp(-path)), 0, 250), np.uint8)
        height, width = after.y.shape
        lay_over(finish.mix, after.y, cv2.resize(veil, (width, height)), round(level))
        half = cv2.resize(veil, (width // 2, height // 2))
        lay_over(finish.mix, after.u, half, 130)
        lay_over(finish.mix, after.v, half, 127)

    def _steady_depth(self, context: Context) -> _Field:
        depth = guess_depth(context.small_luma)
        if self._depth is not None and context.flow is not None:
            past = follow(context.flow, self._depth)
            depth = np.asarray(depth + np.float32(_DEPTH_MEMORY) * (past - depth), np.float32)
        self._depth = depth
        return depth

    def _steady_level(self, context: Context) -> float:
        """The fog's luma: as bright as the bright parts of the picture, for it is lit by the same light."""
        bright = float(np.percentile(context.small_luma[::4, ::4], 90))
        level = float(np.clip(66 + 0.68 * bright, 60, 208)) * self._light
        if self._depth is not None and context.flow is not None and self._level:
            level = _LIGHT_MEMORY * self._level + (1 - _LIGHT_MEMORY) * level
        self._level = level
        return level

    def _drift(self, context: Context) -> _Field:
        """The two fields at this moment, (h, w), mean 0, deviation about 0.7. Smooth, so a small picture holds them."""
        width, height = (max(8, length // 4) for length in self._size)
        side = self._fields[0].shape[0]
        step = side / height
        # Far things move as the whole picture does.
        right, down = (moved * height / context.size[1] for moved in context.motion)
        total = np.zeros((height, width), np.float32)
        for field, wind, scale in zip(self._fields, _WINDS, (0.7, 1.2), strict=True):
            x, y = -(right + wind * height * context.time) * step * scale, -down * step * scale * _FLATNESS
            view = np.array([[step * scale, 0, x % side], [0, step * scale * _FLATNESS, y % side]])
            total += 0.5 * cv2.warpAffine(
                field, view, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP
            )
        return np.asarray(cv2.resize(total, self._size), np.float32)


def guess_depth(luma: Plane) -> _Field:
    """How far each place of a small picture may be: (h, w) float32, 0 at one's feet, 1 at the horizon and above."""
    height = luma.shape[0]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    prior = np.clip((0.97 - rows) / 0.62, 0, 1)
    prior = prior * prior * (3 - 2 * prior)
    reach = max(3, 2 * (height // 45) + 1)
    dull = cv2.erode(luma, cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach)))
    detail = cv2.absdiff(luma, cv2.blur(luma, (3 * reach, 3 * reach)))
    detail = cv2.blur(detail, (4 * reach + 1, 4 * reach + 1)).astype(np.float32)
    far = 0.50 + np.clip(dull.astype(np.float32) * (0.28 / 190), 0, 0.28) + 0.17 * np.clip(1 - detail / 14, 0, 1)
    guide = luma.astype(np.float32) / np.float32(255)
    steady = guided_filter(guide, (0.05 + prior * far).astype(np.float32), max(2, height // 22), 4e-3)
    return np.asarray(np.clip(steady, 0, 1), np.float32)


def _drift_field(seed: int, number: int) -> _Field:
    return noise((256, 256), (seed, 71, number), 1.9, 2, 14)
