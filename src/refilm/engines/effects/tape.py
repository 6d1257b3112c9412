"""Video tape as a worn VHS cassette plays it back: little bandwidth, colours that lag behind, lines that do not quite
line up, a band where the tracking slips, and the torn lines at the bottom where the heads switch.

The tape has 480 lines whatever the clip, and all disturbances are made of whole lines. Everything random follows from
the seed and the frame; the tracking band follows from the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context
from refilm.engines.effects.kernels import lens, tape
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, flat
from refilm.engines.effects.scaling import smaller

_Rows = NDArray[np.float64]

_LINES = 480
#: Columns that the tape can tell apart: 240 pairs of black and white in luma, 40 in chroma.
_LUMA_COLUMNS, _CHROMA_COLUMNS, _CHROMA_LINES = 420, 84, 150
#: Lines where the heads switch, and lines of the tracking band.
_SWITCH, _BAND = 8, 16
#: Seconds between two visits of the tracking band, and how long one takes from bottom to top.
_PERIOD, _ROLL = 7.0, 4.5
_TILE = 512


class Tape:
    """The playback of one clip."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 a good recorder, 1.5 a cassette that was played too often."""
        self._seed = setting.seed
        self._strength = strength
        self._size = setting.size
        width, height = setting.size
        self._line = np.minimum(np.arange(height) * _LINES // height, _LINES - 1)
        self._pixel = width / 720
        self._luma_noise, self._chroma_noise = (_streaks(setting, number) for number in (0, 1))
        step = np.arange(-255, 256)
        self._peaking = np.rint(np.clip(0.75 * min(1.2, strength) * step, -34, 34)).astype(np.int32)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after`; `before` may be the same planes."""
        random = np.random.default_rng((self._seed, 91, context.index))
        slip = self._slip(random, context.time)
        band = self._band(context.time)
        self._luma(before.y, after.y, random, slip, band)
        for old, new in ((before.u, after.u), (before.v, after.v)):
            self._chroma(old, new, random, slip, band)

    def _slip(self, random: np.random.Generator, time: float) -> _Rows:
        """How far each line has slipped to the right, in pixels of a 720 pixel wide tape."""
        strength = self._strength
        wander = np.cumsum(random.normal(0, 0.16, _LINES))
        wander -= np.linspace(wander[0], wander[-1], _LINES)
        slip = strength * (wander * 0.35 + 0.35 * np.sin(np.arange(_LINES) / 60 + 3 * time))
        slip += strength**2 * 8 * self._band(time) * (0.4 + random.normal(0, 0.5, _LINES))
        torn = np.linspace(1, 0, _SWITCH, endpoint=False)[::-1]
        slip[-_SWITCH:] += strength**0.5 * (30 * torn**1.5 + random.normal(0, 2.5, _SWITCH))
        return slip

    def _band(self, time: float) -> _Rows:
        """How much each line lies in the tracking band, 0..1."""
        place = (1.12 - ((time + 2.6) % _PERIOD) / _ROLL * 1.3) * _LINES
        return np.asarray(np.exp(-(((np.arange(_LINES) - place) / (_BAND / 2)) ** 4)))

    def _luma(self, old: Plane, new: Plane, random: np.random.Generator, slip: _Rows, band: _Rows) -> None:
        height, width = old.shape
        share = min(1.0, 0.35 + 0.65 * self._strength)
        columns = min(width, round(width + share * (_LUMA_COLUMNS * width / max(width, height * 4 / 3) - width)))
        columns = max(16, min(width, columns))
        soft = _fewer_columns(old, columns)
        # The recorder lifts what is left of the detail, which leaves a bright rim to the right of dark edges.
        reach = max(2, round((2 * round(3 * self._pixel) + 1) * columns / width))
        wide = cv2.blur(soft, (reach, 1), anchor=(reach - 1, 0))
        (p, sp), (q, sq) = flat(soft), flat(wide)
        peaked = np.empty((height, columns), np.uint8)
        lens.boost(p, sp, q, sq, peaked.reshape(-1), columns, columns, height, self._peaking)
        gain = self._strength * (24 + 420 * min(1.0, self._strength) * band)
        self._lines(cv2.resize(peaked, (width, height)), new, random, slip, gain, self._luma_noise, (16, 235))

    def _chroma(self, old: Plane, new: Plane, random: np.random.Generator, slip: _Rows, band: _Rows) -> None:
        height, width = old.shape
        share = min(1.0, 0.4 + 0.6 * self._strength)
        columns, lines = (round(full + share * (least - full)) for full, least in ((width, _CHROMA_COLUMNS), (height, _CHROMA_LINES)))  # noqa: E501  # fmt: skip
        soft = _through(old, (max(8, min(width, columns)), max(8, min(height, lines))))
        late = slip + 2.6 * self._strength
        self._lines(soft, new, random, late, self._strength * (30 + 40 * band), self._chroma_noise, (16, 240))

    def _lines(
        self, old: Plane, new: Plane, random: np.random.Generator, slip: _Rows, gain: _Rows,
        noise: NDArray[np.int8], limits: tuple[int, int],
    ) -> None:  # fmt: skip
        """Lay the lines of `old` beside each other, slipped and noisy. Both planes may be luma or chroma."""
        height, width = old.shape
        line = self._line[:: self._size[1] // height][:height]
        steps = np.rint(slip * 16 * width / 720).astype(np.int32)[line]
        place = random.integers(0, _TILE * _TILE, _LINES).astype(np.int32)[line]
        (p, sp), (o, so) = flat(old), flat(new)
        level = np.rint(gain).astype(np.int32)[line]
        tape.lines(p, sp, o, so, width, height, steps, noise, _TILE, place, level, *limits)


def _through(plane: Plane, size: tuple[int, int]) -> Plane:
    """The plane as it comes back from a tape of `size`, always a new array."""
    height, width = plane.shape
    if size == (width, height):
        return plane.copy()
    return np.asarray(cv2.resize(smaller(plane, size), (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _fewer_columns(plane: Plane, columns: int) -> Plane:
    """The plane with fewer columns, each the mean of those it stands for, at a fraction of INTER_AREA's price."""
    height, width = plane.shape
    if width < 2 * columns:
        return np.asarray(cv2.resize(plane, (columns, height), interpolation=cv2.INTER_AREA), np.uint8)
    averaged = cv2.blur(plane, (width // columns // 2 * 2 + 1, 1))
    return np.asarray(cv2.resize(averaged, (columns, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _streaks(setting: Setting, number: int) -> NDArray[np.int8]:
    """Noise drawn out along the line, deviation 28 levels, flat."""
    noise = np.random.default_rng((setting.seed, 92, number)).standard_normal((_TILE, _TILE)).astype(np.float32)
    length = max(1.0, (1.1, 4.5)[number] * setting.size[0] / 720)
    noise = cv2.GaussianBlur(noise, (0, 0), sigmaX=length, sigmaY=0.01, borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(noise / noise.std() * 28, -127, 127), np.int8).reshape(-1)
