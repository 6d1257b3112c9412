"""Raindrops in closed form: where each one is follows from the time alone, so that any frame can be drawn by itself.

Three layers of depth; near drops are longer, faster and wider. Each falls at its own slant and starts every fall at
another place. Sizes and speeds are meant for a short side of 720 and scale with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context
from refilm.engines.effects.kernels import streaks
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Planes, flat

_BRIGHT = 214
#: Pixels across for each pixel down: a light wind.
_SLANT = 0.12
#: The finest streak that is drawn, pixels; finer ones become paler instead.
_FINEST = 0.3
#: Consecutive multiples of this, modulo 1, never come close to each other soon (the golden ratio).
_SPREAD = 0.6180339887


@dataclass(frozen=True)
class _Layer:
    """Drops at one depth: how many at density 1, length, fall (pixels, pixels/s), opacity, radius, motion's share."""

    count: int
    length: tuple[float, float]
    fall: tuple[float, float]
    opacity: float
    radius: float
    parallax: float


_LAYERS = (
    _Layer(850, (14, 26), (700, 900), 0.26, 0.40, 0.3),
    _Layer(340, (30, 54), (1100, 1400), 0.36, 0.60, 0.6),
    _Layer(64, (70, 130), (1800, 2300), 0.32, 1.15, 1.2),
)


class Rainfall:
    """Draws the drops of one clip."""

    def __init__(self, setting: Setting, density: float) -> None:
        random = np.random.default_rng((setting.seed, 61))
        self._size = setting.size
        self._drops = np.concatenate([_scatter(layer, setting, density, random) for layer in _LAYERS])

    def apply(self, context: Context, after: Planes) -> None:
        """Draw the drops of this moment into the picture."""
        drawn = self.at(context.time, context.motion)
        o, so = flat(after.y)
        width, height = self._size
        streaks.draw(o, so, drawn.reshape(-1), len(drawn), width, height)

    def at(self, time: float, motion: tuple[float, float]) -> NDArray[np.float32]:
        """(n, 8): strokes for kernel `streaks.draw`.

        time: seconds.  motion: (right, down) that the camera's picture has moved, pixels.
        """
        x, y, length, fall, slant, opacity, radius, parallax = self._drops.T
        width, height = self._size
        span = height + length
        falls, down = np.divmod(y + fall * time + motion[1] * parallax, span)
        reach = width + _SLANT * 2 * height
        start = (x + falls * _SPREAD * reach + motion[0] * parallax) % reach - _SLANT * 2 * height
        top = down - length
        still = np.ones(len(x))
        strokes = [start + slant * down, top, slant * length, length, radius, opacity, still * _BRIGHT, still]
        return np.stack(strokes, 1).astype(np.float32)


def _scatter(layer: _Layer, setting: Setting, density: float, random: np.random.Generator) -> NDArray[np.float64]:
    """One layer's drops, (n, 8): x, y, length, fall, slant, opacity, radius, parallax."""
    width, height = setting.size
    scale = setting.scale
    shape = width * height / min(width, height) ** 2 / (16 / 9)
    thinner = min(1.0, layer.radius * scale / _FINEST)
    count = max(1, round(layer.count * density * shape * thinner))
    columns = [
        random.uniform(0, width + _SLANT * 2 * height, count),
        random.uniform(0, height, count),
        random.uniform(*layer.length, count) * scale,
        random.uniform(*layer.fall, count) * scale,
        _SLANT + random.normal(0, 0.018, count),
        layer.opacity * random.uniform(0.5, 1, count),
        np.full(count, max(_FINEST, layer.radius * scale)),
        np.full(count, layer.parallax),
    ]
    return np.stack(columns, 1)
