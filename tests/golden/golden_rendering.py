"""Renders every operator on Big Buck Bunny for the golden tests.

    python tests/golden/golden_rendering.py [NAME ...]

writes the reference pictures anew. Look at each one before committing it: from then on it is what the operator is
held to.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refilm.engines.effects.executor import Executor, sample_colours
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer, Planes
from refilm.engines.effects.yuv_table import rgb_from_yuv
from refilm.media.read import FrameReader

HERE = Path(__file__).parent
SIZE = (640, 360)
#: What is stored: the whole picture made small, and beside it a part of it as it is, with face, leaves and sky.
HALF = (128, 72)
PART = (190, 25)
FIRST, COUNT = 56, 8


@dataclass(frozen=True)
class Picture:
    """A frame in memory, with the shape that the executor reads."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    index: int
    time: Fraction


def load(footage: Path, *, first: int = FIRST, count: int = COUNT) -> list[Picture]:
    """Neighbouring frames of the clip at SIZE; their times count from the first of them."""
    pictures: list[Picture] = []
    with footage.open("rb") as file, FrameReader(file, size=SIZE) as reader:
        for frame in reader:
            if frame.index >= first + count:
                break
            if frame.index >= first:
                index = frame.index - first
                planes = (np.array(plane) for plane in (frame.y, frame.u, frame.v))
                pictures.append(Picture(*planes, index, Fraction(index, 25)))
    return pictures


def sunset() -> NDArray[np.uint8]:
    """The reference picture for colour transfer: red above, purple below."""
    down, across = np.mgrid[0:90, 0:160]
    return np.stack([235 - down, 60 + across // 2 - down // 3, 50 + down], -1).clip(0, 255).astype(np.uint8)


def brushed() -> NDArray[np.uint8]:
    """The reference picture for patch style: the sunset from dark to light, in strokes that turn across it."""
    down, across = np.mgrid[0:90, 0:160].astype(float)
    angle = across / 40 + down / 60
    strokes = np.sin(0.9 * (across * np.cos(angle) + down * np.sin(angle)))
    return (sunset() * (0.2 + across / 110)[..., None] + 30 * strokes[..., None]).clip(0, 255).astype(np.uint8)


def render(pictures: list[Picture], name: str, **parameters: float) -> list[Buffer]:
    """The frames after one operator."""
    samples = sample_colours([as_rgb(picture)[::4, ::4] for picture in pictures[::3]], 1)
    reference = brushed() if name == "patch_style" else sunset()
    setting = Setting(SIZE, seed=1, references=(reference,), samples=lambda: samples)
    executor = Executor(Plan((Step(name, dict(parameters)),)), setting)
    results = []
    for picture in pictures:
        results.append(Buffer.empty(SIZE))
        executor.process(picture, results[-1])
    return results


def as_rgb(picture: Planes) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 RGB."""
    chroma = [np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in (picture.u, picture.v)]
    rgb = rgb_from_yuv(np.stack([picture.y, *chroma], -1).astype(float), "709")
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def extract(picture: Planes) -> NDArray[np.uint8]:
    """What is compared with the reference: (72, 256, 3), the whole made small on the left, the part on the right."""
    rgb = as_rgb(picture)
    (width, height), (x, y) = HALF, PART
    whole = np.asarray(Image.fromarray(rgb).resize(HALF, Image.Resampling.BOX))
    return np.hstack([whole, rgb[y : y + height, x : x + width]])


def reference_path(name: str) -> Path:
    """Where the reference picture of an operator lies."""
    return HERE / f"{name}.webp"


def main(names: list[str]) -> None:
    """Write the reference pictures of `names`, or of all operators."""
    from refilm.testing import footage

    pictures = load(footage())
    for name in names or sorted(OPERATORS):
        last = extract(render(pictures, name)[-1])
        Image.fromarray(last).save(reference_path(name), lossless=True, method=6)
        print(f"{reference_path(name).name}: {reference_path(name).stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
