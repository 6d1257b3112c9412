"""Who may be dialled: pure decisions about host names, addresses and ports. Opens nothing, resolves nothing.

By default that is the public internet on port 443. Python's `ipaddress.is_global` is not asked: its answer depends on
the Python version, and some versions call cloud metadata addresses, NAT64 and multicast global. The table here follows
the IANA special-purpose address registries (RFC 6890 and its successors) and adds addresses that clouds use inside.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from refilm.errors import RefilmError

HTTPS_PORT = 443

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

#: IPv6 that stands for the IPv4 address in its last 32 bits, and is judged as that one.
_STANDS_FOR_V4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

#: Names that are nobody's on the public internet: RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476 and habits.
_INTERNAL_SUFFIXES = (
    ("localhost",),
    ("local",),
    ("internal",),
    ("intranet",),
    ("lan",),
    ("home",),
    ("corp",),
    ("home", "arpa"),
    ("onion",),
    ("alt",),
    ("test",),
    ("invalid",),
    ("example",),
)

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)

#: What a resolver may read as a number, so that the whole host is an IPv4 address: 127.1, 0x7f.1, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


class Blocked(RefilmError):
    """The policy does not let us dial this. The reason is for the operator's log, never for the client."""


class UnclearSetting(RefilmError, ValueError):
    """An exception from the rule that the operator must spell differently."""


@dataclass(frozen=True)
class Allowed:
    """One exception from the rule, made by the operator: this host, at these addresses, on this port.

    host: exact, lower case.  ca_file: PEM file of the only authorities trusted for it; None means the system's.
    """

    host: str
    cidr: Network
    port: int = HTTPS_PORT
    ca_file: str | None = None


@dataclass(frozen=True)
class Policy:
    """Public hosts on port 443, and what the operator allows beyond."""

    allow: tuple[Allowed, ...] = ()

    def judge_host(self, host: str, port: int) -> None:
        """Raise Blocked unless `host` may be looked up and dialled on `port`. host: ASCII, as in the URL."""
        if self.exceptions(host, port):
            return
        if port != HTTPS_PORT:
            raise Blocked(f"Port {port} is not {HTTPS_PORT}.")
        if reason := unfit_host(host):
            raise Blocked(reason)

    def judge(self, address: str, host: str, port: int) -> None:
        """Raise Blocked unless `address`, an answer for `host`, may be dialled on `port`."""
        self.judge_host(host, port)
        found = _parse_address(address)
        if any(found in allowed.cidr for allowed in self.exceptions(host, port)):
            return
        if port != HTTPS_PORT or not is_public(found):
            raise Blocked(f"{host} resolves to {address}, which is no public address.")

    def exceptions(self, host: str, port: int) -> tuple[Allowed, ...]:
        """The operator's exceptions for exactly this host and port."""
        return tuple(allowed for allowed in self.allow if (allowed.host, allowed.port) == (host.lower(), port))


def is_public(address: Address) -> bool:
    """Whether `address` belongs to a host on the public internet."""
    address = _unwrapped(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in DENIED_V4)
    return address in GLOBAL_V6 and not any(address in network for network in DENIED_V6)


def unfit_host(host: str) -> str | None:
    """Why `host` cannot be the name of a public host, or None where it can.

    Only plain DNS names in ASCII pass: no IP literal in any spelling, no single label, no name of an internal domain,
    no final dot.
    """
    labels = host.lower().split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return f"{host!r} is not a DNS name."
    if _NUMBER.fullmatch(labels[-1]):
        return f"{host!r} is an IP address, not a DNS name."
    if len(labels) < 2:
        return f"{host!r} is not a full DNS name."
    if any(tuple(labels[-len(suffix) :]) == suffix for suffix in _INTERNAL_SUFFIXES):
        return f"{host!r} is an internal name."
    return None


def parse_allow(text: str, ca_file: str | None = None) -> Allowed:
    """Read `host=media.lan cidr=10.1.0.0/16 port=8443 ca_file=/etc/lan.pem`; port and ca_file may be absent.

    ca_file: used where the text names none. Raises UnclearSetting.
    """
    try:
        words = dict(word.split("=", 1) for word in shlex.split(text))
    except ValueError as error:
        raise UnclearSetting(f"{text!r} is not a list of name=value pairs such as host=media.lan.") from error
    if unknown := set(words) - {"host", "cidr", "port", "ca_file"}:
        raise UnclearSetting(f"{text!r} names {sorted(unknown)}; possible are host, cidr, port and ca_file.")
    if not words.get("host") or not words.get("cidr"):
        raise UnclearSetting(f"{text!r} must name a host and the cidr of its addresses.")
    return Allowed(
        host=_parse_host(words["host"]),
        cidr=_parse_cidr(words["cidr"]),
        port=_parse_port(words.get("port", str(HTTPS_PORT))),
        ca_file=words.get("ca_file", ca_file),
    )


def _parse_host(text: str) -> str:
    host = text.lower()
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
        raise UnclearSetting(f"host={text} must be a DNS name; addresses go into cidr.")
    return host


def _parse_cidr(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise UnclearSetting(f"cidr={text} must be a network such as 10.1.0.0/16.") from error


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise UnclearSetting(f"port={text} must be a number from 1 to 65535.")
    return int(text)


def _parse_address(text: str) -> Address:
    """Read a resolver's answer. A scope (`fe80::1%eth0`) names one of our own interfaces, so it is refused."""
    if "%" in text:
        raise Blocked(f"{text} has a scope.")
    try:
        return _unwrapped(ip_address(text))
    except ValueError as error:
        raise Blocked(f"{text!r} is not an address.") from error


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv6Address) and any(address in network for network in _STANDS_FOR_V4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
