"""What one caller may have of the server: requests a second and at the same time, each key by itself.

Who asks without a key (a signed link, the counters) is counted by address. So no key uses up another's share, also
where both come from one address.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from starlette.types import Scope

from refilm.api.buckets import Buckets, Rate
from refilm.domain.account import KeyScope
from refilm.errors import TooManyRequests

NO_LIMIT = Rate()
#: In the scope of a request: a list of what to call at its end.
LEAVING = "refilm.leaving"
#: When a place may be free again, told to who has too many requests at the same time: seconds.
SOON = 1


@dataclass(frozen=True)
class ShareRules:
    """What one key, or one address without a key, may have. 0: no limit.

    reads, writes: of one key.  at_once: requests of one key that are being answered.  keyless: of one address.
    """

    reads: Rate = NO_LIMIT
    writes: Rate = NO_LIMIT
    at_once: int = 0
    keyless: Rate = NO_LIMIT


class Shares:
    """Counts what callers have."""

    def __init__(self, rules: ShareRules | None = None) -> None:
        rules = rules or ShareRules()
        reads, writes = Buckets(rules.reads), Buckets(rules.writes)
        # Polls and creates apart: who has sent too many creates may still see what becomes of them.
        self._keyed = {KeyScope.READ: reads, KeyScope.CREATE: writes, KeyScope.ADMIN: writes}
        self._keyless = Buckets(rules.keyless)
        self._most_at_once = rules.at_once
        self._at_once: Counter[str] = Counter()

    def of_key(self, scope: Scope, key_id: str, needed: KeyScope) -> None:
        """Count a request of that key, and count it off when it ends. Raises TooManyRequests."""
        wait = self._keyed[needed].take(key_id)
        if wait:
            raise TooManyRequests("This API key sends requests faster than this server takes them.", math.ceil(wait))
        if self._most_at_once:
            self._enter(scope, key_id)

    def _enter(self, scope: Scope, key_id: str) -> None:
        if self._at_once[key_id] >= self._most_at_once:
            raise TooManyRequests("Too many requests of this API key are being answered at the same time.", SOON)
        self._at_once[key_id] += 1
        at_the_end_of(scope, partial(self._leave, key_id))

    def _leave(self, key_id: str) -> None:
        self._at_once[key_id] -= 1
        if not self._at_once[key_id]:
            del self._at_once[key_id]

    def of_address(self, place: str) -> None:
        """Count a request without a key from there. Raises TooManyRequests."""
        wait = self._keyless.take(place)
        if wait:
            told = "Requests from this address come faster than this server takes them."
            raise TooManyRequests(told, math.ceil(wait))


def at_the_end_of(scope: Scope, give_back: Callable[[], None]) -> None:
    """Call this when the request ends, however it ends."""
    scope.setdefault(LEAVING, []).append(give_back)


def leave(scope: Scope) -> None:
    """The request has ended: give back what it held."""
    leaving: list[Callable[[], None]] = scope.pop(LEAVING, ())
    for give_back in leaving:
        give_back()
