"""Where a request comes from: the address of the connection, or what proxies that we trust say about it.

Anybody can send X-Forwarded-For, so it counts only as far as it was written by a proxy of the operator's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Who connects over something that has no address, such as a socket file.
NOWHERE = "unknown"


class Clients:
    """Names the client of a request. trusted: where the operator's proxies are."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def address(self, scope: Scope) -> str:
        """The client's address as text.

        From the right of X-Forwarded-For, where the nearest proxy wrote, the first one that is no proxy of ours.
        """
        client = scope.get("client")
        nearest = _read(client[0]) if client else None
        if nearest is None:
            return NOWHERE
        if self._is_ours(nearest):
            for text in reversed(_forwarded(scope)):
                further = _read(text.strip())
                if further is None:
                    break
                nearest = further
                if not self._is_ours(nearest):
                    break
        return str(nearest)

    def _is_ours(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def neighbourhood(address: str) -> str:
    """What stands for one client: an address of IPv4, and of IPv6 the /64, of which one machine may have all."""
    read = _read(address)
    if isinstance(read, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(read) >> 64 << 64, 64)))
    return address


def _forwarded(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return ",".join(values).split(",")


def _read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
