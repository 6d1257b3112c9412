"""Which addresses belong to hosts on the public internet: our own table, and the judgement over it.

Python's `ipaddress.is_global` is not asked: its answer depends on the Python version, and some versions call cloud
metadata addresses, NAT64 and multicast global. The table follows the IANA special-purpose address registries (RFC 6890
and its successors; the tests hold it against their rows) and adds addresses that clouds use inside. Knows no names.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: IPv4 that is not a public host.
DENIED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared behind carriers; a cloud's metadata service lives here too
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's virtual host
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service lives here too
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

#: The only part of IPv6 that is handed out to hosts; everything else is denied.
GLOBAL_V6 = IPv6Network("2000::/3")

#: IPv6 inside GLOBAL_V6 that is not a public host.
DENIED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # the former 6bone
        "3fff::/20",  # documentation
    )
)

#: IPv6 that stands for the IPv4 address in its last 32 bits, and is judged as that one: IPv4-mapped, and NAT64.
STANDS_FOR_V4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

#: Interface identifiers that carry an IPv4 address in their last 32 bits (ISATAP, RFC 5214), in any network.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})

#: Where no endpoint of an operator is, whatever a name server says: nowhere, links, metadata services, many at once.
_NO_ENDPOINT: tuple[Network, ...] = (
    *(IPv4Network(text) for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")),
    *(IPv4Network(text) for text in ("100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")),
    *(IPv6Network(text) for text in ("::/128", "fd00:ec2::254/128", "fe80::/10", "ff00::/8")),
)


def is_public(address: Address) -> bool:
    """Whether `address` belongs to a host on the public internet."""
    address = unwrapped(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in DENIED_V4)
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return address in GLOBAL_V6 and not any(address in network for network in DENIED_V6)


def may_be_an_endpoint(address: Address) -> bool:
    """Whether a service of the operator's own can be at `address`: on a private network, say, or on this machine."""
    address = unwrapped(address)
    return not any(address in network for network in _NO_ENDPOINT)


def read_address(text: str) -> Address:
    """A resolver's answer as an address. Raises ValueError, with a sentence, for what is no plain literal.

    A scope (`fe80::1%eth0`) names one of our own interfaces, so it is refused.
    """
    if "%" in text:
        raise ValueError(f"{text} has a scope.")
    try:
        return unwrapped(ip_address(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address.") from error


def unwrapped(address: Address) -> Address:
    """The IPv4 address that `address` stands for, or `address` itself."""
    if isinstance(address, IPv6Address) and any(address in network for network in STANDS_FOR_V4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
