"""Which names can be those of hosts on the public internet. Pure functions over text; nothing is looked up."""

from __future__ import annotations

import re

#: Last labels of names that are nobody's on the public internet: those of RFC 6761, 6762, 7686 and 9476, what ICANN
#: keeps back (internal, home, corp, mail), all of arpa, and habits of private networks and clusters.
_INTERNAL = frozenset(
    {
        *("alt", "arpa", "example", "invalid", "local", "localhost", "onion", "test"),
        *("corp", "home", "internal", "mail"),
        *("consul", "domain", "intra", "intranet", "lan", "localdomain", "lxd", "private", "svc", "workgroup"),
    }
)

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)

#: What a resolver may read as a number, so that the whole host is an IPv4 address: 127.1, 0x7f.1, 2130706433.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def is_name(host: str) -> bool:
    """Whether `host`, in lower case, is a DNS name in ASCII, of one label or more, and no IPv4 address."""
    labels = host.split(".")
    fit = len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return fit and not _NUMBER.fullmatch(labels[-1])


def unfit_host(host: str) -> str | None:
    """Why `host` cannot be the name of a public host, or None where it can.

    Only plain DNS names in ASCII pass: no IP literal in any spelling, no single label, no name of an internal domain,
    no final dot.
    """
    labels = tuple(host.lower().split("."))
    if _NUMBER.fullmatch(labels[-1]):
        return f"{host!r} is an IP address, not a DNS name."
    if not is_name(host.lower()):
        return f"{host!r} is not a DNS name."
    if len(labels) < 2:
        return f"{host!r} is not a full DNS name."
    if labels[-1] in _INTERNAL:
        return f"{host!r} is an internal name."
    return None
