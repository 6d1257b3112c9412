"""Finds a clear blue sky: the only kind that can be told from walls, shirts and windows without a trained model.

A pixel belongs to it when it is blue, bright, smooth, joined to the top of the picture, and close to the colour that
the sky has in its row. White and clouded skies are left alone on purpose: looking for them finds white T-shirts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.context import Context, follow
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.scaling import smaller

Mask = NDArray[np.float32]


class SkyFinder:
    """The sky of each frame, steady in time: looked for in every second one, and carried on in between.

    State: the last mask and confidence; a cut resets both.
    """

    def __init__(self) -> None:
        self._mask: Mask | None = None
        self._confidence = 0.0
        self._age = 0

    def update(self, context: Context) -> tuple[Mask, float]:
        """(mask (h, w) float32 0..1 at the context's analysis size, confidence 0..1 that there is a sky at all)."""
        flow = context.flow
        if self._mask is None or flow is None:
            self._age = 0
            self._mask, self._confidence = find_sky(*_levels(context))
            return self._mask, self._confidence
        self._age += 1
        self._mask = follow(flow, self._mask)
        if self._age % 2 == 0:
            mask, confidence = find_sky(*_levels(context))
            self._mask = np.asarray(0.35 * mask + 0.65 * self._mask, np.float32)
            self._confidence = 0.9 * self._confidence + 0.1 * confidence
        return self._mask, self._confidence


def _levels(context: Context) -> tuple[Mask, Mask, Mask]:
    """The source's planes as float32 at the analysis size; chroma around 0."""
    source = context.source
    u, v = (smaller(plane, context.analysis_size).astype(np.float32) - 128 for plane in (source.u, source.v))
    return context.small_luma.astype(np.float32), u, v


def find_sky(y: Mask, u: Mask, v: Mask) -> tuple[Mask, float]:
    """The sky in one small picture: (mask 0..1, confidence 0..1).  y: levels.  u, v: levels around 0."""
    height = y.shape[0]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    smooth = _smoothness(y)
    blue = np.clip((u - 0.45 * v - 3) / 12, 0, 1) * np.clip(1 - (v - 2) / 10, 0, 1) * np.clip((y - 60) / 40, 0, 1)
    seed = _joined_to_top((blue * smooth * np.clip(1.25 - 1.5 * rows, 0, 1) > 0.5).astype(np.uint8))
    area, top = float(seed.mean()), float(seed[:3].mean())
    confidence = float(np.clip((area - 0.015) / 0.04, 0, 1) * np.clip((top - 0.03) / 0.12, 0, 1))
    if confidence == 0.0:
        return np.zeros_like(y), 0.0
    likely, lowest = _like_its_row((y, u, v), seed)
    likely *= np.clip(1.15 - np.clip((rows - lowest / height) * 4, 0, 2), 0, 1)
    mask = np.maximum(likely * np.clip(0.35 + smooth, 0, 1), seed * np.float32(0.9))
    joined = _touching((mask > 0.5).astype(np.uint8), seed)
    # Gaps between branches are not joined to the rest; only a very close colour is believed there.
    gaps = mask * np.clip((likely - 0.75) * 4, 0, 1) * (rows < lowest / height)
    mask = guided_filter(y / np.float32(255), np.where(joined, mask, gaps).astype(np.float32), 6, 2e-3)
    return np.clip((mask - 0.06) / 0.5, 0, 1).astype(np.float32), confidence


def _smoothness(y: Mask) -> Mask:
    """1 in flat areas, 0 in busy ones."""
    across, down = cv2.Sobel(y, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(y, cv2.CV_32F, 0, 1, ksize=3)
    busy = cv2.GaussianBlur(np.abs(across) + np.abs(down), (9, 9), 1.5)
    return np.asarray(np.clip(1 - busy / 46, 0, 1), np.float32)


def _joined_to_top(candidates: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Those of the candidate pixels that are joined to the picture's upper edge."""
    top = np.zeros(candidates.shape, np.bool_)
    top[:3] = candidates[:3] > 0
    return _touching(candidates, top)


def _touching(candidates: NDArray[np.uint8], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected parts of `candidates` that hold a pixel of `kept`."""
    _, labels = cv2.connectedComponents(candidates, connectivity=4)
    wanted = np.zeros(labels.max() + 1, np.bool_)
    wanted[labels[kept]] = True
    wanted[0] = False
    return np.asarray(wanted[labels])


def _like_its_row(levels: tuple[Mask, Mask, Mask], seed: NDArray[np.bool_]) -> tuple[Mask, int]:
    """(how close each pixel is to the sky's colour in its row, 0..1; the lowest row with sky)."""
    weight = seed.astype(np.float32)
    counts = _soft_rows(weight.sum(1))
    lowest = int(np.flatnonzero(counts > 0.5)[-1]) if (counts > 0.5).any() else 0
    distance = np.zeros(seed.shape, np.float32)
    for level, tolerance in zip(levels, (34, 11, 11), strict=True):
        mean = _soft_rows((level * weight).sum(1)) / (counts + 1e-3)
        mean[lowest:] = mean[lowest]
        distance += np.abs(level - mean[:, None]) / np.float32(tolerance)
    return np.clip(1.45 - distance * 0.72, 0, 1).astype(np.float32), lowest


def _soft_rows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values.reshape(-1, 1), (1, 31), 8).reshape(-1))


def guided_filter(guide: Mask, mask: Mask, radius: int, softness: float) -> Mask:
    """`mask` smoothed, but sharp where `guide` has an edge (He et al. 2010)."""
    window = (2 * radius + 1, 2 * radius + 1)
    mean_guide, mean_mask = cv2.blur(guide, window), cv2.blur(mask, window)
    covariance = cv2.blur(guide * mask, window) - mean_guide * mean_mask
    variance = cv2.blur(guide * guide, window) - mean_guide * mean_guide
    slope = covariance / (variance + softness)
    offset = mean_mask - slope * mean_guide
    return np.asarray(cv2.blur(slope, window) * guide + cv2.blur(offset, window), np.float32)
