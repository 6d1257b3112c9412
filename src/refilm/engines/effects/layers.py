"""What the painted looks share beyond brushwork: outlines, tone curves over 256 levels, and small layers made to fit
the picture. Knows one frame at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.brushwork import Code, Strokes
from refilm.engines.effects.kernels import paint
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Plane

LEVELS = np.arange(256)


def spared(flattened: Plane, steady: Plane, threshold: int) -> Plane:
    """The flat picture with the small things back that stood out by more than `threshold` levels: eyes, road marks."""
    lighter = cv2.subtract(cv2.subtract(steady, flattened), threshold)
    darker = cv2.subtract(cv2.subtract(flattened, steady), threshold)
    result: Plane = cv2.subtract(cv2.add(flattened, lighter), darker)
    return result


def redrawn(painted: Plane, steady: Plane, lights: float, darks: float) -> Plane:
    """The painting with some of the fine drawing back: a share of the lights and, as a rule more, of the darks.

    A brush sets dark accents last; they are what makes a face a face.
    """
    lighter, darker = cv2.subtract(steady, painted), cv2.subtract(painted, steady)
    lifted = cv2.addWeighted(painted, 1, lighter, lights, 0)
    result: Plane = cv2.addWeighted(lifted, 1, darker, -darks, 0)
    return result


def steps(values: NDArray[np.float64], count: int, hardness: float) -> NDArray[np.float64]:
    """`values`, 0..1, gathered in `count` steps with soft rises between them."""
    width = 1 / count
    middle = (np.floor(values / width) + 0.5) * width
    within = np.tanh(hardness * (values - middle) / width * 2) / np.tanh(hardness)
    return np.asarray(np.clip(middle + width / 2 * within, 0, 1))


def rise(start: float, end: float) -> NDArray[np.float64]:
    """A smooth rise over the 256 levels; start, end: 0..1."""
    t = np.clip((LEVELS / 255 - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def enlarged(layer: Plane, size: tuple[int, int]) -> Plane:
    """A layer of the painting grid at the full size, its edges kept crisp."""
    if (layer.shape[1], layer.shape[0]) == size:
        return layer
    return np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_CUBIC))


def fitted(layer: Plane, size: tuple[int, int], *, shaped: bool = False) -> NDArray[np.uint8]:
    """A layer of the painting grid at the chroma's size, flat unless `shaped`."""
    if (layer.shape[1], layer.shape[0]) != size:
        smaller = layer.shape[1] > size[0]
        layer = cv2.resize(layer, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    layer = np.ascontiguousarray(layer)
    return layer if shaped else layer.reshape(-1)


def recolour(chroma: Plane, table: NDArray[np.uint8], share: float, before: Plane, after: Plane) -> None:
    """Fill a chroma plane with `table` of a layer of the painting grid; share: 0..1 of it, the rest stays `before`."""
    height, width = after.shape
    painted = fitted(cv2.LUT(chroma, table), (width, height), shaped=True)
    cv2.addWeighted(painted, share, before, 1 - share, 0, dst=after)


def chroma_gain(factor: float) -> NDArray[np.uint8]:
    """The table that scales chroma around neutral grey."""
    return np.asarray(np.clip(np.rint(128 + (LEVELS - 128) * factor), 16, 240), np.uint8)


class Inking:
    """Draws outlines: a difference of Gaussians, smoothed along the forms."""

    def __init__(self, size: tuple[int, int], strength: float) -> None:
        """size: of the painting grid.  strength: 1 is a drawing pen."""
        scale = min(size) / 360
        self._strokes = Strokes(size, max(2, round(5 * scale)))
        self._sigma = max(0.6, 0.9 * scale), max(1.0, 1.6 * scale)
        self._gain = round(50 * 16 * strength)

    def __call__(
        self, painted: Plane, steady: Plane, code: Code, *, threshold: int = 26, fine_share: float = 0.28
    ) -> Plane:
        """The outlines: 255 paper, 0 ink.  threshold: 1/16 levels; lower draws more.

        fine_share: how much of the photograph is looked at beside the painting, 0..1.
        """
        # Some of the photograph finds small features; most of the painting leaves its texture out.
        luma = cv2.addWeighted(painted, 1 - fine_share, steady, fine_share, 0)
        fine, coarse = (cv2.GaussianBlur(luma, (0, 0), sigma) for sigma in self._sigma)
        drawn = np.empty_like(luma)
        paint.outline(fine.reshape(-1), coarse.reshape(-1), drawn.reshape(-1), drawn.size, 1009, threshold, self._gain)
        return self._strokes(drawn, code)
