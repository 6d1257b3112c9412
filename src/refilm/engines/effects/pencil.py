"""The pencil drawing: outlines, and shadows hatched in up to three directions on grained paper.

Outlines are the dodge of darkroom retouchers, the picture divided by its own blur. Knows one clip; the paper moves with
the camera.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Orientation, Packed, Patches, Stabiliser
from refilm.engines.effects.context import Context
from refilm.engines.effects.drift import DriftFinder
from refilm.engines.effects.kernels import draw
from refilm.engines.effects.layers import LEVELS, chroma_gain, enlarged, recolour, rise
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, flat
from refilm.engines.effects.textures import noise, paper

#: Angle in degrees and distance in pixels of the lines of each hatching, lightest tone first.
_HATCHINGS = ((48, 6.6), (-38, 7.4), (8, 5.8))
#: For each: tone (0..1) from which it begins, rise, and how dark it may get.
_SHADING = ((0.68, 2.2, 0.26), (0.42, 2.8, 0.30), (0.30, 3.4, 0.48))
#: A line closer than this cannot be drawn in pixels.
_CLOSEST = 3.0
#: What is darker than its surroundings by no more than this share is film grain and left to the paper.
_UNDRAWN = 0.025
#: Side of the tile of textures, a power of two.
TILE = 512


class PencilDrawing:
    """Graphite or coloured pencils on paper. State: the stabiliser's picture and the orientation's tensor."""

    def __init__(self, setting: Setting, strength: float, *, colour: bool) -> None:
        """strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        grid = self._stabiliser.size
        scale = min(grid) / 360
        self._orientation = Orientation(2.0 * scale)
        self._patches = Patches(grid, max(1.2, 2.0 * scale), softness=8.0)
        self._blurs = max(1.4, 2.1 * _lead_scale(scale)), max(0.6, 1.0 * scale)
        self._lead = _line_table(strength)
        self._drift = DriftFinder(setting)
        self._tile = _tile(setting.seed)
        # Rounded down: tooth that is too fine looks like paper, tooth that is too coarse like mosaic.
        self._zoom = math.floor(math.log2(max(1.0, setting.scale)))
        self._layers = _layer_table(_lead_scale(setting.scale), min(1.25, strength) * (0.8 if colour else 1.0))
        self._wash = 96 if colour else 60
        self._share = min(1.0, 0.35 + 0.65 * strength)
        self._chroma = chroma_gain(1.1 if colour else 0.0)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the drawn `before`; they may be the same planes."""
        steady = self._stabiliser.update(context, before)
        painted = self._patches(steady, self._orientation.update(context, steady))
        self._draw_luma(context, self._lines(painted, steady), painted, before.y, after.y)
        for k, old, new in ((1, before.u, after.u), (2, before.v, after.v)):
            recolour(cv2.extractChannel(painted, k), self._chroma, self._share, old, new)

    def _lines(self, painted: Packed, steady: Packed) -> Plane:
        """The outlines on the painting grid: 255 paper, less where the picture is darker than its surroundings."""
        luma = cv2.addWeighted(cv2.extractChannel(painted, 0), 0.6, cv2.extractChannel(steady, 0), 0.4, 0)
        around = cv2.GaussianBlur(luma, (0, 0), self._blurs[0])
        return np.asarray(cv2.LUT(cv2.divide(luma, around, scale=255), self._lead))

    def _draw_luma(self, context: Context, lines: Plane, painted: Packed, before: Plane, after: Plane) -> None:
        width, height = self._size
        tone = cv2.GaussianBlur(cv2.extractChannel(painted, 0), (0, 0), self._blurs[1])
        tone = cv2.resize(tone, self._size, interpolation=cv2.INTER_LINEAR)
        drift = self._drift.update(context)
        (p, sp), (o, so) = flat(before), flat(after)
        draw.hatch(
            enlarged(lines, self._size).reshape(-1), tone.reshape(-1), width, height,
            drift.widened(width).reshape(-1), drift.fields.shape[1], *drift.base_sixteenths(),
            round(256 * drift.weight), self._tile, TILE, self._zoom, self._layers, self._wash,
            p, sp, o, so, round(256 * self._share),
        )  # fmt: skip


def _line_table(strength: float) -> NDArray[np.uint8]:
    """From the dodge's ratio, 255 where nothing is darker than its surroundings, to the paper a line leaves."""
    ratio = np.minimum(1, LEVELS / 255 + _UNDRAWN)
    lead = 1.5 * strength * (1 - ratio**1.6) * rise(0.0, 0.16)[::-1]
    return np.asarray(np.rint(255 * np.clip(1 - lead, 0, 1)), np.uint8)


def _lead_scale(scale: float) -> float:
    """How much thicker the lead is in a picture that is `scale` times as large: a larger sheet is drawn more finely."""
    return scale**0.65 if scale > 1 else scale


def _layer_table(scale: float, strength: float) -> NDArray[np.int32]:
    """`_SHADING` and `_HATCHINGS` as the kernel wants them, for pictures `scale` times as large as 1280x720."""
    rows = []
    for (degrees, spacing), (start, steepness, limit) in zip(_HATCHINGS, _SHADING, strict=True):
        turns = 65536 / 16 / max(_CLOSEST, spacing * scale)
        angle = math.radians(degrees)
        dark = 256 * limit * strength
        rows += [round(255 * start), round(64 * dark * steepness / 255), round(dark)]
        rows += [round(turns * math.cos(angle)), round(turns * math.sin(angle))]
    return np.array(rows, np.int32)


def _tile(seed: int) -> NDArray[np.uint32]:
    """The unevenness of a hand and of its paper, as `draw.hatch` reads it; periodic."""
    size = (TILE, TILE)
    sway = noise(size, (seed, 71), 1.4, 3, 24)
    pressure = noise(size, (seed, 72), 1.0, 6, 60)
    layers = (128 + 40 * sway, 128 + 24 * pressure, 128 + 45 * paper(size, seed))
    low, middle, high = (np.clip(np.rint(layer), 0, 255).astype(np.uint32) for layer in layers)
    return np.asarray(low | (middle << np.uint32(8)) | (high << np.uint32(16))).reshape(-1)
