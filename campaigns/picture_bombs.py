"""Pictures that are small to send and would be large to take in. Put together by hand; the same every time."""

from __future__ import annotations

import io
import struct
import zlib
from functools import partial

from boxes import numbers
from clip_bombs import Bomb
from PIL import Image

#: What a few kilobytes of zeros unpack to.
ZEROS = bytes(64 << 20)
MARK, SCAN = b"\xff\xd9", b"\xff\xda"


def picture_bombs() -> list[Bomb]:
    """Every kind."""
    return [*_pngs(), *_jpegs(), *_others()]


_bomb = partial(Bomb, place="keyframe")


def _chunk(name: bytes, content: bytes = b"") -> bytes:
    return numbers(len(content)) + name + content + numbers(zlib.crc32(name + content))


def png(width: int, height: int, *before: bytes, rows: bytes | None = None, depth: int = 1) -> bytes:
    """A grey PNG.  before: chunks ahead of its data.  rows: unpacked data; None for all that there should be."""
    head = _chunk(b"IHDR", numbers(width, height) + bytes([depth, 0, 0, 0, 0]))
    data = zlib.compress(bytes((width * depth // 8 + 1) * height) if rows is None else rows, 9)
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(before) + _chunk(b"IDAT", data) + _chunk(b"IEND")


def _pngs() -> list[Bomb]:
    packed = zlib.compress(ZEROS, 9)
    start, _, rest = png(96, 64).partition(_chunk(b"IEND"))
    at = start.index(b"IDAT") + 4
    pieces = b"".join(_chunk(b"IDAT", bytes([each])) for each in start[at:-4])
    return [
        _bomb("PNG of 65535x65535", png(65_535, 65_535, rows=bytes(9999))),
        _bomb("PNG of two billion a side", png(0x7FFFFFFF, 0x7FFFFFFF, rows=b"")),
        _bomb("PNG of 30000x30000", png(30_000, 30_000)),
        _bomb("PNG of 6000x6000", png(6_000, 6_000), may_pass=True),
        _bomb("PNG of 1x40000000", png(1, 40_000_000, rows=bytes(9999)), may_pass=True),
        _bomb("PNG whose data unpack to more than it holds", png(96, 64, rows=ZEROS), may_pass=True),
        _bomb("PNG with a text that unpacks", png(96, 64, _chunk(b"zTXt", b"a\0\0" + packed)), may_pass=True),
        _bomb("PNG with 100 such texts", png(96, 64, _chunk(b"zTXt", b"a\0\0" + packed) * 100), may_pass=True),
        _bomb("PNG with a text of all languages", png(96, 64, _chunk(b"iTXt", b"a\0\1\0\0\0" + packed)), may_pass=True),
        _bomb("PNG with a profile that unpacks", png(96, 64, _chunk(b"iCCP", b"a\0\0" + packed)), may_pass=True),
        _bomb("PNG with 200,000 texts", png(96, 64, _chunk(b"tEXt", b"a\0b") * 200_000), may_pass=True),
        _bomb(
            "PNG with 100,000 empty pieces", start[: at - 8] + _chunk(b"IDAT") * 100_000 + pieces + rest, may_pass=True
        ),
        _bomb("PNG with a chunk that claims all", png(96, 64, numbers(0x7FFFFFFF) + b"teXt")),
        _bomb("PNG with tags without end", png(96, 64, _chunk(b"eXIf", _tags(65_535))), may_pass=True),
    ]


def _tags(count: int) -> bytes:
    """Exif of so many tags, each of which lies in the tags themselves, and a next list that is the same again."""
    one = struct.pack("<HHII", 0x8769, 4, 1, 8)
    return b"II*\0" + struct.pack("<IH", 8, count) + one * count + struct.pack("<I", 8)


def _jpeg(width: int, height: int, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (240, 130, 30)).save(file, "JPEG", **options)
    return file.getvalue()


def _jpegs() -> list[Bomb]:
    plain = _jpeg(96, 64)
    huge = bytearray(plain)
    at = huge.index(b"\xff\xc0\0\x11\x08") + 5
    huge[at : at + 4] = numbers(65_500, 65_500, size=2)
    passes = _jpeg(4_000, 4_000, progressive=True)
    last = passes[passes.rindex(SCAN) : passes.rindex(MARK)]
    exif = b"Exif\0\0" + _tags(5_000)
    profile = b"".join(
        b"\xff\xe2" + numbers(2 + 14 + 60_000, size=2) + b"ICC_PROFILE\0" + bytes([number, 130]) + bytes(60_000)
        for number in range(1, 131)
    )
    comments = (b"\xff\xfe\xff\xff" + bytes(65_533)) * 50
    return [
        _bomb("JPEG of 65500x65500", bytes(huge)),
        _bomb("JPEG of 2,000 passes", passes[: passes.rindex(MARK)] + last * 2_000 + MARK),
        _bomb("JPEG of 150 passes", passes[: passes.rindex(MARK)] + last * 150 + MARK),
        _bomb("JPEG of 6000x6000", _jpeg(6_000, 6_000, progressive=True), may_pass=True),
        _bomb(
            "JPEG with tags without end",
            plain[:2] + b"\xff\xe1" + numbers(2 + len(exif), size=2) + exif + plain[2:],
            may_pass=True,
        ),
        _bomb("JPEG with a profile of megabytes", plain[:2] + profile[: 60 * 60_018] + plain[2:], may_pass=True),
        _bomb("JPEG with megabytes of comments", plain[:2] + comments + plain[2:], may_pass=True),
        _bomb("JPEG of starts", b"\xff\xd8" * 1_000_000),
        _bomb("JPEG that fills up", plain[:2] + b"\xff" * 3_000_000 + plain[2:], may_pass=True),
    ]


def _webp(flags: int, width: int, height: int, *chunks: bytes) -> bytes:
    """A WebP of the extended kind, with a canvas of that size."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    content = b"WEBPVP8X" + struct.pack("<II", 10, flags) + sides + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _others() -> list[Bomb]:
    file = io.BytesIO()
    Image.new("RGB", (96, 64)).save(file, "WEBP")
    still = file.getvalue()[12:]
    vp8 = bytearray(file.getvalue())
    at = vp8.index(b"\x9d\x01\x2a") + 3
    vp8[at : at + 4] = struct.pack("<HH", 16_383, 16_383)
    where = bytes(6) + (95).to_bytes(3, "little") + (63).to_bytes(3, "little") + bytes(4)
    frame = b"ANMF" + struct.pack("<I", 16 + len(still)) + where + still
    loop = b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 2) + struct.pack("<HHII", 256, 4, 1, 60_000) * 2
    photoshop = b"8BPS\0\1" + bytes(6) + numbers(3, size=2) + numbers(30_000, 30_000) + numbers(8, 3, size=2)
    return [
        _bomb("WebP of 16383x16383", bytes(vp8)),
        _bomb("WebP with a canvas of 16383x16383", _webp(0x02, 16_383, 16_383, loop, frame)),
        _bomb("WebP with a canvas of 16777216 a side", _webp(0x02, 1 << 24, 1 << 24, loop, frame)),
        _bomb("WebP of 20,000 frames", _webp(0x02, 96, 64, loop, frame * 20_000), may_pass=True),
        _bomb("TIFF of 60000x60000", tiff + bytes(600)),
        _bomb("Photoshop of 30000x30000", photoshop + bytes(600)),
        _bomb(
            "BMP of two billion a side",
            b"BM"
            + struct.pack("<IIIIiiHHIIiiII", 600, 0, 54, 40, 1 << 30, 1 << 30, 1, 24, 0, 0, 0, 0, 0, 0)
            + bytes(600),
        ),
        _bomb("GIF of 65535x65535", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(600)),
    ]
