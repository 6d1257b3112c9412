"""The printed comic: flat colours, heavy outlines, and a screen of dots (Ben Day's) in the mid-tones.

Knows one clip. The dots move with the camera's picture; a screen at 45 degrees is the product of two waves, so that it
scrolls by parts of a pixel for nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Orientation, Patches, Stabiliser
from refilm.engines.effects.context import Context
from refilm.engines.effects.kernels import draw
from refilm.engines.effects.layers import LEVELS, Inking, enlarged, recolour, redrawn, rise, spared, steps
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, flat

#: Distance of the dots in pixels, and the least that still shows them.
_SPACING, _CLOSEST = 7.0, 3.5


class ComicPrint:
    """Prints a clip as a comic. State: the stabiliser's picture and the orientation's tensor."""

    def __init__(self, setting: Setting, strength: float) -> None:
        """strength: 0.3 to 1.5; below 1 part of the photograph stays."""
        self._size = setting.size
        self._stabiliser = Stabiliser(setting.size)
        grid = self._stabiliser.size
        scale = min(grid) / 360
        self._orientation = Orientation(2.0 * scale)
        radius = max(1.2, 2.4 * scale * (0.6 + 0.4 * strength))
        self._first, self._second = (Patches(grid, radius, softness=6.0) for _ in range(2))
        self._lines = Inking(grid, 1.2 * strength)
        self._nib = np.ones((max(1, round(2 * scale)),) * 2, np.uint8)
        self._spacing = max(_CLOSEST, _SPACING * setting.scale) * math.sqrt(2)
        self._printed, self._spread = _print_tone(), _dot_depth()
        self._chroma = _print_chroma(strength)
        self._line = np.rint(255 * rise(0.30, 0.80)).astype(np.uint8)
        self._share = min(1.0, 0.35 + 0.65 * strength)

    def apply(self, context: Context, before: Planes, after: Planes) -> None:
        """Fill `after` with the printed `before`; they may be the same planes."""
        steady = self._stabiliser.update(context, before)
        code = self._orientation.update(context, steady)
        sharp = cv2.extractChannel(steady, 0)
        once = self._first(steady, code)
        drawn = redrawn(cv2.extractChannel(once, 0), sharp, 0.25, 0.6)
        lines = self._lines(drawn, sharp, code, threshold=20, fine_share=0.45)
        luma, u, v, _ = cv2.split(self._second(once, code))
        self._print_luma(
            context, redrawn(spared(luma, sharp, 18), sharp, 0.25, 0.6), cv2.erode(lines, self._nib), before.y, after.y
        )
        for chroma, old, new in ((u, before.u, after.u), (v, before.v, after.v)):
            recolour(chroma, self._chroma, self._share, old, new)

    def _print_luma(self, context: Context, luma: Plane, lines: Plane, before: Plane, after: Plane) -> None:
        width, height = self._size
        tone = enlarged(luma, self._size)
        paper = cv2.LUT(enlarged(lines, self._size), self._line)
        across, down = (self._wave(length, shift) for length, shift in zip(self._size, context.motion, strict=True))
        (p, sp), (o, so) = flat(before), flat(after)
        draw.halftone(
            tone.reshape(-1), paper.reshape(-1), width, height, across, down, self._printed,
            self._spread, p, sp, o, so, round(256 * self._share),
        )  # fmt: skip

    def _wave(self, length: int, shift: float) -> NDArray[np.int32]:
        """One of the two waves of the dot screen, moved by `shift` pixels, -1024..1024."""
        turn = 2 * np.pi * (np.arange(length) - shift) / self._spacing
        return np.asarray(np.rint(1024 * np.cos(turn)), np.int32)


def _print_tone() -> NDArray[np.uint8]:
    """Luma level to the luma that is printed between the dots: lighter, hard, gathered in five steps."""
    linear = np.clip((LEVELS - 16) / 219, 0, 1)
    curve = np.clip(1.12 * linear**0.78 - 0.02, 0, 1)
    return np.asarray(np.clip(np.rint(20 + 218 * (0.35 * curve + 0.65 * steps(curve, 5, 1.8))), 16, 238), np.uint8)


def _dot_depth() -> NDArray[np.uint8]:
    """Luma level to how much darker than its surroundings a dot is: most in the mid-tones, none in black and white."""
    linear = np.clip((LEVELS - 16) / 219, 0, 1)
    middle = np.clip(linear / 0.34, 0, 1) * np.clip((0.80 - linear) / 0.22, 0, 1)
    return np.asarray(np.rint(46 * middle), np.uint8)


def _print_chroma(strength: float) -> NDArray[np.uint8]:
    """Chroma, stronger, and half gathered in few steps, as a printer with few inks has it."""
    distance = LEVELS - 128
    few = 0.45 * np.round(distance / 18) * 18 + 0.55 * distance
    return np.asarray(np.clip(np.rint(128 + few * (1 + 0.65 * strength)), 16, 240), np.uint8)
