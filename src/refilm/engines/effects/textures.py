"""Periodic random textures: paper, turbulence. They may be scrolled without a seam; same seed, same texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.opencv import cv2

Texture = NDArray[np.float32]

#: Textures are made at no more than this many rows or columns on the short side, and enlarged.
_LARGEST_SHORT_SIDE = 720


def noise(size: tuple[int, int], seed: tuple[int, ...], slope: float, low: float, high: float | None = None) -> Texture:
    """(height, width) float32, mean 0, deviation 1, periodic both ways.

    slope: amplitude falls as frequency to this power.  low, high: frequencies kept, in cycles per short side.
    """
    from scipy.fft import irfft2, rfft2

    factor = max(1.0, min(size) / _LARGEST_SHORT_SIDE)
    width, height = (max(8, round(length / factor)) for length in size)
    white = np.random.default_rng(seed).standard_normal((height, width), dtype=np.float32)
    short = min(width, height)
    rows, columns = np.fft.fftfreq(height)[:, None] * short, np.fft.rfftfreq(width)[None] * short
    frequency = np.hypot(rows.astype(np.float32), columns.astype(np.float32))
    frequency[0, 0] = 1.0
    amplitude = np.where(frequency < low, np.float32(0), frequency ** np.float32(-slope))
    amplitude[0, 0] = 0.0
    if high is not None:
        amplitude = amplitude * np.exp(-((frequency / high) ** 2))
    texture = irfft2(rfft2(white) * amplitude, s=(height, width))
    deviation = float(texture.std())
    return _enlarge((texture / deviation if deviation > 0 else texture).astype(np.float32), size)


def paper(size: tuple[int, int], seed: int) -> Texture:
    """Cold-pressed paper, -1..1: broad unevenness and fine tooth."""
    tooth = min(size) / 5
    broad, fine = (
        noise(size, (seed, 51), 1.0, 30 if tooth > 30 else 2),
        noise(size, (seed, 52), 0.3, min(60, tooth), 144),
    )
    return np.clip((0.55 * broad + 0.45 * fine) / 2.6, -1, 1).astype(np.float32)


def _enlarge(texture: Texture, size: tuple[int, int]) -> Texture:
    """The texture at `size`, still periodic: its surroundings take part in the interpolation."""
    height, width = texture.shape
    if (width, height) == size:
        return texture
    edge = 8
    wrapped = cv2.copyMakeBorder(texture, edge, edge, edge, edge, cv2.BORDER_WRAP)
    across, down = size[0] / width, size[1] / height
    columns = (np.arange(size[0], dtype=np.float32) + 0.5) / np.float32(across) - 0.5 + edge
    rows = (np.arange(size[1], dtype=np.float32) + 0.5) / np.float32(down) - 0.5 + edge
    grid = np.meshgrid(columns, rows)
    enlarged: Texture = cv2.remap(wrapped, grid[0], grid[1], cv2.INTER_CUBIC)
    return enlarged
