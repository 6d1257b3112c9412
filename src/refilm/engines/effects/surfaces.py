"""How surfaces move where optical flow alone cannot tell: a clear sky, a wall, a road.

There flow follows the noise, and paint that is carried along it swims. So where the picture is even, the flow of the
textured surroundings counts instead, near ones first: normalised convolution (Knutsson, Westin 1993) at two reaches.
Where there is texture the flow stays as it is. Knows two neighbouring frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Plane

#: Slopes of luma, squared sums of Sobel's, that are noise; and those from which flow is believed by half.
_NOISE, _TEXTURE = np.float32(60), np.float32(400)
#: How far texture is looked for, shares of the shorter side; how little the farther one counts beside the nearer.
_NEAR, _FAR, _FARTHER = 0.11, 0.33, 0.05
#: Surroundings are wide, so they are looked at this many times smaller.
_SMALLER = 8
#: Weight of what has no texture at all: where there is none far and wide, the mean of all flow counts.
_NOTHING = np.float32(1e-4)


def settled(flow: NDArray[np.float32], luma: Plane) -> NDArray[np.float32]:
    """The flow as whole surfaces have it.

    flow: (h, w, 2), pixels.  luma: (h, w), the frame it was found for. Returns a new (h, w, 2).
    """
    height, width = luma.shape
    sure = _texture(luma)
    weight = sure + _NOTHING
    weighed = cv2.merge([*(cv2.multiply(part, weight) for part in cv2.split(flow)), weight])
    few = max(2, width // _SMALLER), max(2, height // _SMALLER)
    weighed = cv2.resize(weighed, few, interpolation=cv2.INTER_AREA)
    near, far = (cv2.GaussianBlur(weighed, (0, 0), max(0.8, share * min(few))) for share in (_NEAR, _FAR))
    right, down, total = cv2.split(cv2.addWeighted(near, 1, far, _FARTHER, 0))
    around = cv2.merge([cv2.divide(right, total), cv2.divide(down, total)])
    around = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.blendLinear(flow, around, sure, np.float32(1) - sure))


def _texture(luma: Plane) -> NDArray[np.float32]:
    """How well flow can be told at each place, (h, w), 0..1."""
    soft = cv2.GaussianBlur(luma, (5, 5), 1.0)
    across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    slope = cv2.add(cv2.multiply(across, across), cv2.multiply(down, down))
    slope = cv2.GaussianBlur(cv2.max(slope - _NOISE, 0.0), (0, 0), 2.0)
    return np.asarray(cv2.divide(slope, slope + _TEXTURE))
