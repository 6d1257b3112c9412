"""Reading reference pictures: PNG, JPEG and WebP, one frame, upright, as RGB.

Pillow is told which formats it may try, and how many pixels are too many, before it decodes anything.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from refilm.domain.clip import PictureInfo
from refilm.errors import InvalidAsset
from refilm.media.descriptor import Descriptor
from refilm.media.geometry import fit_within

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PICTURE_PIXELS = 40_000_000
#: Passes in which a progressive JPEG may be stored; ten are usual. Each costs a walk over the whole picture, and none
#: need be longer than a few bytes.
_MAX_PASSES = 100
_PASS, _STEP = b"\xff\xda", 1 << 20
#: Chunks of a PNG. Each costs time, and none need be longer than its name; usual ones hold 8 kB of the picture.
_MAX_PIECES = 65_536
#: Segments of a JPEG before its data. Pillow reads what is none byte by byte.
_MAX_SEGMENTS = 4096
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})


def probe_picture(source: BinaryIO) -> PictureInfo:
    """The facts of the picture in `source`, a regular file with a descriptor, found from its header.

    Raises InvalidAsset where it is no PNG, JPEG or WebP, or holds more than MAX_PICTURE_PIXELS.
    """
    with _opened(source) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        return PictureInfo(str(image.format), width, height)


def read_picture(source: BinaryIO, longest: int | None = None) -> NDArray[np.uint8]:
    """The picture as (height, width, 3) uint8 RGB, upright, over black where it is see-through.

    longest: scale down so that the longer side has at most this many pixels. Of an animation, the first frame.
    Raises InvalidAsset as `probe_picture` does, and where the picture's data is damaged.
    """
    with _opened(source) as image:
        width, height = image.size
        if longest is not None and image.format == "JPEG":
            image.draft("RGB", fit_within((width, height), longest))
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer).convert("RGB")
        else:
            flat = _eight_bit(upright).convert("RGB")
        wanted = fit_within(flat.size, longest)
        if wanted != flat.size:
            flat = flat.resize(wanted, Image.Resampling.LANCZOS)
        return cast("NDArray[np.uint8]", np.array(flat, np.uint8))


def _check_pieces(file: Descriptor) -> None:
    """Raise InvalidAsset where a PNG has more chunks than anybody needs."""
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        file.seek(0)
        _check_segments(file)
        return
    for _ in range(_MAX_PIECES):
        header = file.read(8)
        if len(header) < 8:
            return
        file.seek(int.from_bytes(header[:4], "big") + 4, os.SEEK_CUR)
    raise InvalidAsset("The picture is stored in too many pieces. Save it anew.")


def _check_segments(file: Descriptor) -> None:
    """Raise InvalidAsset where a JPEG has more segments before its data than anybody needs; junk and filling count."""
    if file.read(2) != b"\xff\xd8":
        return
    for _ in range(_MAX_SEGMENTS):
        header = file.read(4)
        if len(header) < 4 or header[:2] == _PASS:
            return
        if header[0] != 0xFF or header[1] in (0x00, 0xFF):
            step = 1
        elif header[1] == 0x01 or 0xD0 <= header[1] <= 0xD9:  # these have no length
            step = 2
        else:
            step = 2 + int.from_bytes(header[2:], "big")
        file.seek(step - 4, os.SEEK_CUR)
    raise InvalidAsset("The picture is stored in too many pieces. Save it anew.")


def _check_passes(file: Descriptor) -> None:
    """Raise InvalidAsset where a JPEG has more passes than anybody needs. Their mark means nothing else in its data."""
    passes, last = 0, b""
    while part := file.read(_STEP):
        passes += (last + part).count(_PASS)
        last = part[-1:]
        if passes > _MAX_PASSES:
            raise InvalidAsset("The picture is stored in too many passes. Save it anew, not progressive.")


def _eight_bit(image: Image.Image) -> Image.Image:
    """A 16-bit grey picture scaled to 8 bits; Pillow itself would clip it. Others unchanged."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image, np.int64) >> 8).clip(0, 255).astype(np.uint8))


@contextmanager
def _opened(source: BinaryIO) -> Iterator[Image.Image]:
    """The opened picture; every trouble with it inside the block becomes InvalidAsset."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            _check_pieces(Descriptor(source))
            with Image.open(Descriptor(source), formats=FORMATS) as image:  # type: ignore[arg-type]
                if image.width * image.height > MAX_PICTURE_PIXELS:
                    raise InvalidAsset(
                        f"The picture is {image.width}x{image.height}; at most {MAX_PICTURE_PIXELS // 10**6} million "
                        "pixels can be used. Make it smaller."
                    )
                if image.format == "JPEG":
                    _check_passes(Descriptor(source))
                yield image
    except UnidentifiedImageError as error:
        raise InvalidAsset("The file is not a picture that we read. Send PNG, JPEG or WebP.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise InvalidAsset("The picture is too large. Make it smaller.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InvalidAsset("The picture is damaged. Send it again or save it anew.") from error
