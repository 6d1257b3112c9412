"""Which bytes of a file a request wants: RFC 9110 section 14, one range at a time. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)
#: No file is that large: a number of more digits than this stands for it.
_DIGITS = 18


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
    asks for several ranges, as the RFC allows. So no header makes an answer larger than the file. Raises Unsatisfiable.

    size: of the file in bytes.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match[0].count("-") != 1 or not (match[1] or match[2]):
        return None
    first, last = _number(match[1]), _number(match[2])
    if first is None:
        start, stop = max(0, size - (last or 0)), size
    else:
        start, stop = first, size if last is None else min(size, last + 1)
        if last is not None and last < first:
            return None
    if start >= stop:
        raise Unsatisfiable(f"The file has {size} bytes.")
    return ByteRange(start, stop)


def _number(digits: str) -> int | None:
    """The number, cut at one that is beyond every file. None for no digits."""
    significant = digits.lstrip("0")
    if len(significant) > _DIGITS:
        significant = "9" * _DIGITS
    return int(significant or "0") if digits else None
