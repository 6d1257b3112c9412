"""Planar YUV 4:2:0 pictures as kernels see them.

A plane is a (height, width) uint8 array whose rows may be padded. Kernels take it as one flat buffer and the distance
between rows, so that every plane has the same type and no kernel is ever compiled for a rare width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


class Planes(Protocol):
    """A picture: luma (h, w), chroma (h/2, w/2) twice; 8 bit, limited range. `media.frame.Frame` is one."""

    @property
    def y(self) -> Plane: ...

    @property
    def u(self) -> Plane: ...

    @property
    def v(self) -> Plane: ...


@dataclass(frozen=True)
class Buffer:
    """A picture of our own, between two steps. rows are not padded."""

    y: Plane
    u: Plane
    v: Plane

    @classmethod
    def empty(cls, size: tuple[int, int]) -> Buffer:
        """Uninitialised planes for `size` = (width, height), even."""
        width, height = size
        half = (height // 2, width // 2)
        return cls(np.empty((height, width), np.uint8), np.empty(half, np.uint8), np.empty(half, np.uint8))


def flat(plane: NDArray[np.generic]) -> tuple[NDArray[np.generic], int]:
    """A plane's memory as one row, and the elements from one row to the next.

    Raises ValueError where neighbours in a row are not neighbours in memory.
    """
    height, width = plane.shape
    item = plane.itemsize
    if width > 1 and plane.strides[1] != item:
        raise ValueError("A plane's rows must be contiguous.")
    stride = plane.strides[0] // item if height > 1 else width
    return np.lib.stride_tricks.as_strided(plane, ((height - 1) * stride + width,), (item,)), stride


def copy(before: Planes, after: Planes) -> None:
    """Make `after` show `before`; nothing happens where they are the same planes."""
    if before is after:
        return
    np.copyto(after.y, before.y)
    np.copyto(after.u, before.u)
    np.copyto(after.v, before.v)
