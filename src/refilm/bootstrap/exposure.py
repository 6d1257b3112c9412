"""What an operator should know about a server that others can reach. Reads settings, opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from refilm.config import Settings


@dataclass(frozen=True)
class Exposure:
    """One thing that is not as safe as it could be, and what to do."""

    what: str
    mend: str


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def exposures(settings: Settings) -> Iterator[Exposure]:
    """Everything of that kind, the worst first."""
    public, proxies = settings.public_url, settings.trusted_proxies
    if any(ip_network(text).prefixlen == 0 for text in proxies):
        yield Exposure(
            "everybody is a trusted proxy, so everybody may say where a request comes from",
            "Let REFILM_TRUSTED_PROXIES name the addresses of your proxies alone.",
        )
    if not is_loopback(settings.host) and not (public or "").startswith("https://"):
        yield Exposure(
            f"others can reach {settings.host}, and keys pass there readable: Refilm speaks plain HTTP",
            "Put a proxy with TLS in front and say so with REFILM_PUBLIC_URL=https://..., or listen on 127.0.0.1.",
        )
    elif public is not None and not is_own(public) and not proxies:
        yield Exposure(
            "a proxy in front is not trusted, so all its clients count as one address",
            "Let REFILM_TRUSTED_PROXIES name its address, e.g. 127.0.0.1/32; it must set X-Forwarded-For.",
        )


def is_own(url: str) -> bool:
    """Whether a URL leads to this machine itself, without a proxy on the way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and is_loopback(parts.hostname or "")
