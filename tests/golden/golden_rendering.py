"""Renders every operator on Big Buck Bunny for the golden tests.

    python tests/golden/golden_rendering.py [NAME ...]

writes the reference pictures anew. Look at each one before committing it: from then on it is what the operator is
held to.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refilm.engines.effects.operators import DRAWING
from refilm.engines.effects.plan import Value
from refilm.engines.effects.planes import Buffer, Planes
from refilm.testing import rendering
from refilm.testing.rendering import Picture, as_rgb, read_pictures, source_for

__all__ = ["Picture", "as_rgb", "extract", "load", "reference_path", "render", "source_for"]

HERE = Path(__file__).parent
SIZE = (640, 360)
#: What is stored: the whole picture made small, and beside it a part of it as it is, with face, leaves and sky.
HALF = (128, 72)
PART = (190, 25)
FIRST, COUNT = 56, 8


def load(footage: Path, *, first: int = FIRST, count: int = COUNT) -> list[Picture]:
    """Neighbouring frames of the clip at SIZE; their times count from the first of them."""
    return read_pictures(footage, SIZE, first=first, count=count)


def render(pictures: list[Picture], name: str, **parameters: Value) -> list[Buffer]:
    """The frames after one operator, with the reference picture that belongs to it."""
    source = rendering.source_for(name, pictures)
    return rendering.render(source, name, references=rendering.references_for(name), **parameters)


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
    for name in names or sorted(DRAWING):
        last = extract(render(pictures, name)[-1])
        Image.fromarray(last).save(reference_path(name), lossless=True, method=6)
        print(f"{reference_path(name).name}: {reference_path(name).stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
