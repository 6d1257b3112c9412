"""The clay model: rounded lumps of few colours with fingerprints, posed afresh twelve times a second.

A lump is what lies between edges; it rises with the distance from them. Edges come and go from frame to frame, so the
surface is averaged over time along the flow, also through the frames that only repeat a pose. Knows one clip.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Orientation, Packed, Patches, Stabiliser
from refilm.engines.effects.context import Context, follow
from refilm.engines.effects.kernels import draw
from refilm.engines.effects.layers import LEVELS, chroma_gain, enlarged, recolour, redrawn, spared, steps
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Buffer, Plane, Planes, copy, flat
from refilm.engines.effects.textures import noise

#: Poses in a second.
_POSES = 12
#: Share of the past in the surface.
_KEEP = 0.65
#: Side of the tile of fingerprints, a power of two.
_TILE = 512


class ClayModel:
    """Models a clip in clay. State: stabiliser, orientation, the surface, and the pose that is being held."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        grid = self._stabiliser.size
        self._scale = min(grid) / 360
        self._orientation = Orientation(4.0 * self._scale)
        radius = self._scale * (0.6 + 0.4 * strength)
        self._first = Patches(grid, max(1.4, 4.4 * radius), softness=8.0)
        self._second = Patches(grid, max(1.2, 3.4 * radius), softness=6.0)
        self._reach = max(1, round(3 * setting.scale))
        self._prints = _fingerprints(setting.seed, strength).reshape(-1)
        self._tone = _clay_tone()
        self._chroma = chroma_gain(1 + 0.30 * strength)
        self._light, self._shine = round(256 * 0.34 * strength), round(256 * 0.45 * strength)
        self._share = min(1.0, 0.35 + 0.65 * strength)
        self._surface: Plane | None = None
        self._held: Buffer | None = None
        self._pose = -1

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the modelled `before`; they may be the same planes."""
        steady = self._stabiliser.update(context, before)
        code = self._orientation.update(context, steady)
        flow = context.flow
        if flow is None:
            self._surface, self._held = None, None
        elif self._surface is not None:
            self._surface = follow(flow, self._surface)
        # A little more than the frame's time: 1/25 s and 1/12 s must not be told apart by rounding.
        pose = math.floor(context.time * _POSES + 1e-6)
        if self._held is None or pose != self._pose:
            self._pose = pose
            self._held = self._modelled(context, steady, code, before)
        copy(self._held, after)

    def _modelled(self, context: Context, steady: Packed, code: NDArray[np.uint8], before: Planes) -> Buffer:
        after = Buffer.empty(self._size)
        lumps = self._second(self._first(steady, code), code)
        luma = cv2.extractChannel(lumps, 0)
        self._surface = self._risen(luma, context.analysis_size)
        sharp = cv2.extractChannel(steady, 0)
        soft = cv2.GaussianBlur(cv2.LUT(luma, self._tone), (0, 0), max(0.6, 0.9 * self._scale))
        # Eyes and letters are set in at last, with a fine tool.
        self._draw_luma(context, redrawn(spared(soft, sharp, 18), sharp, 0.2, 0.6), before.y, after.y)
        for k, old, new in ((1, before.u, after.u), (2, before.v, after.v)):
            recolour(cv2.extractChannel(lumps, k), self._chroma, self._share, old, new)
        return after

    def _risen(self, luma: Plane, size: tuple[int, int]) -> Plane:
        """The surface at the analysis size: 0 at edges, 255 far from them."""
        distance = cv2.distanceTransform(255 - cv2.Canny(luma, 26, 64), cv2.DIST_L2, 3)
        risen = np.rint(255 * (1 - np.exp(distance * np.float32(-1 / (5.5 * self._scale))))).astype(np.uint8)
        risen = cv2.resize(risen, size, interpolation=cv2.INTER_AREA)
        if self._surface is None:
            return np.asarray(risen)
        return np.asarray(cv2.addWeighted(self._surface, _KEEP, risen, 1 - _KEEP, 0))

    def _draw_luma(self, context: Context, luma: Plane, before: Plane, after: Plane) -> None:
        width, height = self._size
        surface = cv2.GaussianBlur(self._surface, (0, 0), max(0.6, 0.9 * self._scale))
        surface = cv2.resize(surface, self._size, interpolation=cv2.INTER_CUBIC)
        surface = cv2.copyMakeBorder(surface, *[self._reach] * 4, cv2.BORDER_REPLICATE)
        # Prints are the sculptor's and stay on the model, which the camera moves past.
        across, down = (round(-shift) % _TILE for shift in context.motion)
        (p, sp), (o, so) = flat(before), flat(after)
        draw.relief(
            enlarged(luma, self._size).reshape(-1), width, height, surface.reshape(-1), self._reach, self._prints,
            _TILE, across, down, p, sp, o, so, self._light, self._shine, round(256 * self._share),
        )  # fmt: skip


def _clay_tone() -> NDArray[np.uint8]:
    """Luma level to the clay's: gathered in seven soft steps, never quite black."""
    linear = np.clip((LEVELS - 16) / 219, 0, 1)
    return np.asarray(np.clip(np.rint(26 + 206 * (0.35 * linear + 0.65 * steps(linear, 7, 1.4))), 16, 235), np.uint8)


def _fingerprints(seed: int, strength: float) -> NDArray[np.uint8]:
    """(side, side), periodic: ridges of fingertips in patches, lit from the upper left, and fine dust, around 128."""
    size = (_TILE, _TILE)
    ridges = 0.5 + 0.5 * np.sin(5.5 * noise(size, (seed, 95), 1.5, 8, 20))
    slope = np.roll(ridges, (-2, -2), (0, 1)) - np.roll(ridges, (2, 2), (0, 1))
    pressed = np.clip(noise(size, (seed, 96), 1.8, 2, 12) - 0.2, 0, 1)
    dust = noise(size, (seed, 97), 0.6, 20, 120)
    return np.asarray(np.clip(np.rint(128 + strength * (8 * slope * pressed + 1.5 * dust)), 0, 255), np.uint8)
