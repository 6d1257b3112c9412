"""What the acceptance tests edit: small clips and a picture, made on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refilm.testing import make_clip, moving_picture


@dataclass(frozen=True)
class Material:
    """What the tests edit. clip: 2 s, 320x180, 25 fps, in colour.  long_clip: 40 s, much work for a slow edit.

    picture: orange all over, to take colours from.
    """

    folder: Path
    clip: Path
    long_clip: Path
    picture: Path


@cache
def one_second(size: tuple[int, int], index: int) -> NDArray[np.uint8]:
    """The same second of a moving picture again and again, because drawing is slower than encoding."""
    return moving_picture(size, index) if index < 25 else one_second(size, index % 25)


def sunset(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture from dark red below to bright orange above, a little uneven: (height, width, 3) uint8 RGB."""
    width, height = size
    light = np.linspace(1.0, 0.3, height)[:, None, None] + np.random.default_rng(1).normal(0, 0.03, (height, width, 1))
    return np.clip(light * (240, 130, 30), 0, 255).astype(np.uint8)


def make_material(folder: Path) -> Material:
    """Write the material into `folder`."""
    picture = folder / "orange.png"
    Image.fromarray(sunset((160, 90))).save(picture)
    return Material(
        folder,
        make_clip(folder / "clip.mp4", seconds=2, size=(320, 180)),
        make_clip(
            folder / "long.mp4", seconds=40, size=(960, 540), content=one_second, options={"preset": "ultrafast"}
        ),
        picture,
    )
