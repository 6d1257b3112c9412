"""A file object over a descriptor with a position of its own.

Two of them can share one descriptor, because they read and write by offset (`pread`, `pwrite`) and never move the
descriptor's position. So two demuxers read one input, and the MP4 muxer reads back what it has just written.
Knows nothing of media, never opens a path and never closes the descriptor: that stays the caller's.
"""

from __future__ import annotations

import os
from typing import BinaryIO


class Descriptor:
    """What FFmpeg needs of a file: read, write, seek, tell. Has no name on purpose: names choose formats."""

    def __init__(self, file: BinaryIO) -> None:
        """file: a regular file with a descriptor. Raises OSError (io.UnsupportedOperation) where it has none."""
        self._descriptor = file.fileno()
        self._position = 0
        self.closed = False

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        return os.fstat(self._descriptor).st_size

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes from the position on; all that is left where count is negative; b"" at the end.

        A position may lie beyond all that a file can be: a damaged clip says where to go on.
        """
        left = max(0, self.size - self._position)
        data = os.pread(self._descriptor, left if count < 0 else min(count, left), self._position) if left else b""
        self._position += len(data)
        return data

    def write(self, data: bytes) -> int:
        """Write all of `data` at the position; returns its length."""
        view = memoryview(data)
        written = 0
        while written < len(view):
            written += os.pwrite(self._descriptor, view[written:], self._position + written)
        self._position += written
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position as `io.IOBase.seek` does; returns it."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if start + offset < 0:
            raise ValueError("a position before the file's first byte")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readable(self) -> bool:
        """True; the descriptor's own mode decides in the end."""
        return True

    def writable(self) -> bool:
        """True; the descriptor's own mode decides in the end."""
        return True

    def seekable(self) -> bool:
        """True: regular files only."""
        return True

    def flush(self) -> None:
        """Nothing is held back: every write has gone to the descriptor."""

    def close(self) -> None:
        """Mark this object as done with; the descriptor itself belongs to the caller and stays open."""
        self.closed = True
