"""What every painterly operator begins with: a steady small picture, the direction of its forms, and flat patches of
colour that follow them.

The picture is filtered over time before it is painted, along the optical flow, and never after: so a painting holds
still and nothing ghosts. Patches are an anisotropic Kuwahara filter (Kyprianidis, Kang, Doellner 2009) reduced to
eight samples: each pixel takes the mean of the calmest places around it, on an ellipse laid along the form.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context, paint_size
from refilm.engines.effects.kernels import paint
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Planes

#: (h, w, 4) uint8: luma, U, V and a spare byte.
Packed = NDArray[np.uint8]
#: (h / 2, w / 2) uint8: anisotropy (2 bits) and direction (5 bits) of the form at each place.
Code = NDArray[np.uint8]

#: How much the wide surroundings count for a sweeping orientation.
_SWEEP = 0.5
_DIRECTIONS, _ANISOTROPIES, _SAMPLES = 32, 4, 8


def pack(planes: Planes, size: tuple[int, int]) -> Packed:
    """The picture on a grid of `size`, luma and chroma together."""
    levels = [_resized(plane, size) for plane in (planes.y, planes.u, planes.v)]
    return np.asarray(cv2.merge([*levels, np.zeros_like(levels[0])]))


def _resized(plane: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    larger = plane.shape[1] < size[0]
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR if larger else cv2.INTER_AREA))


class Stabiliser:
    """The small picture, averaged along the flow. State: the last result; a cut forgets it."""

    #: Share of the past, of 256, and how much of it a difference of one level costs.
    KEEP, DOUBT = 203, 4

    def __init__(self, size: tuple[int, int]) -> None:
        """size: of the full frames."""
        self.size = paint_size(size)
        self._previous: Packed | None = None

    def update(self, context: Context, planes: Planes) -> Packed:
        """The picture of this frame on the painting grid, (h, w, 4)."""
        current = pack(planes, self.size)
        flow = context.flow
        if self._previous is not None and flow is not None:
            current = self._blend(self._previous, current, flow)
        self._previous = current
        return current

    def _blend(self, previous: Packed, current: Packed, flow: NDArray[np.float32]) -> Packed:
        # The flow counts pixels of the half grid; the kernel wants sixteenths of a pixel of this one.
        steps = np.clip(flow * 32, -32000, 32000).astype(np.int16)
        across, down = (np.ascontiguousarray(steps[..., k]).reshape(-1) for k in (0, 1))
        out = np.empty_like(current)
        width, height = self.size
        paint.warp_blend(_words(previous), _words(current), across, down, _words(out), width, height, self.KEEP, self.DOUBT)  # noqa: E501  # fmt: skip
        return out


class Orientation:
    """The direction of the forms, from a structure tensor that is smooth in space and time. State: the last tensor."""

    def __init__(self, sigma: float, *, sweeping: bool = False) -> None:
        """sigma: of the tensor's Gaussian, pixels of the half grid.

        sweeping: where it is even, the forms of a wider surrounding give the direction, instead of traces of noise and
        the borders of a codec's blocks.
        """
        self._sigma = sigma
        self._sweeping = sweeping
        self._previous: NDArray[np.float32] | None = None

    def update(self, context: Context, picture: Packed) -> Code:
        """The code of each place of the half grid."""
        luma = cv2.resize(cv2.extractChannel(picture, 0), context.analysis_size, interpolation=cv2.INTER_AREA)
        across, down = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=3)
        tensor = cv2.GaussianBlur(cv2.merge([across * across, down * down, across * down]), (0, 0), self._sigma)
        if self._sweeping:
            tensor = _swept(tensor, self._sigma)
        if self._previous is not None and context.flow is not None:
            tensor = cv2.addWeighted(tensor, 0.5, self._previous, 0.5, 0)
        self._previous = tensor
        return _encode(tensor)


def _swept(tensor: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The tensor with a share of its wider surroundings added, which counts where it has little itself."""
    height, width = tensor.shape[:2]
    small = cv2.resize(tensor, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), max(0.8, 1.2 * sigma)), (width, height))
    return np.asarray(cv2.addWeighted(tensor, 1, wide, _SWEEP, 0))


def _encode(tensor: NDArray[np.float32]) -> Code:
    xx, yy, xy = cv2.split(tensor)
    length, angle = cv2.cartToPolar(xx - yy, 2 * xy)
    # `angle` is twice the gradient's; the form runs across the gradient, hence the half turn of 16.
    direction = (np.rint(angle * np.float32(16 / math.pi)).astype(np.int32) + 16) & 31
    # The constant calls flat areas isotropic instead of listening to their noise.
    stretch = np.rint(np.minimum(length / (xx + yy + np.float32(40)), 1) * (_ANISOTROPIES - 1)).astype(np.int32)
    return np.asarray((stretch * _DIRECTIONS + direction), np.uint8)


class Patches:
    """Replaces a picture by flat patches of colour along its forms."""

    def __init__(self, size: tuple[int, int], radius: float, *, softness: float = 10.0) -> None:
        """size: of the painting grid.  radius: of the patches, its pixels.  softness: variance that counts as calm."""
        self._size = size
        self._pad = math.ceil(radius * 1.8) + 1
        self._stride = size[0] + 2 * self._pad
        self._offsets = _ellipses(radius, self._stride)
        self._sigma = max(0.8, 0.43 * radius)
        self._busyness = _busyness_table(softness)
        self._weight = _weight_table()
        self._weighed = np.empty((size[1] + 2 * self._pad) * self._stride * 4, np.float32)

    def __call__(self, picture: Packed, code: Code) -> Packed:
        """The painted picture, (h, w, 4); its spare byte is 0."""
        kernel = 2 * round(1.9 * self._sigma) + 1
        soft = cv2.GaussianBlur(picture, (kernel, kernel), self._sigma)
        cv2.insertChannel(self._busy(picture), soft, 3)
        padded = cv2.copyMakeBorder(soft, *[self._pad] * 4, cv2.BORDER_REPLICATE)
        out = np.empty_like(picture)
        paint.weigh(_words(padded), self._weight, self._weighed)
        paint.gather(self._weighed, self._stride, self._pad, code.reshape(-1), self._offsets, _words(out), *self._size)
        return out

    def _busy(self, picture: Packed) -> NDArray[np.uint8]:
        """How busy the surroundings of each pixel are, in the steps of `_busyness_table`."""
        spread = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        luma, u, v, _ = cv2.split(spread)
        busy = cv2.add(luma, cv2.max(u, v))
        sigma = 0.8 * self._sigma
        kernel = 2 * round(1.9 * sigma) + 1
        return np.asarray(cv2.LUT(cv2.GaussianBlur(busy, (kernel, kernel), sigma), self._busyness))


def _busyness_table(softness: float) -> NDArray[np.uint8]:
    """From the spread of levels around a pixel to six steps for each halving of its weight, (softness + var)^-4."""
    variance = (0.42 * np.arange(256)) ** 2
    return np.asarray(np.clip(np.rint(6 * 4 * np.log2(1 + variance / softness)), 0, 255), np.uint8)


def _weight_table() -> NDArray[np.float32]:
    """From steps of busyness to a weight, 1 for the calmest."""
    return (2 ** (-np.arange(256) / 6)).astype(np.float32)


def _ellipses(radius: float, stride: int) -> NDArray[np.int32]:
    """For each code, eight offsets on an ellipse along the form, flat."""
    offsets = np.zeros((_ANISOTROPIES, _DIRECTIONS, _SAMPLES), np.int32)
    for stretch in range(_ANISOTROPIES):
        share = stretch / (_ANISOTROPIES - 1)
        along, across = radius * (1 + 0.8 * share), radius * (1 - 0.45 * share)
        for direction in range(_DIRECTIONS):
            angle = math.pi * direction / _DIRECTIONS
            for sample in range(_SAMPLES):
                turn = 2 * math.pi * (sample + 0.5) / _SAMPLES
                a, b = along * math.cos(turn), across * math.sin(turn)
                x = round(math.cos(angle) * a - math.sin(angle) * b)
                y = round(math.sin(angle) * a + math.cos(angle) * b)
                offsets[stretch, direction, sample] = y * stride + x
    return offsets.reshape(-1)


class Strokes:
    """Smooths lines (255 is paper) along the forms: short gaps close, specks go."""

    def __init__(self, size: tuple[int, int], length: int) -> None:
        """size: of the painting grid.  length: pixels to either side."""
        self._size, self._pad, self._taps = size, length + 1, 2 * length + 1
        self._stride = size[0] + 2 * self._pad
        self._window = np.ones((self._taps, self._taps), np.uint8)
        rows = []
        for direction in range(_DIRECTIONS):
            angle = math.pi * direction / _DIRECTIONS
            steps = range(-length, length + 1)
            rows += [round(math.sin(angle) * k) * self._stride + round(math.cos(angle) * k) for k in steps]
        self._offsets = np.array(rows, np.int32)

    def __call__(self, channel: NDArray[np.uint8], code: Code) -> NDArray[np.uint8]:
        """The smoothed channel, (h, w)."""
        padded = cv2.copyMakeBorder(channel, *[self._pad] * 4, cv2.BORDER_REPLICATE)
        near = cv2.erode(channel, self._window)
        out = np.empty_like(channel)
        paint.stroke(
            padded.reshape(-1), self._stride, self._pad, near.reshape(-1), code.reshape(-1), self._offsets, self._taps,
            out.reshape(-1), *self._size,
        )  # fmt: skip
        return out


def _words(picture: Packed) -> NDArray[np.uint32]:
    """A packed picture as one flat row of pixels."""
    return picture.reshape(-1).view(np.uint32)
