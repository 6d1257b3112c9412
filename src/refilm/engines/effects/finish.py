"""Finishing touches of a lens and of film: shading towards the corners, grain, the glow around lights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.kernels import finish
from refilm.engines.effects.kernels.kernel import Kernel
from refilm.engines.effects.lens import blurred
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, copy, flat
from refilm.engines.effects.scaling import smaller

_CURVE_STEPS = 2048
_TILE = 1024
#: Luma to light for `diffuse`: between linear in the level and linear in energy.
_SQUARED = np.rint(219 * (np.clip(np.arange(256) - 16.0, 0, 219) / 219) ** 1.5).astype(np.uint8)


class Shading:
    """Darkens a picture towards its corners, without bands."""

    def __init__(self, size: tuple[int, int], amount: float) -> None:
        """amount: 0 none, 1 nearly black corners."""
        width, height = size
        distance = np.linspace(0, 1, 2 * _CURVE_STEPS + 1)
        curve = np.rint(32768 * np.clip(1 - 0.95 * amount * distance**1.25, 0.03, 1)).astype(np.uint16)
        self._luma, self._chroma = _shares(curve, width, height), _shares(curve, width // 2, height // 2)
        self._dither = _bayer_rows(width), _bayer_rows(width // 2)

    def apply(self, before: Planes, after: Planes, lift: float = 1.0) -> None:
        """Fill `after` with the shaded `before`; they may be the same planes.

        lift: how much brighter the luma is before, 0..1.2.
        """
        copy(before, after)
        self._plane(after.y, 16, self._luma, lift, self._dither[0])
        self._plane(after.u, 128, self._chroma, 1.0, self._dither[1])
        self._plane(after.v, 128, self._chroma, 1.0, self._dither[1])

    def _plane(
        self, plane: Plane, zero: int, shares: NDArray[np.uint16], lift: float, dither: NDArray[np.uint16]
    ) -> None:
        o, so = flat(plane)
        height, width = plane.shape
        finish.shade(o, so, width, height, zero, shares, round(256 * lift), dither)


def _shares(curve: NDArray[np.uint16], width: int, height: int) -> NDArray[np.uint16]:
    """For each pixel, flat, the place of `curve` that belongs to its squared distance from the middle."""
    down, across = (_squares(length) for length in (height, width))
    return np.asarray(curve[down[:, None] + across[None]].reshape(-1), np.uint16)


def _squares(length: int) -> NDArray[np.int32]:
    """For each pixel of a row or column, its squared distance from the middle, _CURVE_STEPS at the end."""
    place = (np.arange(length) + 0.5) / length * 2 - 1
    return np.rint(place * place * _CURVE_STEPS).astype(np.int32)


def _bayer_rows(width: int) -> NDArray[np.uint16]:
    """The 8x8 ordered dither of Bayer (1973) over 8 rows of a plane, flat, evenly spread over 0..32767."""
    tile = np.zeros((1, 1))
    for _ in range(3):
        tile = np.block([[4 * tile, 4 * tile + 2], [4 * tile + 3, 4 * tile + 1]])
    rows = ((tile + 0.5) * 512).astype(np.uint16)
    return np.tile(rows, (1, width // 8 + 1))[:, :width].reshape(-1)


class Grain:
    """Film grain: soft noise, shifted to a new place for each frame."""

    def __init__(self, setting: Setting, amount: float, coarseness: float = 1.0) -> None:
        """amount: 1 is the grain of a fast film.  coarseness: size of its grains, 1 for a large film."""
        self._seed = setting.seed
        self._gain = round(256 * amount)
        self._noise = _grain_tile(setting.seed, max(0.5, 0.75 * coarseness * setting.scale)).reshape(-1)

    def apply(self, index: int, before: Planes, after: Planes) -> None:
        """Fill `after` with `before` and the grain of frame `index`; they may be the same planes."""
        copy(before, after)
        across, down = np.random.default_rng((self._seed, 32, index)).integers(0, _TILE, 2)
        o, so = flat(after.y)
        height, width = after.y.shape
        finish.grain(o, so, width, height, self._noise, _TILE, int(across), int(down), self._gain)


def _grain_tile(seed: int, blur: float) -> NDArray[np.int8]:
    """A periodic tile of noise, standard deviation 5.5 levels.  blur: of a Gaussian, pixels.

    Grain of one pixel costs the encoder most and looks like video noise; film's is softer.
    """
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng((seed, 31)).standard_normal((_TILE, _TILE), dtype=np.float32)
    soft = gaussian_filter(noise, blur, mode="wrap")
    return np.asarray(np.clip(soft / soft.std() * 5.5, -127, 127), np.int8)


def diffuse(after: Planes, amount: float, radius: float) -> None:
    """Let the whole picture lie softly over itself, as a diffusion filter does.

    amount: 0..1.  radius: pixels.  Light spreads far, shadows hardly: the soft picture is squared first.
    """
    height, width = after.y.shape
    small = (max(8, width // 4), max(8, height // 4))
    light = cv2.LUT(smaller(after.y, small), _SQUARED)
    light = blurred(light, max(0.8, radius / 4))
    lay_over(finish.screen, after.y, cv2.resize(light, (width, height)), round(256 * amount))


def soften(after: Planes, amount: float, radius: float) -> None:
    """Lay a share of the blurred luma over the sharp one: soft focus around a sharp core.  amount: 0..1."""
    soft = blurred(after.y, radius)
    cv2.addWeighted(after.y, 1 - amount, soft, amount, 0, dst=after.y)


def glow(after: Planes, threshold: int, amount: float, radius: float, tint: tuple[float, float]) -> None:
    """Let what is brighter than `threshold` shine over its surroundings.

    amount: 0..1.  radius: pixels.  tint: added to U and V where it shines, as a share of the light.
    """
    height, width = after.y.shape
    light = lights(smaller(after.y, (max(8, width // 8), max(8, height // 8))), threshold, radius / 8)
    lay_over(finish.screen, after.y, cv2.resize(light, (width, height)), round(256 * amount))
    half = cv2.resize(light, (width // 2, height // 2))
    for plane, share in zip((after.u, after.v), tint, strict=True):
        lay_over(finish.shift, plane, half, round(256 * share))


def lights(luma: Plane, threshold: int, radius: float) -> Plane:
    """What is brighter than `threshold` in a small picture, blurred: 0 nothing, 255 white.  radius: its pixels.

    A large picture is made small first: averaging the highlights keeps a moving lamp from sparkling.
    """
    return blurred(cv2.LUT(luma, _highlights(threshold)), max(0.8, radius))


def _highlights(threshold: int) -> NDArray[np.uint8]:
    return np.asarray(np.clip((np.arange(256) - threshold) * (255 / (235 - threshold)), 0, 255), np.uint8)


def lay_over(work: Kernel, plane: Plane, layer: Plane, amount: int) -> None:
    """Lay a layer over a plane of its size with kernel `screen`, `shift` or `mix`.  amount: its last number."""
    (o, so), (a, sa) = flat(plane), flat(layer)
    height, width = plane.shape
    work(o, so, a, sa, width, height, amount)
