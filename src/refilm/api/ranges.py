"""Which bytes of a file a request wants: RFC 9110 section 14, one range at a time. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes [start, stop) of a file."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.stop - self.start

    def content_range(self, size: int) -> str:
        """The Content-Range header of an answer with these bytes of a file of `size`."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


class Unsatisfiable(ValueError):
    """The range lies outside the file."""


def wanted(header: str | None, size: int) -> ByteRange | None:
    """The range that a Range header asks for, or None for the whole file: also where the header is not understood or
    asks for several ranges, as the RFC allows. Raises Unsatisfiable.

    size: of the file in bytes.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match[0].count("-") != 1 or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= stop:
        raise Unsatisfiable(f"The file has {size} bytes.")
    return ByteRange(start, stop)
