"""Snowflakes in closed form: where each one is follows from the time alone, so that any frame can be drawn by itself.

Four layers of depth; near flakes are larger, faster, softer and move more with the camera. Each sways on its way and
leaves a streak as long as the shutter is open. Sizes and speeds are meant for a short side of 720 and scale with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context
from refilm.engines.effects.kernels import flakes
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Planes, copy, flat

_BRIGHT = 232
#: Seconds that the shutter is open.
_SHUTTER = 0.012
#: The smallest disc that is drawn, pixels; smaller flakes become fewer instead.
_SMALLEST = 0.55


@dataclass(frozen=True)
class _Layer:
    """Flakes at one depth: how many at density 1, radius and fall (pixels, pixels/s), opacity, share of the motion."""

    count: int
    radius: tuple[float, float]
    fall: tuple[float, float]
    opacity: float
    parallax: float


_LAYERS = (
    _Layer(430, (0.9, 1.3), (40, 70), 0.50, 0.25),
    _Layer(430, (1.3, 2.2), (75, 120), 0.74, 0.5),
    _Layer(240, (2.2, 3.9), (130, 200), 0.85, 0.8),
    _Layer(55, (4.0, 10.0), (220, 380), 0.42, 1.5),
)


class Snowfall:
    """Draws the flakes of one clip."""

    def __init__(self, setting: Setting, density: float) -> None:
        random = np.random.default_rng((setting.seed, 21))
        self._size = setting.size
        self._flakes = np.concatenate([_scatter(layer, setting, density, random) for layer in _LAYERS])

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Draw the flakes of this moment over the picture."""
        copy(before, after)
        drawn = self.at(context.time, context.motion)
        (y, sy), (u, su), (v, sv) = flat(after.y), flat(after.u), flat(after.v)
        width, height = self._size
        flakes.splat(y, u, v, sy, su, sv, drawn.reshape(-1), len(drawn), _BRIGHT, width, height)

    def at(self, time: float, motion: tuple[float, float]) -> NDArray[np.float32]:
        """(n, 6): x, y, radius, streak across and down, opacity, for kernel `splat`.

        time: seconds.  motion: (right, down) that the camera's picture has moved, pixels.
        """
        x, y, radius, drift, fall, sway, pace, phase, opacity, parallax = self._flakes.T
        margin = radius + 2
        width, height = self._size
        angle = pace * time + phase
        across = (x + drift * time + sway * np.sin(angle) + motion[0] * parallax) % (width + 2 * margin) - margin
        down = (y + fall * time + motion[1] * parallax) % (height + 2 * margin) - margin
        streak_x = (drift + sway * pace * np.cos(angle)) * _SHUTTER
        return np.stack([across, down, radius, streak_x, fall * _SHUTTER, opacity], 1).astype(np.float32)


def _scatter(layer: _Layer, setting: Setting, density: float, random: np.random.Generator) -> NDArray[np.float64]:
    """One layer's flakes, (n, 10): x, y, radius, drift, fall, sway, pace, phase, opacity, parallax."""
    width, height = setting.size
    scale = setting.scale
    shape = width * height / min(width, height) ** 2 / (16 / 9)
    thinner = min(1.0, layer.radius[0] * scale / _SMALLEST) ** 2
    count = max(1, round(layer.count * density * shape * thinner))
    fall = random.uniform(*layer.fall, count) * scale
    columns = [
        random.uniform(0, width, count),
        random.uniform(0, height, count),
        np.maximum(random.uniform(*layer.radius, count) * scale, _SMALLEST),
        random.uniform(-22, -4, count) * scale * (layer.fall[0] / 60),
        fall,
        random.uniform(3, 16, count) * scale,
        random.uniform(0.8, 2.6, count),
        random.uniform(0, 2 * np.pi, count),
        layer.opacity * random.uniform(0.6, 1, count),
        np.full(count, layer.parallax),
    ]
    return np.stack(columns, 1)
