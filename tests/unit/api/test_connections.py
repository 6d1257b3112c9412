"""Who may be connected: caps in all and for each address, and who makes room."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from refilm.api.connections import ConnectionRules, Connections


class Line:
    """A connection. since: idle since then, None: being served.  late: what a round finds."""

    def __init__(self, peer: str, since: float | None = None, late: str | None = None) -> None:
        self.peer, self.since, self.late = peer, since, late
        self.is_cut = False

    def idle_since(self) -> float | None:
        """As it was made."""
        return self.since

    def overdue(self, now: float, passed: float) -> str | None:
        """As it was made."""
        return self.late

    def cut(self) -> None:
        """Ended."""
        self.is_cut = True


@pytest.fixture(autouse=True)
def no_rounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests make rounds themselves: there is no loop here."""
    monkeypatch.setattr(Connections, "_begin_rounds", lambda self: None)
    return


def let_in(connections: Connections, *peers: str) -> list[bool]:
    """Whether each of these newcomers is let in."""
    return [connections.enter(Line(peer)) for peer in peers]


@pytest.fixture
def doors() -> Connections:
    """Two connections for each address, and a proxy."""
    return Connections(ConnectionRules(most=0, most_of_address=2, trusted_proxies=(ip_network("10.0.0.0/8"),)))


def test_an_address_has_so_many_and_no_other_feels_it(doors: Connections):
    """The third is turned away, until one of them is closed. A proxy speaks for many."""
    first = Line("192.0.2.1")

    assert doors.enter(first)
    assert let_in(doors, "192.0.2.1", "192.0.2.1", "192.0.2.2") == [True, False, True]
    assert all(let_in(doors, *["10.0.0.9"] * 5, *["::ffff:10.0.0.9"] * 5))
    doors.leave(first)
    doors.leave(first)
    assert let_in(doors, "192.0.2.1", "192.0.2.1") == [True, False]


def test_a_network_of_ipv6_is_one_address(doors: Connections):
    """Whoever has one address of a /64 has all of them."""
    assert let_in(doors, "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1") == [True, True, False, True]


def test_the_one_that_was_idle_for_longest_makes_room():
    """In all there are never more; who is being served is not disturbed, and the newcomer has to go then."""
    doors = Connections(ConnectionRules(most=3, most_of_address=0))
    served, old, young, new, newer, newest = (Line("a", since) for since in (None, 5.0, 7.0, None, None, None))
    for line in (served, old, young):
        doors.enter(line)

    doors.enter(new)
    assert [line.is_cut for line in (served, old, young, new)] == [False, True, False, False]
    doors.enter(newer)
    assert young.is_cut
    doors.enter(newest)
    assert [line.is_cut for line in (served, new, newer, newest)] == [False, False, False, True]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]), st.booleans()), max_size=40))
def test_counts_come_and_go_with_connections(steps: list[tuple[str, bool]]):
    """However they come and go, an address is let in exactly while it has fewer than it may."""
    doors, held = Connections(ConnectionRules(most=0, most_of_address=3)), []
    doors._begin_rounds = lambda: None  # type: ignore[method-assign]
    for peer, comes in steps:
        if comes:
            line = Line(peer)
            has = sum(other.peer == peer for other in held)
            assert doors.enter(line) is (has < 3)
            held += [line] if has < 3 else []
        elif held:
            doors.leave(held.pop())


def test_the_log_is_told_of_many_at_once():
    """A thousand slow clients are one line, and one more a minute later."""
    now = [100.0]
    doors = Connections(ConnectionRules(most=0, most_of_address=0), lambda: now[0])
    for _ in range(1000):
        doors.enter(Line("a", late="slow head"))

    with capture_logs() as logs:
        doors.look()
        doors.look()
        now[0] += 60
        doors.look()

    assert [(line["event"], line["slow_head"]) for line in logs] == [
        ("connections were turned away", 1000),
        ("connections were turned away", 2000),
    ]


@pytest.mark.parametrize(("received", "due"), [(0, 130.0), (16_000, 131.0), (160_000, 140.0)])
def test_a_body_has_time_for_what_came(received: int, due: float):
    """Thirty seconds, and one more for each 16,000 bytes."""
    assert ConnectionRules().body_due(100.0, received) == due
