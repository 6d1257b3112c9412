"""What golden hour adds to its grade: the glare of a low sun at one side, and a sky that warms towards the horizon.

Only a clear blue sky is tinted; where none is found with confidence, there is the glare alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context, analysis_size
from refilm.engines.effects.finish import lay_over, lights
from refilm.engines.effects.kernels import finish
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, copy
from refilm.engines.effects.scaling import smaller
from refilm.engines.effects.sky import Mask, SkyFinder

#: Luma and chroma of the sky at the horizon.
_PEACH = (192, 108, 150)
#: How strong the glare is, of 256.
_GLARE = 190


class LowSun:
    """Turns graded frames of one clip into golden hour. State: the sky finder's."""

    def __init__(self, setting: Setting, strength: float, side: str) -> None:
        """strength: 0.2 to 1.5.  side: where the sun stands, "left" or "right"."""
        self._strength = strength
        self._scale = setting.scale
        self._finder = SkyFinder()
        self._glare = _glare(analysis_size(setting.size), side)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after`; `before` is the picture after the grade."""
        copy(before, after)
        mask, confidence = self._finder.update(context)
        share = min(1.0, 1.2 * confidence)
        if share > 0.02:
            self._tint_sky(after, mask * share)
        self._shine(after, self._glare_on(context, mask * share))

    def _tint_sky(self, after: Planes, mask: Mask) -> None:
        """Peach near the horizon, hardly anything at the zenith."""
        rows = np.linspace(0, 1, mask.shape[0], dtype=np.float32)[:, None]
        weight = mask * (0.06 + 0.62 * np.clip(rows / 0.5, 0, 1) ** 1.3) * min(1.2, self._strength)
        layer = np.asarray(np.clip(weight * 230, 0, 235), np.uint8)
        height, width = after.y.shape
        lay_over(finish.mix, after.y, cv2.resize(layer // 2, (width, height)), _PEACH[0])
        half = cv2.resize(layer, (width // 2, height // 2))
        lay_over(finish.mix, after.u, half, _PEACH[1])
        lay_over(finish.mix, after.v, half, _PEACH[2])

    def _glare_on(self, context: Context, mask: Mask) -> Plane:
        """The glare: strongest on what is bright already and on the sky, a thin veil over the rest."""
        lit = context.small_luma.astype(np.float32) / 235
        light = self._glare * np.clip(0.10 + 0.90 * lit + 0.3 * mask, 0, 1)
        return np.asarray(np.clip(light * 200 * min(1.3, self._strength), 0, 255), np.uint8)

    def _shine(self, after: Planes, glare: Plane) -> None:
        """Lay the glare over the picture, and the glow of all that is bright in it. Both together, while small."""
        height, width = after.y.shape
        small = smaller(after.y, (max(8, width // 8), max(8, height // 8)))
        lay_over(finish.screen, small, smaller(glare, small.shape[::-1]), _GLARE)
        glow = cv2.resize(lights(small, 150, 52 * self._scale / 8), glare.shape[::-1]).astype(np.float32)
        veil = glare.astype(np.float32)
        both = 255 - (255 - veil * (_GLARE / 256)) * (1 - glow * (0.34 * self._strength / 256))
        lay_over(finish.screen, after.y, cv2.resize(both.astype(np.uint8), (width, height)), 256)
        for plane, of_veil, of_glow in ((after.u, -0.125, -0.09), (after.v, 0.1, 0.06)):
            # Four times the levels that the chroma moves by, for a smooth slope.
            step = 4 * np.abs(of_veil * veil + of_glow * self._strength * glow)
            layer = cv2.resize(step.astype(np.uint8), (width // 2, height // 2))
            lay_over(finish.shift, plane, layer, round(np.copysign(64, of_veil)))


def _glare(size: tuple[int, int], side: str) -> NDArray[np.float32]:
    """The light of a sun just outside the picture, (h, w) 0..1."""
    width, height = size
    sun = -0.06 if side == "left" else 1.06
    across = (np.arange(width, dtype=np.float32) + 0.5) / width - sun
    down = ((np.arange(height, dtype=np.float32) + 0.5) / height - 0.24) * height / width
    distance = np.hypot(across[None], 1.15 * down[:, None])
    return np.asarray(
        0.62 * np.exp(-1.2 * (distance / 0.46) ** 2) + 0.30 * np.exp(-((distance / 0.16) ** 2)), np.float32
    )
