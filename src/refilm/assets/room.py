"""Whether there is room on the disks: asked before anything large is accepted, so that small things always find some.

Creates and uploads stop while less than the low-water mark is free; what is left is for deletes, rows and the end of
what runs. A disk that somebody else fills to the brim still has the ballast: a file of ours, given up then. Knows
nothing of tasks.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from refilm.errors import StorageFull

#: How old a measurement may be, in seconds.
FRESH_SECONDS = 1.0

#: Enough for thousands of small changes of an SQLite file.
BALLAST_BYTES = 8 << 20

#: Bytes left somewhere, or None where nobody can tell.
Measure = Callable[[], int | None]


def free_bytes(folder: Path) -> int:
    """What the file system of a folder gives to unprivileged users."""
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


class Ballast:
    """A file that only takes room, until the room is needed."""

    def __init__(self, path: Path, size: int = BALLAST_BYTES) -> None:
        self._path = path
        self._size = size

    def trim(self, least: int) -> None:
        """Give the room up when next to none is left; take it again when more than `least` would be left without it."""
        free = free_bytes(self._path.parent)
        if free < self._size // 2:
            self._path.unlink(missing_ok=True)
        elif free > least + self._size and not self._path.exists():
            self._take()

    def _take(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError:  # somebody was quicker, or the file system cannot: then there is none
            with contextlib.suppress(OSError):
                self._path.unlink()
        finally:
            os.close(descriptor)


class Room:
    """The room on the disks that a server fills. Cheap to ask: they are measured at most once a second."""

    def __init__(
        self,
        places: Sequence[Measure] = (),
        least: int = 0,
        ballast: Ballast | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """places: how to measure each.  least: the low-water mark in bytes; 0: none.  now: seconds that never step."""
        self._places = tuple(places)
        self._least = least
        self._ballast = ballast
        self._now = now
        self._measured: tuple[float, float] = (-math.inf, math.inf)

    def look(self) -> float:
        """Measure now: the bytes free where the least are, infinite where nobody can tell. Sees to the ballast."""
        if self._ballast is not None and self._least:
            self._ballast.trim(self._least)
        free = min((left for place in self._places if (left := place()) is not None), default=math.inf)
        self._measured = (self._now(), free)
        return free

    def is_short(self, share: float = 1.0) -> bool:
        """Whether less than `share` of the low-water mark is free, as of at most a second ago."""
        if not self._least:
            return False
        at, free = self._measured
        if self._now() - at >= FRESH_SECONDS:
            free = self.look()
        return free < self._least * share

    def check(self, share: float = 1.0) -> None:
        """Raises StorageFull where `is_short`."""
        if self.is_short(share):
            raise StorageFull("There is too little room on this server's disk. Try again when somebody has made some.")
