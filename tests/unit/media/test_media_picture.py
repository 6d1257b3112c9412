"""Reference pictures: what is read, how it is turned, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refilm.domain.clip import PictureInfo
from refilm.errors import InvalidAsset
from refilm.media.picture import probe_picture, read_picture


def save(path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    """The image as a file of that kind."""
    image.save(path, format=kind, **options)  # type: ignore[arg-type]
    return path


def half_red(width: int = 64, height: int = 48) -> Image.Image:
    """A blue picture whose left half is red."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[:, : width // 2] = (255, 0, 0)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_three_formats_are_read(tmp_path: Path, kind: str) -> None:
    """PNG, JPEG and WebP give their size and their colours as RGB."""
    path = save(tmp_path / "picture", half_red(), kind, quality=95)

    with path.open("rb") as file:
        info, pixels = probe_picture(file), read_picture(file)

    assert info == PictureInfo(kind, 64, 48)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels[24, 8, 0] > 200 > 60 > pixels[24, 8, 2]
    assert pixels[24, 56, 2] > 200


def test_a_camera_orientation_is_applied(tmp_path: Path) -> None:
    """A photograph marked "turn clockwise" comes out upright: what was left is on top."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "photo.jpg", half_red(), "JPEG", exif=exif.tobytes(), quality=95)

    with path.open("rb") as file:
        info, pixels = probe_picture(file), read_picture(file)

    assert (info.width, info.height) == (48, 64)
    assert pixels.shape == (64, 48, 3)
    assert pixels[8, 24, 0] > 200
    assert pixels[56, 24, 2] > 200


def test_see_through_pictures_lie_on_black(tmp_path: Path) -> None:
    """Where a picture is see-through, it is black."""
    pixels = np.full((20, 20, 4), 255, np.uint8)
    pixels[:10, :, 3] = 0
    path = save(tmp_path / "alpha.png", Image.fromarray(pixels), "PNG")

    with path.open("rb") as file:
        flat = read_picture(file)

    assert flat[5].max() == 0
    assert flat[15].min() == 255


def test_a_16_bit_picture_keeps_its_brightness(tmp_path: Path) -> None:
    """Sixteen bits are scaled to eight, not clipped."""
    path = save(tmp_path / "deep.png", Image.fromarray(np.full((8, 8), 32768, np.uint16)), "PNG")

    with path.open("rb") as file:
        assert abs(int(read_picture(file).mean()) - 128) <= 1


def test_a_large_picture_is_scaled_down(tmp_path: Path) -> None:
    """`longest` bounds the longer side and keeps the shape; a small picture stays as it is."""
    path = save(tmp_path / "large.jpg", half_red(1600, 800), "JPEG")

    with path.open("rb") as file:
        assert read_picture(file, longest=320).shape == (160, 320, 3)
        assert read_picture(file, longest=4000).shape == (800, 1600, 3)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    """Only one frame is ever looked at."""
    still = Image.new("RGB", (16, 16), (0, 255, 0))
    path = tmp_path / "moving.webp"
    still.save(path, format="WEBP", save_all=True, append_images=[half_red(16, 16)], lossless=True)

    with path.open("rb") as file:
        assert read_picture(file)[..., 1].min() > 200


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM"])
def test_other_formats_are_refused_in_words(tmp_path: Path, kind: str) -> None:
    """A picture of another format is refused with the names of those that work."""
    path = save(tmp_path / "picture", half_red(), kind)

    with path.open("rb") as file, pytest.raises(InvalidAsset, match="PNG, JPEG or WebP"):
        probe_picture(file)


def bomb(side: int) -> bytes:
    """A PNG that claims side x side pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [6400, 12_000, 60_000])
def test_a_picture_of_too_many_pixels_is_refused_unread(tmp_path: Path, side: int) -> None:
    """The claimed size alone decides, before anything is decoded."""
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(side))

    with path.open("rb") as file, pytest.raises(InvalidAsset, match=r"(?i)smaller"):
        read_picture(file)


@pytest.mark.parametrize(
    "junk", [b"", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff"]
)
def test_junk_is_refused(tmp_path: Path, junk: bytes) -> None:
    """What only looks like a picture is an invalid asset, never another error."""
    path = tmp_path / "junk.png"
    path.write_bytes(junk)

    with path.open("rb") as file, pytest.raises(InvalidAsset):
        read_picture(file)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_cut_off_picture_is_refused(tmp_path: Path, kind: str) -> None:
    """Half a file is damaged, and the sentence says so."""
    data = io.BytesIO()
    noise = np.random.default_rng(7).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(data, kind)
    path = tmp_path / "half"
    path.write_bytes(data.getvalue()[: len(data.getvalue()) // 2])

    with path.open("rb") as file, pytest.raises(InvalidAsset, match=r"damaged|not a picture"):
        read_picture(file)
