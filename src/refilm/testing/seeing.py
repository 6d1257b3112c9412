"""Eyes for tests: what a clip shows, when, and how much two pictures are alike."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from refilm.media.container import audio_stream


def decode_times(path: Path) -> list[Fraction]:
    """When each frame of the best video track is shown, in seconds of the file's clock, by decoding all of them."""
    return [Fraction(frame.pts or 0) * (frame.time_base or 1) for frame in _decoded(path)]


def read_frames(path: Path, *, every: int = 1) -> list[NDArray[np.uint8]]:
    """Each `every`th frame as (height, width, 3) uint8 RGB, as coded: neither turned nor stretched."""
    frames = itertools.islice(_decoded(path), 0, None, every)
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def frame_hash(path: Path) -> str:
    """SHA-256 over every frame's visible samples in their own pixel format: equal for equal pictures, hexadecimal."""
    digest = hashlib.sha256()
    for frame in _decoded(path):
        digest.update(f"{frame.width}x{frame.height} {frame.format.name}".encode())
        digest.update(np.asarray(frame.to_ndarray()).tobytes())
    return digest.hexdigest()


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        stream: Any = container.streams.best("video")
        yield from container.decode(stream)


def audio_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """Each packet of the default sound track: its time in seconds and its bytes; empty where there is no sound."""
    with av.open(str(path)) as container:
        stream = audio_stream(container)
        if stream is None:
            return []
        packets: list[Any] = [packet for packet in container.demux(stream) if packet.size]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]


def ssim(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Structural similarity of two pictures of one shape, -1..1, 1 for equal.

    Luma planes (height, width), or RGB (height, width, 3), of which the luma is compared. Gaussian window of sigma
    1.5, constants of Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment", IEEE TIP 13(4), 2004.
    """
    if first.shape != second.shape:
        raise ValueError(f"pictures of {first.shape} and {second.shape} cannot be compared")
    a, b = _luma(first), _luma(second)
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(likeness.mean())


def _luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    if picture.ndim == 2:
        return picture.astype(np.float64)
    return np.asarray(picture[..., :3] @ np.array([0.2126, 0.7152, 0.0722]), np.float64)


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(values, 1.5, truncate=3.5), np.float64)
