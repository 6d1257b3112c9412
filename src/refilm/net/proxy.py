"""A way out through the operator's HTTP proxy: connections are tunnels that it opens on CONNECT.

The proxy is asked for the address that was judged, never for a name, so that it cannot be led elsewhere by another
answer of a name server. TLS with the host runs inside the tunnel. Knows nothing of who may be asked for.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

import httpcore2
import httpx2

from refilm.net.policy import PORTS, Allowed, Blocked, Policy, UnclearSetting, endpoint_policy

EXAMPLE = "http://user:password@proxy.lan:3128"


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy of the operator's.

    scheme: how it is spoken to, "http" or "https".  authorization: value of the header Proxy-Authorization.  policy:
    lets the proxy be dialled and nobody else.
    """

    scheme: str
    host: str
    port: int
    authorization: str | None
    policy: Policy

    @property
    def ca_file(self) -> str | None:
        """The authorities trusted for the proxy's own certificate; None means the system's."""
        return next((allowed.ca_file for allowed in self.policy.allow if allowed.ca_file), None)


class Tunnels(httpcore2.AsyncNetworkBackend):
    """Connects to literals through the proxy."""

    def __init__(self, proxy: Proxy, way: httpcore2.AsyncNetworkBackend, tls: ssl.SSLContext) -> None:
        """way: connects to the proxy.  tls: for a proxy that is spoken to by HTTPS."""
        self._proxy = proxy
        self._way = way
        self._tls = tls

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class names it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A tunnel to a literal. Raises httpcore2's errors where the proxy is away or refuses, and Blocked."""
        request = self._request(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", timeout)
        connection = httpcore2.AsyncHTTPConnection(
            request.url.origin, ssl_context=self._tls, network_backend=self._way, socket_options=socket_options
        )
        try:
            response = await connection.handle_async_request(request)
            if not 200 <= response.status <= 299:
                raise httpcore2.ConnectError(f"The proxy answered with status {response.status}.")
        except BaseException:
            await connection.aclose()
            raise
        stream: httpcore2.AsyncNetworkStream = response.extensions["network_stream"]
        return stream

    async def connect_unix_socket(self, *_: Any, **__: Any) -> NoReturn:
        """Raises Blocked."""
        raise Blocked("Unix sockets are never dialled.")

    def _request(self, place: str, seconds: float | None) -> httpcore2.Request:
        headers = [("Host", place)]
        if self._proxy.authorization:
            headers.append(("Proxy-Authorization", self._proxy.authorization))
        return httpcore2.Request(
            "CONNECT",
            httpcore2.URL(scheme=self._proxy.scheme, host=self._proxy.host, port=self._proxy.port, target=place),
            headers=headers,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write"), seconds)},
        )


def parse_proxy(text: str, allow: tuple[Allowed, ...] = ()) -> Proxy:
    """Read `http://user:password@proxy.lan:3128`; user and password may be absent and percent-encoded.

    allow: the operator's list of endpoints, see `endpoint_policy`. Raises UnclearSetting, which does not repeat the
    password.
    """
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise UnclearSetting(f"egress_proxy must be a URL such as {EXAMPLE}.") from error
    if url.scheme not in PORTS or not url.host or url.path not in ("", "/") or url.query or url.fragment:
        raise UnclearSetting(f"egress_proxy must be a URL such as {EXAMPLE}, without a path.")
    port = url.port or PORTS[url.scheme]
    authorization = None
    if url.userinfo:
        user, _, password = url.userinfo.decode().partition(":")
        pair = f"{unquote(user)}:{unquote(password)}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode()
    host = url.raw_host.decode("ascii").lower()
    return Proxy(url.scheme, host, port, authorization, endpoint_policy(url.scheme, host, port, allow))
