"""How many wrong keys came from where, and from where no more are looked at for a while.

Kept in memory, bounded, and for each process by itself. Knows nothing of keys and requests.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Places that are counted at the same time; beyond it the one that was counted longest is forgotten.
PLACES_AT_MOST = 10_000


@dataclass(frozen=True)
class LockoutRules:
    """After so many tries within `seconds`, a place is closed for `seconds`. tries: 0 never closes."""

    tries: int = 20
    seconds: float = 60.0


@dataclass
class _Place:
    """Wrong keys from one place. until: when the count ends, or the place is open again."""

    until: float
    wrong: int = 0


class Lockout:
    """Counts wrong keys by the place that they came from."""

    def __init__(self, rules: LockoutRules, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._clock = clock
        self._places: dict[str, _Place] = {}

    def seconds_left(self, place: str) -> int:
        """Whole seconds for which this place is closed; 0 where it is open."""
        known = self._places.get(place)
        if known is None or not self._rules.tries or known.wrong < self._rules.tries:
            return 0
        return max(0, math.ceil(known.until - self._clock()))

    def closes_with(self, wrong: int) -> bool:
        """Whether it is this one of a place's wrong keys that closes it."""
        return wrong == self._rules.tries

    def count(self, place: str) -> int:
        """Count a wrong key; returns how many came from there since the counting began.

        A closed place is not kept closed by further tries: a client that cannot stop must not shut out its neighbours.
        """
        now = self._clock()
        known = self._places.get(place)
        if known is None or now >= known.until:
            self._places.pop(place, None)
            if len(self._places) >= PLACES_AT_MOST:
                del self._places[next(iter(self._places))]
            known = self._places[place] = _Place(now + self._rules.seconds)
        known.wrong += 1
        if self.closes_with(known.wrong):
            known.until = now + self._rules.seconds
        return known.wrong
