"""Where a request comes from, whatever it says about itself."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from asgi import scope

from refilm.api.clients import Clients, neighbourhood

INSIDE = Clients([ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32")])


def seen(clients, peer, *forwarded):
    """The address of a request from `peer` with these headers."""
    asked = scope("GET")
    asked["client"] = (peer, 1) if peer else None
    asked["headers"] += [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return clients.address(asked)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["203.0.113.9, nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("203.0.113.1", ["6.6.6.6"], "203.0.113.1"),
        ("::ffff:10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("testclient", ["6.6.6.6"], "unknown"),
        (None, ["6.6.6.6"], "unknown"),
    ],
)
def test_only_our_proxies_are_believed(peer, forwarded, address):
    """From the right, up to the first address that is no proxy of ours."""
    assert seen(INSIDE, peer, *forwarded) == address


def test_without_proxies_nobody_is_believed():
    """The default."""
    assert seen(Clients(), "127.0.0.1", "6.6.6.6") == "127.0.0.1"


def test_a_network_of_ipv6_is_one_client():
    """Whoever has one address of a /64 has all of them."""
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert neighbourhood("2001:db8:1:3::") != neighbourhood("2001:db8:1:2::")
    assert neighbourhood("192.0.2.7") == "192.0.2.7"
