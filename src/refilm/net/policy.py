"""Who may be dialled: pure decisions about schemes, host names, addresses and ports. Opens nothing, resolves nothing.

For what a client names that is the public internet, by HTTPS on port 443, and what the operator allows beyond. For a
URL that the operator sets it is that URL's own host, or what a list of the operator's says.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from ipaddress import ip_network

from refilm.errors import RefilmError
from refilm.net.addresses import Address, Network, is_public, may_be_an_endpoint, read_address
from refilm.net.names import is_name, unfit_host

HTTPS_PORT = 443
PORTS = {"https": HTTPS_PORT, "http": 80}


class Blocked(RefilmError):
    """The policy does not let us dial this. The reason is for the operator's log, never for the client."""


class UnclearSetting(RefilmError, ValueError):
    """An exception from the rule that the operator must spell differently."""


@dataclass(frozen=True)
class Allowed:
    """One exception from the rule, made by the operator: this host, at these addresses, on this port.

    host: exact, lower case.  cidr: None means any address that an endpoint of the operator's own can have.  ca_file:
    PEM file of the only authorities trusted for it; None means the system's.  scheme: "https" or "http".
    """

    host: str
    cidr: Network | None
    port: int = HTTPS_PORT
    ca_file: str | None = None
    scheme: str = "https"

    def covers(self, address: Address) -> bool:
        """Whether the host may be at this address."""
        return may_be_an_endpoint(address) if self.cidr is None else address in self.cidr


@dataclass(frozen=True)
class Policy:
    """Public hosts by HTTPS on port 443, and what the operator allows beyond.

    public: false leaves nothing but the exceptions.
    """

    allow: tuple[Allowed, ...] = ()
    public: bool = True

    def judge_request(self, scheme: str, host: str, port: int) -> None:
        """Raise Blocked unless a request by this scheme may go to `host` and `port`."""
        self.judge_host(host, port)
        schemes = {allowed.scheme for allowed in self.exceptions(host, port)} or {"https"}
        if scheme not in schemes:
            raise Blocked(f"The scheme {scheme} is not allowed for {host} on port {port}.")

    def judge_host(self, host: str, port: int) -> None:
        """Raise Blocked unless `host` may be looked up and dialled on `port`. host: ASCII, as in the URL."""
        reason = None if self.exceptions(host, port) else self._unfit(host, port)
        if reason:
            raise Blocked(reason)

    def judge(self, address: str, host: str, port: int) -> None:
        """Raise Blocked unless `address`, an answer for `host`, may be dialled on `port`."""
        try:
            found = read_address(address)
        except ValueError as odd:
            raise Blocked(str(odd)) from odd
        exceptions = self.exceptions(host, port)
        if any(allowed.covers(found) for allowed in exceptions):
            return
        reason = self._unfit(host, port)
        if reason and exceptions:
            raise Blocked(f"{host} resolves to {address}, where the operator does not allow it to be.")
        if reason:
            raise Blocked(reason)
        if not is_public(found):
            raise Blocked(f"{host} resolves to {address}, which is no public address.")

    def _unfit(self, host: str, port: int) -> str | None:
        """Why `host` on `port` cannot be a public host that may be dialled, or None where it can."""
        if not self.public:
            return f"{host} on port {port} is none of the hosts that the operator allows."
        if port != HTTPS_PORT:
            return f"Port {port} is not {HTTPS_PORT}."
        return unfit_host(host)

    def exceptions(self, host: str, port: int) -> tuple[Allowed, ...]:
        """The operator's exceptions for exactly this host and port."""
        return tuple(allowed for allowed in self.allow if (allowed.host, allowed.port) == (host.lower(), port))


def endpoint_policy(scheme: str, host: str, port: int, allow: tuple[Allowed, ...] = ()) -> Policy:
    """Who may be dialled for a URL that the operator set: its own host, on its own port, and nobody else.

    allow: the operator's list; where there is one, it says at which addresses. Raises UnclearSetting for a URL that
    the list does not name.
    """
    host = host.lower()
    named = tuple(entry for entry in allow if (entry.scheme, entry.host, entry.port) == (scheme, host, port))
    if allow and not named:
        raise UnclearSetting(f"{scheme}://{host}:{port} is not among the endpoints that endpoint_allow names.")
    return Policy(named or (Allowed(host, None, port, scheme=scheme),), public=False)


def parse_allow(text: str, ca_file: str | None = None) -> Allowed:
    """Read `host=media.lan cidr=10.1.0.0/16 port=8443 ca_file=/etc/lan.pem`; port and ca_file may be absent.

    ca_file: used where the text names none. Raises UnclearSetting.
    """
    words = _words(text, {"host", "cidr", "port", "ca_file"})
    host = words["host"].lower()
    if not is_name(host):
        raise UnclearSetting(f"host={words['host']} must be a DNS name; addresses go into cidr.")
    return Allowed(
        host, _parse_cidr(words["cidr"]), _parse_port(words.get("port", "443")), words.get("ca_file", ca_file)
    )


def parse_endpoint_allow(text: str) -> Allowed:
    """Read `scheme=http host=llm.lan cidr=10.1.0.0/16 port=8080 ca_file=/etc/lan.pem` for URLs that the operator sets.

    Absent: scheme is https, port the scheme's own. host: also an IP address, as such a URL may have one. Raises
    UnclearSetting.
    """
    words = _words(text, {"scheme", "host", "cidr", "port", "ca_file"})
    scheme = words.get("scheme", "https")
    if scheme not in PORTS:
        raise UnclearSetting(f"scheme={scheme} must be https or http.")
    port = _parse_port(words.get("port", str(PORTS[scheme])))
    return Allowed(words["host"].lower().strip("[]"), _parse_cidr(words["cidr"]), port, words.get("ca_file"), scheme)


def _words(text: str, possible: set[str]) -> dict[str, str]:
    try:
        words = dict(word.split("=", 1) for word in shlex.split(text))
    except ValueError as error:
        raise UnclearSetting(
            "An entry is a list of name=value pairs such as host=media.lan cidr=10.1.0.0/16."
        ) from error
    if unknown := set(words) - possible:
        raise UnclearSetting(f"An entry names {sorted(unknown)}; possible are {', '.join(sorted(possible))}.")
    if not words.get("host") or not words.get("cidr"):
        raise UnclearSetting("An entry must name a host and the cidr of its addresses.")
    return words


def _parse_cidr(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise UnclearSetting(f"cidr={text} must be a network such as 10.1.0.0/16.") from error


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise UnclearSetting(f"port={text} must be a number from 1 to 65535.")
    return int(text)
