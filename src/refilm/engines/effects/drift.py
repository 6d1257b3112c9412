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
from refilm.engines.effects.kernels import drift as kernels
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting

#: Flow below this, in pixels of the analysis grid, is taken for the noise of a still picture.
_STILL = 0.08
#: Side of the surroundings that share their motion, in the same pixels.
_SURFACE = 15
#: A layer lives for twice this many seconds.
_HALF_LIFE = 1.0
#: Share of that time in which both layers are seen.
_FADE = 0.4
#: How far a layer may lie from the picture's common motion, pixels.
_FARTHEST = 2000.0


@dataclass(frozen=True)
class Drift:
    """Texture coordinates of one frame: a pixel at x shows the texture's place x + base + field(x), in pixels.

    base: (across, down), the common motion.  fields: (4, h, w) float32 at the analysis size, across and down of the
    first layer, then of the second.  weight: how much of the first layer is seen, 0..1.
    """

    base: tuple[float, float]
    fields: NDArray[np.float32]
    weight: float

    def widened(self, width: int, share: float = 1.0) -> NDArray[np.int16]:
        """The fields with rows of `width` places, (4, h, width), in 1/16 of a pixel that is `share` of a whole one.

        Kernels do the same for columns as they go.
        """
        layers, rows, columns = self.fields.shape
        sixteenths = np.rint(self.fields * np.float32(16 * share)).astype(np.int16)
        wide = cv2.resize(sixteenths.reshape(-1, columns), (width, layers * rows), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide).reshape(layers, rows, width)

    def base_sixteenths(self, share: float = 1.0) -> tuple[int, int]:
        """`base` in the unit of `widened`."""
        return round(16 * share * self.base[0]), round(16 * share * self.base[1])


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
        flow = context.fine_flow
        if flow is None or self._fields is None:
            width, height = context.analysis_size
            self._fields, self._age = np.zeros((4, height, width), np.float32), 0
        else:
            self._fields = self._moved(self._fields, flow, context, base)
            self._age += 1
        self._base = base
        phase = self._age % (2 * self._period)
        if phase == 0:
            self._fields[2:] = 0
        elif phase == self._period:
            self._fields[:2] = 0
        agree = np.array_equal(self._fields[:2], self._fields[2:])
        return Drift(base, self._fields, 1.0 if agree else _seen(phase / self._period))

    def _moved(
        self, fields: NDArray[np.float32], flow: NDArray[np.float32], context: Context, base: tuple[float, float]
    ) -> NDArray[np.float32]:
        """The fields carried one frame on, relative to the new base."""
        height, width = flow.shape[:2]
        moved = np.empty_like(fields)
        common = base[0] - self._base[0], base[1] - self._base[1]
        kernels.carry(
            fields.reshape(-1), _surface_flow(flow, context).reshape(-1), width, height, _STILL,
            context.size[0] / width, *common, _FARTHEST, moved.reshape(-1),
        )  # fmt: skip
        return moved


def corners(tile: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """A periodic (side, side) tile as `kernels.drift.strew` reads it, flat: each place and its neighbours to the right,
    below, and to the right below, a byte each."""
    right, below = np.roll(tile, -1, 1), np.roll(tile, -1, 0)
    packed = np.zeros(tile.shape, np.uint32)
    for k, layer in enumerate((tile, right, below, np.roll(right, -1, 0))):
        packed |= layer.astype(np.uint32) << np.uint32(8 * k)
    return packed.reshape(-1)


def _seen(phase: float) -> float:
    """How much of the first layer is seen in a phase of 0..2: nothing around 1, where it is begun anew.

    For most of the time one layer is seen alone. That is crisper than any mixture, and quicker drawn.
    """
    return float(np.clip((abs(phase - 1) - 0.5) / _FADE + 0.5, 0, 1))


def _surface_flow(flow: NDArray[np.float32], context: Context) -> NDArray[np.float32]:
    """The flow as whole surfaces have it, times a weight, and that weight, (h, w, 3).

    Where the picture is too even to tell, the flow of its surroundings counts.
    """
    luma = context.small_luma
    across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    sure = cv2.min(cv2.add(cv2.multiply(across, across), cv2.multiply(down, down)), 4000.0) + np.float32(4)
    right, below = cv2.split(flow)
    weighed = cv2.merge([cv2.multiply(right, sure), cv2.multiply(below, sure), sure])
    return np.asarray(cv2.blur(weighed, (_SURFACE, _SURFACE)))
