"""Planes made smaller, by the shortest way. Knows nothing of what they are wanted for."""

from __future__ import annotations

import numpy as np

from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Plane


def smaller(plane: Plane, size: tuple[int, int]) -> Plane:
    """The plane averaged down to `size`, (width, height); itself where it has that size. Its rows lie without gaps, as
    optical flow wants them.

    OpenCV halves a picture ten times as fast as it averages it over any other square, so it is halved as often as that
    comes out even. Each halving rounds up, which makes the picture brighter by an eighth of a level.
    """
    width, height = size
    while plane.shape[1] >= 2 * width and plane.shape[0] >= 2 * height and not (plane.shape[0] | plane.shape[1]) & 1:
        half = (plane.shape[1] // 2, plane.shape[0] // 2)
        plane = np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.uint8)
    if (plane.shape[1], plane.shape[0]) != size:
        plane = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(plane)
