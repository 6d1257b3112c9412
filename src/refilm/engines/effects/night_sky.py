"""What night adds to its grade: a dark sky with stars where a clear sky was, the glow of lamps, dim corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context
from refilm.engines.effects.finish import Shading, glow, lay_over
from refilm.engines.effects.kernels import finish, flakes
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, copy, flat
from refilm.engines.effects.sky import Mask, SkyFinder

#: Luma of the night sky at the zenith and at the horizon, and its chroma.
_ZENITH, _HORIZON, _SKY_U, _SKY_V = 27, 40, 142, 121
_STARS = 260


class NightSky:
    """Turns graded frames of one clip into night. State: the sky finder's."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.2 to 1.5, as the operator's."""
        self._size = setting.size
        self._scale = setting.scale
        self._strength = min(1.0, strength)
        self._finder = SkyFinder()
        self._shading = Shading(setting.size, 0.42 * strength)
        self._stars = _scatter_stars(setting)
        height = setting.size[1]
        self._target = np.rint(np.linspace(_ZENITH, _HORIZON, height)).astype(np.int32)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after`; `before` is the picture after the grade."""
        copy(before, after)
        mask, confidence = self._finder.update(context)
        if confidence > 0.02:
            amount = min(1.0, 1.2 * confidence) * self._strength
            self._darken_sky(after, _without_rim(mask, context.small_luma) * amount)
            self._draw_stars(context, after, mask * amount)
        glow(after, 105, 0.5 * self._strength, 24 * self._scale, (-0.10 * self._strength, 0.12 * self._strength))
        self._shading.apply(after, after)

    def _darken_sky(self, after: Planes, mask: Mask) -> None:
        levels = np.clip(mask * 250, 0, 255).astype(np.uint8)
        width, height = self._size
        layer = cv2.resize(levels, (width, height), interpolation=cv2.INTER_LINEAR)
        (o, so), (m, sm) = flat(after.y), flat(layer)
        finish.darken(o, so, m, sm, self._target, width, height, 0)
        half = cv2.resize(levels, (width // 2, height // 2), interpolation=cv2.INTER_LINEAR)
        for plane, goal in ((after.u, _SKY_U), (after.v, _SKY_V)):
            lay_over(finish.mix, plane, half, goal)

    def _draw_stars(self, context: Context, after: Planes, mask: Mask) -> None:
        x, y, brightness, phase, radius = self._stars.T
        width, height = self._size
        # Stars are far away: they move as the whole picture does.
        across = (x + context.motion[0]) % width
        down = (y + context.motion[1]) % (0.7 * height)
        rows = np.minimum((down * mask.shape[0] / height).astype(int), mask.shape[0] - 1)
        columns = np.minimum((across * mask.shape[1] / width).astype(int), mask.shape[1] - 1)
        clear = np.clip((mask[rows, columns] - 0.55) * 3, 0, 1)
        twinkle = 0.75 + 0.25 * np.sin(3 * context.time + phase)
        still = np.zeros(len(x))
        drawn = np.stack([across, down, radius, still, still, brightness * clear * twinkle], 1)
        visible = np.ascontiguousarray(drawn[clear > 0], np.float32)
        (oy, sy), (ou, su), (ov, sv) = flat(after.y), flat(after.u), flat(after.v)
        flakes.splat(oy, ou, ov, sy, su, sv, visible.reshape(-1), len(visible), 225, width, height)


def _without_rim(mask: Mask, luma: Plane) -> Mask:
    """The mask grown over the bright fringe between sky and trees.

    Twigs are finer than the mask, so a pale line would stay around every tree. Growing only over what is bright in
    the source takes the fringe and spares the tree; the darkening itself spares what is dark already.
    """
    radius = max(2, round(luma.shape[0] / 36))
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    grown = cv2.GaussianBlur(cv2.dilate(mask, window), (0, 0), 0.6 * radius)
    bright = np.clip((luma.astype(np.float32) - 70) / 60, 0, 1)
    return np.asarray(np.maximum(mask, grown * (0.35 + 0.65 * bright)), np.float32)


def _scatter_stars(setting: Setting) -> NDArray[np.float64]:
    """(n, 5): x, y, brightness 0..1, phase of the twinkling, radius in pixels."""
    random = np.random.default_rng((setting.seed, 41))
    width, height = setting.size
    brightness = np.clip(0.12 + random.exponential(0.22, _STARS), 0, 1)
    return np.stack(
        [
            random.uniform(0, width, _STARS),
            random.uniform(0, 0.7 * height, _STARS),
            brightness,
            random.uniform(0, 2 * np.pi, _STARS),
            (0.35 + 0.75 * brightness) * max(0.6, setting.scale),
        ],
        1,
    )
