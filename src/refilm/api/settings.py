"""What the HTTP edge may be told. Built by whoever starts the server; read here as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from refilm.api.clients import Network
from refilm.api.lockout import LockoutRules
from refilm.api.shares import ShareRules
from refilm.domain.uri import UriLimits

#: The only dated version of the contract that is in use.
API_VERSION = "2024-11-06"


@dataclass(frozen=True)
class ApiSettings:
    """Options of the HTTP edge.

    public_url: base of the URLs we hand out, without a final slash; None: the request's own scheme and host.
    files_url: the same for files, on another host or port; then these are served there and nowhere else.
    tiers: the names that an account's tier may have.
    lockout: when wrong keys close the door.  shares: what one caller may have of the server.
    trusted_proxies: who may say where a request comes from.
    docs_url: the `docUrl` of error bodies.
    max_body_bytes: largest JSON body.  max_bodies_bytes: of all large ones together.
    max_upload_bytes: largest uploaded file.
    large_body_bytes: bodies above this are parsed off the event loop, `large_bodies` of them at a time.
    retry_after_seconds: told with a 503; official SDKs obey up to 60.
    engine_header: the header that names the engine of a task.
    """

    public_url: str | None = None
    docs_url: str = "https://github.com/refilm/refilm#readme"
    max_body_bytes: int = 24_000_000
    max_bodies_bytes: int = 512_000_000
    max_upload_bytes: int = 200_000_000
    large_body_bytes: int = 131_072
    large_bodies: int = 4
    retry_after_seconds: int = 5
    engine_header: str = "Refilm-Engine"
    files_url: str | None = None
    tiers: frozenset[str] = frozenset()
    lockout: LockoutRules = field(default_factory=LockoutRules)
    shares: ShareRules = field(default_factory=ShareRules)
    trusted_proxies: tuple[Network, ...] = ()
    api_version: str = API_VERSION
    uri_limits: UriLimits = field(default_factory=UriLimits)
