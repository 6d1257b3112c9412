"""The packaged fonts: which characters they have, and their files in memory.

Knows nothing of pictures: `lettering` draws. Light enough for the prompt compiler, which refuses what no font has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

#: A character is drawn with the first of these that has it.
NAMES = ("OpenSans-Bold", "DroidSansFallback")


@cache
def font_file(name: str) -> bytes:
    """The TrueType file `fonts/<name>.ttf` of the package, read once."""
    return (files("refilm.engines.effects") / "fonts" / f"{name}.ttf").read_bytes()


@cache
def characters(name: str) -> frozenset[str]:
    """The characters that a font has."""
    return frozenset(map(chr, _mapped(font_file(name))))


def missing(words: str) -> str:
    """The characters of `words` that none of the fonts has, each once, in order."""
    return "".join(dict.fromkeys(char for char in words if not any(char in characters(name) for name in NAMES)))


def _mapped(font: bytes) -> Iterator[int]:
    """The code points of the font's Unicode map: `cmap` subtable format 4 of the OpenType specification."""
    at = _subtable(font, _table(font, b"cmap"))
    (twice,) = struct.unpack_from(">H", font, at + 6)
    ends, starts, deltas, offsets = (
        struct.unpack_from(f">{twice // 2}H", font, at + 14 + skipped + part * twice)
        for part, skipped in ((0, 0), (1, 2), (2, 2), (3, 2))
    )
    for segment, (start, end) in enumerate(zip(starts, ends, strict=True)):
        place = at + 16 + 3 * twice + 2 * segment
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offsets[segment]:
                (glyph,) = struct.unpack_from(">H", font, place + offsets[segment] + 2 * (code - start))
                if not glyph:
                    continue
            if (glyph + deltas[segment]) & 0xFFFF:
                yield code


def _table(font: bytes, tag: bytes) -> int:
    """Where a table of the font begins."""
    (count,) = struct.unpack_from(">H", font, 4)
    entries = (struct.unpack_from(">4sLLL", font, 12 + 16 * index) for index in range(count))
    return next(int(offset) for found, _, offset, _ in entries if found == tag)


def _subtable(font: bytes, cmap: int) -> int:
    """Where the map of Windows' Unicode encoding begins. Raises ValueError where it has another format than 4."""
    (count,) = struct.unpack_from(">H", font, cmap + 2)
    records = (struct.unpack_from(">HHL", font, cmap + 4 + 8 * index) for index in range(count))
    at = next(cmap + int(offset) for platform, encoding, offset in records if (platform, encoding) == (3, 1))
    if struct.unpack_from(">H", font, at) != (4,):
        raise ValueError("The font's map of characters is not of format 4.")
    return at
