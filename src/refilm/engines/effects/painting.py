"""The painted looks: watercolour and cartoon. Both work on the painting grid of `context.paint_size` and add their
fine structure (paper, ink) at full size. Sizes in pixels are meant for a grid of 360 rows and scale with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Orientation, Patches, Stabiliser
from refilm.engines.effects.context import Context
from refilm.engines.effects.kernels import paint
from refilm.engines.effects.layers import (
    LEVELS,
    Inking,
    chroma_gain,
    enlarged,
    fitted,
    recolour,
    redrawn,
    rise,
    spared,
    steps,
)
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, flat
from refilm.engines.effects.textures import noise, paper


class WatercolourPainting:
    """Washes of colour on paper. State: the stabiliser's picture and the orientation's tensor."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        grid = self._stabiliser.size
        scale = min(grid) / 360
        self._orientation = Orientation(2.5 * scale)
        self._patches = Patches(grid, max(1.2, 3.0 * scale * (0.6 + 0.4 * strength)))
        self._pad = max(2, round(6 * setting.scale))
        self._stray, self._paper = _stray(setting, self._pad), _paper(setting)
        self._tone = _wash_tone()
        self._drawing = 1 / max(0.7, strength)
        # On a small grid the same edge is relatively wider.
        self._wet = round(5 * strength * min(1.0, scale))
        self._edge_sigma = 0.9 * max(1.0, scale)
        self._grain = round(256 * min(1.3, strength))
        self._gain = round(256 + 14 * strength)
        self._share = round(256 * min(1.0, 0.35 + 0.65 * strength))

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the painted `before`; they may be the same planes."""
        steady = self._stabiliser.update(context, before)
        washed = self._patches(steady, self._orientation.update(context, steady))
        luma, u, v, _ = cv2.split(washed)
        edge = _wet_edge(luma, self._edge_sigma)
        sharp = cv2.extractChannel(steady, 0)
        fine = redrawn(spared(luma, sharp, 36), sharp, 0.28 * self._drawing, 0.6 * self._drawing)
        self._draw_luma(context, fine, edge, before.y, after.y)
        for chroma, old, new in ((u, before.u, after.u), (v, before.v, after.v)):
            self._draw_chroma(chroma, luma, edge, old, new)

    def _draw_luma(self, context: Context, luma: Plane, edge: Plane, before: Plane, after: Plane) -> None:
        width, height = self._size
        reflected = cv2.merge([cv2.LUT(luma, self._tone), edge])
        both = cv2.resize(reflected, self._size, interpolation=cv2.INTER_LINEAR)
        both = cv2.copyMakeBorder(both, *[self._pad] * 4, cv2.BORDER_REPLICATE)
        (p, sp), (o, so) = flat(before), flat(after)
        # The paper moves with the camera's picture, or the world would slide along behind a dirty pane.
        across, down = (round(-shift) for shift in context.motion)
        rows, columns = self._stray.shape
        paint.wash(
            both.reshape(-1).view(np.uint16), self._pad, width, height, self._stray.reshape(-1),
            self._paper.reshape(-1), columns, rows, across % columns, down % rows,
            p, sp, o, so, self._wet, self._grain, self._share,
        )  # fmt: skip

    def _draw_chroma(self, chroma: Plane, luma: Plane, edge: Plane, before: Plane, after: Plane) -> None:
        height, width = after.shape
        layers = [fitted(layer, (width, height)) for layer in (chroma, luma, edge)]
        (p, sp), (o, so) = flat(before), flat(after)
        paint.pigment(*layers, p, sp, o, so, width, height, self._gain, self._wet, self._share)


def _wet_edge(luma: Plane, sigma: float) -> Plane:
    """Where a wash ends, 0..52: pigment gathers there as it dries.  sigma: softness, pixels."""
    across, down = cv2.Sobel(luma, cv2.CV_16S, 1, 0, ksize=3), cv2.Sobel(luma, cv2.CV_16S, 0, 1, ksize=3)
    slope = cv2.addWeighted(cv2.convertScaleAbs(across, alpha=0.25), 1, cv2.convertScaleAbs(down, alpha=0.25), 1, -3)
    return np.asarray(cv2.min(cv2.GaussianBlur(slope, (0, 0), sigma), 52))


def _stray(setting: Setting, pad: int) -> NDArray[np.int32]:
    """(h, w): how far the brush strays at each place, in elements of a picture with `pad` more pixels on each side."""
    size, short = setting.size, min(setting.size)
    across, down = (
        np.clip(np.rint(noise(size, (setting.seed, 62 + k), 1.2, 8, short / 8) * 1.5 * setting.scale), -pad, pad)
        for k in (0, 1)
    )
    return np.asarray(down * (size[0] + 2 * pad) + across, np.int32)


def _paper(setting: Setting) -> NDArray[np.int8]:
    """(h, w, 2): pigment (1/128) and tooth (levels) of the paper; periodic."""
    size = setting.size
    tooth = paper(size, setting.seed)
    turbulence = np.clip(noise(size, (setting.seed, 61), 1.9, 2), -2, 2)
    return np.stack([np.rint(128 * (0.20 * turbulence + 0.26 * tooth)), np.rint(6 * tooth)], -1).astype(np.int8)


def _wash_tone() -> NDArray[np.uint8]:
    """Luma level to the reflectance of the wash, 0..252: lifted, and gathered in eight soft steps."""
    linear = np.clip((LEVELS - 16) / 219, 0, 1)
    stepped = 0.4 * linear + 0.6 * steps(linear, 8, 1.5)
    return np.asarray(np.clip((0.13 + 0.87 * stepped**0.66) * 255, 0, 252), np.uint8)


class CartoonDrawing:
    """Flat colours inside outlines. State: the stabiliser's picture and the orientation's tensor."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        grid = self._stabiliser.size
        scale = min(grid) / 360
        radius = max(1.2, 3.0 * scale * (0.6 + 0.4 * strength))
        self._orientation = Orientation(2.0 * scale)
        self._first, self._second = (Patches(grid, radius, softness=6.0) for _ in range(2))
        self._lines = Inking(grid, strength)
        self._tone = _cel_tone()
        self._line = np.rint(255 * rise(0.30, 0.80)).astype(np.uint8)
        self._chroma = chroma_gain(1 + 0.45 * strength)
        self._share = min(1.0, 0.35 + 0.65 * strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the drawn `before`; they may be the same planes."""
        steady = self._stabiliser.update(context, before)
        code = self._orientation.update(context, steady)
        once = self._first(steady, code)
        lines = self._lines(cv2.extractChannel(once, 0), cv2.extractChannel(steady, 0), code)
        luma, u, v, _ = cv2.split(self._second(once, code))
        luma = spared(luma, cv2.extractChannel(steady, 0), 36)
        self._draw_luma(luma, lines, before.y, after.y)
        for chroma, old, new in ((u, before.u, after.u), (v, before.v, after.v)):
            recolour(chroma, self._chroma, self._share, old, new)

    def _draw_luma(self, luma: Plane, lines: Plane, before: Plane, after: Plane) -> None:
        width, height = self._size
        flat_luma = cv2.LUT(enlarged(luma, self._size), self._tone)
        paper_left = cv2.LUT(enlarged(lines, self._size), self._line)
        (p, sp), (o, so) = flat(before), flat(after)
        share = round(256 * self._share)
        paint.ink(flat_luma.reshape(-1), paper_left.reshape(-1), width, height, p, sp, o, so, share)


def _cel_tone() -> NDArray[np.uint8]:
    """Luma level to printed luma: six steps, a little lighter and harder than the photograph."""
    linear = LEVELS / 255
    curve = np.clip(linear + 0.05 * np.sin(2 * np.pi * (linear - 0.25)) + 0.03, 0, 1)
    stepped = np.rint(255 * steps(linear, 6, 2.2)).astype(int)
    return np.asarray(np.clip(np.rint(curve[stepped] * 255), 16, 235), np.uint8)
