"""Who may be connected, and for how long a connection may owe us something: the rules, the counts, and the round.

Knows nothing of HTTP: what a connection is waiting for it says itself. Counts are in memory and for each process by
itself; a round over all connections costs about a millisecond for every thousand.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from refilm.api.clients import Network, neighbourhood

log = structlog.get_logger("refilm.api")

#: How often the log tells of connections that were turned away or cut, at most: seconds.
TELL_SECONDS = 60.0


@dataclass(frozen=True)
class ConnectionRules:
    """What is asked of connections. Seconds; bytes a second; 0 connections: no cap.

    most, most_of_address: connections in all, and from one address that is no trusted proxy.
    head_seconds: for the head of a request, from its first byte, or from the opening of the connection.
    body_seconds, body_rate: a body has so many seconds, and one more for each `body_rate` bytes that came.
    """

    most: int = 4096
    most_of_address: int = 256
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    body_rate: float = 16_000.0
    trusted_proxies: tuple[Network, ...] = ()

    def body_due(self, began: float, received: int) -> float:
        """When a body of which so many bytes have come must be whole, or have gone on."""
        return began + self.body_seconds + received / self.body_rate

    @property
    def round_seconds(self) -> float:
        """Between two rounds: what is overdue is cut within a quarter of its time more."""
        return min(1.0, max(0.02, min(self.head_seconds, self.body_seconds) / 4))


class Connection(Protocol):
    """One connection, as a round sees it."""

    peer: str

    def idle_since(self) -> float | None:
        """Since when it has asked for nothing, None while it has."""

    def overdue(self, now: float, passed: float) -> str | None:
        """Why it is cut in this round, None where it is not.  passed: seconds since the last round."""

    def cut(self) -> None:
        """End it at once."""


class Connections:
    """Those that are open, and who is let in."""

    def __init__(self, rules: ConnectionRules, clock: Callable[[], float] = time.monotonic) -> None:
        self.rules = rules
        self.clock = clock
        self._open: dict[Connection, str | None] = {}
        self._of_place: Counter[str] = Counter()
        self._trusted: dict[str, bool] = {}
        self._last_round = clock()
        self._in_rounds = False
        self._untold: Counter[str] = Counter()
        self._told_at = -TELL_SECONDS

    def enter(self, connection: Connection) -> bool:
        """Count it in. False where its address has as many as it may; then it is known, and not counted.

        Where there are as many as may be in all, the one that has asked for nothing for longest makes room; where all
        of them are being served, the new one is cut.
        """
        self._begin_rounds()
        if self.rules.most and len(self._open) >= self.rules.most:
            self._cut(self._idlest() or connection, "too many connections")
        place = None if self._is_trusted(connection.peer) else neighbourhood(connection.peer)
        most = self.rules.most_of_address
        allowed = place is None or not most or self._of_place[place] < most
        if not allowed:
            self.note("too many connections of one address")
            place = None
        self._open[connection] = place
        if place is not None:
            self._of_place[place] += 1
        return allowed

    def leave(self, connection: Connection) -> None:
        """It is closed."""
        place = self._open.pop(connection, None)
        if place is not None:
            self._of_place[place] -= 1
            if not self._of_place[place]:
                del self._of_place[place]

    def note(self, why: str) -> None:
        """One was turned away or cut; the log is told of many at once."""
        self._untold[why] += 1

    def look(self) -> None:
        """One round: cut what is overdue."""
        now = self.clock()
        passed, self._last_round = now - self._last_round, now
        for connection in list(self._open):
            why = connection.overdue(now, passed)
            if why is not None:
                self.note(why)
        if self._untold and now - self._told_at >= TELL_SECONDS:
            log.warning("connections were turned away", **_worded(self._untold))
            self._untold.clear()
            self._told_at = now

    def _begin_rounds(self) -> None:
        if not self._in_rounds:
            self._in_rounds = True
            self._last_round = self.clock()
            asyncio.get_running_loop().call_later(self.rules.round_seconds, self._round)

    def _round(self) -> None:
        self._in_rounds = False
        self.look()
        if self._open or self._untold:
            self._begin_rounds()

    def _idlest(self) -> Connection | None:
        waiting = [(since, each) for each in self._open if (since := each.idle_since()) is not None]
        return min(waiting, key=lambda pair: pair[0])[1] if waiting else None

    def _cut(self, connection: Connection, why: str) -> None:
        self.note(why)
        self.leave(connection)
        connection.cut()

    def _is_trusted(self, peer: str) -> bool:
        if not self.rules.trusted_proxies:
            return False
        known = self._trusted.get(peer)
        if known is None:
            if len(self._trusted) >= 10_000:
                self._trusted.clear()
            known = self._trusted[peer] = _lies_in(peer, self.rules.trusted_proxies)
        return known


def _lies_in(peer: str, networks: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _worded(counts: Counter[str]) -> dict[str, int]:
    return {why.replace(" ", "_"): count for why, count in counts.items()}
