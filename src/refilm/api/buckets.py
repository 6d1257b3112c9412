"""Token buckets: how many requests of one name are taken in a while, and when the next one is welcome.

One number for each name: the moment at which its bucket is full again (the "generic cell rate algorithm", ITU-T I.371,
which answers as a bucket of tokens does and needs no refilling). Kept in memory, bounded, and for each process by
itself. Knows nothing of requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

#: Names that are counted at the same time; beyond it full buckets are forgotten, and then those begun first.
NAMES_AT_MOST = 10_000


@dataclass(frozen=True)
class Rate:
    """So many a second in the long run, and `burst_seconds` of that at once. per_second: 0 is no limit."""

    per_second: float = 0.0
    burst_seconds: float = 10.0

    @property
    def burst(self) -> float:
        """How many may come at once, at least one."""
        return max(1.0, self.per_second * self.burst_seconds)


class Buckets:
    """One bucket for each name."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        #: Seconds for which one fills the bucket, and for which it may be fuller than that.
        self._each = 1.0 / rate.per_second if rate.per_second else 0.0
        self._slack = (rate.burst - 1.0) * self._each
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, name: str) -> float:
        """Take one out of the bucket of that name: 0. Where it is empty nothing is taken: seconds until it is not."""
        if not self._each:
            return 0.0
        now = self._clock()
        known = self._full_at.get(name)
        if known is None:
            self._make_room(now)
        full_at = max(known or now, now)
        wait = full_at - self._slack - now
        if wait > 0:
            return wait
        self._full_at[name] = full_at + self._each
        return 0.0

    def _make_room(self, now: float) -> None:
        if len(self._full_at) < NAMES_AT_MOST:
            return
        self._full_at = {name: full_at for name, full_at in self._full_at.items() if full_at > now}
        if len(self._full_at) >= NAMES_AT_MOST:
            # A tenth at once: looking through all of them must not be the price of each new name.
            for name in list(self._full_at)[: max(1, NAMES_AT_MOST // 10)]:
                del self._full_at[name]
