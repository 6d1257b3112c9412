"""Containers' parts, made and rewritten by hand: boxes of MP4 (ISO/IEC 14496-12), elements of Matroska (RFC 8794).

For files that no muxer would write. Pure; knows nothing of what the parts mean, but which boxes hold boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

#: Boxes that consist of boxes.
_NESTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta"})


def box(name: bytes, *parts: bytes) -> bytes:
    """A box of that name."""
    content = b"".join(parts)
    return (8 + len(content)).to_bytes(4, "big") + name + content


def full_box(name: bytes, *parts: bytes, flags: int = 0, version: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(name, bytes([version]), flags.to_bytes(3, "big"), *parts)


def numbers(*values: int, size: int = 4) -> bytes:
    """Unsigned numbers of so many bytes each, the large end first."""
    return b"".join(value.to_bytes(size, "big") for value in values)


def boxes_in(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of the boxes that the content consists of. Knows sizes of four bytes only."""
    at = 0
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big") or len(content) - at
        yield content[at + 4 : at + 8], content[at + 8 : at + length]
        at += max(8, length)


def rewritten(content: bytes, change: Callable[[bytes, bytes], bytes | None]) -> bytes:
    """The same boxes after a change, at any depth; those around a changed one get their new sizes.

    change: from a box's name and content to what stands in its place, also several boxes or nothing; None for the box
    as it is.
    """
    parts = []
    for name, inner in boxes_in(content):
        changed = change(name, inner)
        if changed is None:
            changed = box(name, rewritten(inner, change) if name in _NESTS else inner)
        parts.append(changed)
    return b"".join(parts)


def replaced(content: bytes, boxes: dict[bytes, bytes]) -> bytes:
    """The same boxes with others in place of those of these names, at any depth."""
    return rewritten(content, lambda name, _: boxes.get(name))


def element(identifier: int, *parts: bytes | int) -> bytes:
    """An element of Matroska.  parts: bytes, and unsigned numbers."""
    content = b"".join(part if isinstance(part, bytes) else _least_bytes(part) for part in parts)
    return _least_bytes(identifier) + (1 << 56 | len(content)).to_bytes(8, "big") + content


def _least_bytes(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
