"""A clock that no step of the wall clock moves at once.

Expiry, retention and the recognition of repeated creates compare moments; a wall clock that leaps by days would end all
of it too soon, or never. Seconds that never step carry this clock over a leap, until the new time has stood an hour.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

#: A wall clock that stands no further off is followed: it is being slewed, or our own count drifts.
SLACK = timedelta(seconds=2)

#: How long a wall clock must stand where it leapt to before it is believed, in seconds.
BELIEVE_SECONDS = 3600.0


class SteadyClock:
    """The time that it is, called like a function. Safe to share between threads."""

    def __init__(self, wall: Callable[[], datetime], seconds: Callable[[], float]) -> None:
        """wall: the time by the system's clock, which may step.  seconds: a count that never does, from anywhere."""
        self._wall = wall
        self._seconds = seconds
        self._lock = threading.Lock()
        self._base: tuple[datetime, float] | None = None
        self._leapt: tuple[timedelta, float] | None = None

    def __call__(self) -> datetime:
        """Now. Reads both clocks; the first call believes the wall."""
        with self._lock:
            wall, seconds = self._wall(), self._seconds()
            if self._base is None:
                self._base = (wall, seconds)
            steady = self._base[0] + timedelta(seconds=seconds - self._base[1])
            if self._is_believed(wall - steady, seconds):
                self._base, self._leapt, steady = (wall, seconds), None, wall
            return steady

    def _is_believed(self, off: timedelta, seconds: float) -> bool:
        """Whether the wall, which is `off` from us, is to be followed; notes a leap to another place."""
        if abs(off) <= SLACK:
            return True
        if self._leapt is None or abs(off - self._leapt[0]) > SLACK:
            self._leapt = (off, seconds)
        return seconds - self._leapt[1] >= BELIEVE_SECONDS
