"""Where a texture has drifted to, so that hatching, dots and bristles lie on things instead of on the screen.

Two layers of coordinates travel with the optical flow. Each is begun anew in turn while only the other is seen, so that
no zoom stretches them for long (after Bousseau et al., "Video watercolorization using bidirectional texture advection",
2007, forward half). Where nothing moves, and where all moves alike, both layers agree and nothing is ever exchanged.
Knows no texture. Holds two small fields.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting

#: Flow below this, in pixels of the analysis grid, is taken for the noise of a still picture.
_STILL = 0.08
#: Side of the surroundings that share their motion, in the same pixels.
_SURFACE = 15
#: A layer lives for twice this many seconds.
_HALF_LIFE = 1.0
#: How far a layer may lie from the picture's common motion, pixels.
_FARTHEST = 2000.0


@dataclass(frozen=True)
class Drift:
    """Texture coordinates of one frame: a pixel at x shows the texture's place x + base + field(x), in pixels.

    base: (across, down), the common motion.  fields: (h, w, 4) float32 at the analysis size, across and down of the
    first layer, then of the second.  weight: how much of the first layer is seen, 0..1.
    """

    base: tuple[float, float]
    fields: NDArray[np.float32]
    weight: float

    def enlarged(self, size: tuple[int, int]) -> NDArray[np.int16]:
        """The fields at `size`, flat, in 1/16 pixel."""
        sixteenths = np.rint(self.fields * np.float32(16)).astype(np.int16)
        return np.asarray(cv2.resize(sixteenths, size, interpolation=cv2.INTER_LINEAR)).reshape(-1)

    @property
    def base_sixteenths(self) -> tuple[int, int]:
        """`base` in 1/16 pixel."""
        return round(16 * self.base[0]), round(16 * self.base[1])


class DriftFinder:
    """Follows one clip. State: the two fields and their age; a cut forgets them."""

    def __init__(self, setting: Setting) -> None:
        self._period = max(4, round(_HALF_LIFE * float(setting.frame_rate)))
        self._fields: NDArray[np.float32] | None = None
        self._base = (0.0, 0.0)
        self._age = 0

    def update(self, context: Context) -> Drift:
        """The coordinates for this frame."""
        base = -context.motion[0], -context.motion[1]
        flow = context.flow
        if flow is None or self._fields is None:
            width, height = context.analysis_size
            self._fields, self._age = np.zeros((height, width, 4), np.float32), 0
        else:
            self._fields = self._moved(self._fields, flow, context, base)
            self._age += 1
        self._base = base
        phase = self._age % (2 * self._period)
        if phase == 0:
            self._fields[..., 2:] = 0
        elif phase == self._period:
            self._fields[..., :2] = 0
        return Drift(base, self._fields, abs(phase / self._period - 1))

    def _moved(
        self, fields: NDArray[np.float32], flow: NDArray[np.float32], context: Context, base: tuple[float, float]
    ) -> NDArray[np.float32]:
        """The fields carried one frame on, relative to the new base."""
        height, width = flow.shape[:2]
        calm = _surface_flow(flow, context)
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        moved = cv2.remap(
            fields, columns + calm[..., 0], rows + calm[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        common = np.array([base[0] - self._base[0], base[1] - self._base[1]], np.float32)
        step = calm * np.float32(context.size[0] / width) - common
        return np.asarray(np.clip(moved + np.concatenate([step, step], -1), -_FARTHEST, _FARTHEST), np.float32)


def _surface_flow(flow: NDArray[np.float32], context: Context) -> NDArray[np.float32]:
    """The flow as whole surfaces have it: where the picture is too even to tell, that of its surroundings counts."""
    luma = context.small_luma
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    sure = cv2.min(cv2.add(cv2.multiply(across, across), cv2.multiply(down, down)), 4000.0) + np.float32(4)
    weighed = cv2.blur(cv2.merge([flow[..., 0] * sure, flow[..., 1] * sure, sure]), (_SURFACE, _SURFACE))
    smooth = weighed[..., :2] / weighed[..., 2:]
    return np.where(np.abs(smooth).max(-1, keepdims=True) < _STILL, np.float32(0), smooth)
