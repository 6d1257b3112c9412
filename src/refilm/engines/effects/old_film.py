"""Eight-millimetre film as a home projector shows it: the picture weaves in the gate and flickers, and dust, hairs and
scratches pass through. The gate itself has round corners.

The film runs at 18 pictures a second whatever the clip does, so that dust stays for a whole film picture. Everything
random follows from the seed and the number of the film picture, or of the scratch. Sizes are meant for a short side
of 720 and scale with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context
from refilm.engines.effects.finish import Grain, Shading, lay_over
from refilm.engines.effects.kernels import finish, lens, streaks
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, flat

_Strokes = NDArray[np.float32]

_RATE = 18
#: Enlargement that keeps the edges of the weaving picture outside the frame.
_CROP = 1.012
#: Levels of dirt on the film (it holds light back) and of holes in its emulsion.
_DIRT, _HOLE = 24, 226
#: Seconds that a scratch stays at its place.
_SCRATCH = 0.45
_BLACK = 17


class OldFilm:
    """The projection of one clip."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 a fresh print, 1.5 one from the attic."""
        self._seed = setting.seed
        self._strength = strength
        self._size = setting.size
        self._scale = setting.scale
        self._grain = Grain(setting, strength, coarseness=1.9)
        self._shading = Shading(setting.size, 0.46 * strength)
        self._gate = _gate(setting.size, setting.scale)
        width, height = setting.size
        self._half_gate = cv2.resize(self._gate, (width // 2, height // 2), interpolation=cv2.INTER_AREA)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after`; `before` may be the same planes."""
        number = int(context.time * _RATE)
        random = np.random.default_rng((self._seed, 81, number))
        self._weave(random, before, after)
        self._shading.apply(after, after, lift=self._flicker(random))
        self._grain.apply(number, after, after)
        self._wear(random, context.time, after)
        lay_over(finish.mix, after.y, self._gate, _BLACK)
        for plane in (after.u, after.v):
            lay_over(finish.mix, plane, self._half_gate, 128)

    def _weave(self, random: np.random.Generator, before: Planes, after: Planes) -> None:
        """The picture stands a little elsewhere in each film picture, and no lens of the time was sharp."""
        across, down = random.normal(0, (0.55, 0.95)) * self._strength * self._scale
        softness = 0.9 * min(1.2, self._strength) * self._scale
        for old, new, share in ((before.y, after.y, 1.0), (before.u, after.u, 0.5), (before.v, after.v, 0.5)):
            moved = _moved(old, across * share, down * share)
            np.copyto(new, cv2.GaussianBlur(moved, (0, 0), softness) if softness > 0.3 and share == 1 else moved)

    def _flicker(self, random: np.random.Generator) -> float:
        """The lamp and the shutter: how much brighter or darker."""
        return 1 + float(np.clip(random.normal(0, 0.016), -0.04, 0.04)) * self._strength

    def _wear(self, random: np.random.Generator, time: float, after: Planes) -> None:
        strokes = np.concatenate([self._dust(random), self._hair(random), self._scratches(time)])
        o, so = flat(after.y)
        width, height = self._size
        streaks.draw(o, so, strokes.reshape(-1), len(strokes), width, height)

    def _dust(self, random: np.random.Generator) -> _Strokes:
        """Specks, more dark than light, each a short stroke."""
        count = min(24, int(random.poisson(3.4 * self._strength)))
        width, height = self._size
        way = random.normal(0, 1.6, (count, 2)) * self._scale
        return np.stack(
            [
                random.uniform(0, width, count),
                random.uniform(0, height, count),
                *way.T,
                random.gamma(2.0, 0.75, count) * self._scale + 0.4,
                random.uniform(0.45, 0.9, count),
                np.where(random.random(count) < 0.7, _DIRT, _HOLE),
                np.zeros(count),
            ],
            1,
        ).astype(np.float32)

    def _hair(self, random: np.random.Generator) -> _Strokes:
        """Now and then a hair lies in the gate: a curved line of short strokes."""
        if random.random() > 0.11 * self._strength:
            return np.zeros((0, 8), np.float32)
        parts = 14
        turning = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, 0.28, parts) + random.normal(0, 0.12))
        step = random.uniform(4, 9) * self._scale
        way = np.stack([np.cos(turning), np.sin(turning)], 1) * step
        start = random.uniform(0, 1, 2) * self._size + np.cumsum(way, 0)
        still = np.ones(parts)
        columns = [*start.T, *way.T, still * max(0.45, 0.7 * self._scale), still * 0.55, still * _DIRT, still * 0]
        return np.stack(columns, 1).astype(np.float32)

    def _scratches(self, time: float) -> _Strokes:
        """Light lines from top to bottom that stay for a while and tremble."""
        number = int(time / _SCRATCH)
        random = np.random.default_rng((self._seed, 82, number))
        count = int(random.random() < 0.5 * self._strength) + int(random.random() < 0.2 * self._strength)
        width, height = self._size
        x = random.uniform(0.06, 0.94, count) * width + 1.6 * self._scale * np.sin(
            23 * time + random.uniform(0, 6, count)
        )
        still = np.ones(count)
        columns = [
            x,
            still * -2,
            random.normal(0, 1.5, count) * self._scale,
            still * (height + 4),
            np.maximum(0.4, random.uniform(0.3, 0.8, count) * self._scale),
            random.uniform(0.18, 0.42, count),
            still * _HOLE,
            still * 0,
        ]
        return np.stack(columns, 1).astype(np.float32)


def _moved(plane: Plane, across: float, down: float) -> Plane:
    """The plane enlarged by _CROP around its middle; (across, down) of the source, in pixels, come to stand there."""
    height, width = plane.shape
    if min(plane.shape) < 2:
        return plane
    rows, lower = _places(height, down)
    columns, right = _places(width, across)
    offset = columns - np.arange(width, dtype=np.int32)
    begin = np.concatenate([[0], np.flatnonzero(np.diff(offset)) + 1]).astype(np.int32)
    runs = np.stack([begin, np.append(begin[1:], width).astype(np.int32), offset[begin]], 1).astype(np.int32)
    moved = np.empty(plane.shape, np.uint8)
    p, sp = flat(plane)
    lens.move(
        p, sp, moved.reshape(-1), width, width, height, rows, lower, runs.reshape(-1), len(runs), right
    )  # fmt: skip
    return moved


def _places(length: int, shift: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each pixel of a row or column: the first of the two of the source that it is mixed of, how much of the next.

    The latter of 128. Beyond the edges stands the edge.
    """
    place = np.arange(length) / _CROP + (length - length / _CROP) / 2 + shift
    steps = np.clip(np.rint(128 * place), 0, 128 * (length - 1)).astype(np.int32)
    first = np.minimum(steps >> 7, length - 2)
    return first, steps - 128 * first


def _gate(size: tuple[int, int], scale: float) -> Plane:
    """255 where the film gate covers the picture, soft at its round edge."""
    width, height = size
    radius, margin = 46 * scale, 9 * scale
    across = np.abs(np.arange(width) + 0.5 - width / 2) - (width / 2 - margin - radius)
    down = np.abs(np.arange(height) + 0.5 - height / 2) - (height / 2 - margin - radius)
    outside = np.hypot(np.maximum(across, 0)[None], np.maximum(down, 0)[:, None]) - radius
    cover = np.clip((outside / max(0.5, scale) + 2) / 5, 0, 1)
    return np.asarray(np.rint(255 * cover * cover * (3 - 2 * cover)), np.uint8)
