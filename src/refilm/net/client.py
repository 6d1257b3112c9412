"""The one HTTP client: guarded connections, no redirects, no proxies or certificates from the environment, no
compression, no cookies that outlive the client.

Knows nothing of what is fetched.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import cast

import httpcore2
import httpx2

from refilm import __version__
from refilm.net.guard import GuardedBackend, Resolve, system_resolver
from refilm.net.policy import PORTS, Policy, UnclearSetting
from refilm.net.proxy import Proxy, Tunnels

#: Lookups that may hang at the same time before further ones wait.
_RESOLVER_THREADS = 16

_HEADERS = {"User-Agent": f"Refilm/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}


class Clients:
    """Makes clients that may only dial what the policy lets pass. Safe to share between threads and event loops.

    A client is made for one operation on one host: it belongs to one event loop, and no connection outlives the
    judgement that opened it.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        resolve: Resolve | None = None,
        dial: httpcore2.AsyncNetworkBackend | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        """resolve, dial: how names become addresses and addresses connections; None means the system's way.

        proxy: through which to connect; names are looked up and judged here all the same, and it is asked for the
        judged literal.

        Raises UnclearSetting where a CA file of the policy cannot be read: at start, not at the first fetch.
        """
        self.policy = policy
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="refilm-resolve")
        self._tls = cache(_tls_context)
        if proxy is not None:
            way = GuardedBackend(proxy.policy, system_resolver(self._threads), dial)
            dial = Tunnels(proxy, way, self._tls(proxy.ca_file))
        self._backend = GuardedBackend(policy, resolve or system_resolver(self._threads), dial)
        for allowed in policy.allow:
            self._tls(allowed.ca_file)

    def open(self, url: httpx2.URL, *, seconds: float) -> httpx2.AsyncClient:
        """A client for `url`, to be closed after use. seconds: limit of each single wait, not of the whole."""
        pool = httpcore2.AsyncConnectionPool(
            ssl_context=self._tls(self._ca_file(url)), max_connections=1, network_backend=self._backend
        )
        return httpx2.AsyncClient(
            transport=_GuardedTransport(self.policy, pool),
            headers=_HEADERS,
            timeout=seconds,
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Let go of the resolver's threads, without waiting for lookups that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ca_file(self, url: httpx2.URL) -> str | None:
        exceptions = self.policy.exceptions(ascii_host(url), _port(url))
        return next((allowed.ca_file for allowed in exceptions if allowed.ca_file), None)


class _GuardedTransport(httpx2.AsyncBaseTransport):
    """httpx2 over a connection pool of ours: its own transport has no place for a network backend.

    Judges the scheme, too, which the backend below does not see.
    """

    def __init__(self, policy: Policy, pool: httpcore2.AsyncConnectionPool) -> None:
        self._policy = policy
        self._pool = pool

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request. Raises httpx2's errors, and Blocked."""
        self._policy.judge_request(request.url.scheme, ascii_host(request.url), _port(request.url))
        with _httpx2_errors():
            response = await self._pool.handle_async_request(_core_request(request))
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(cast(AsyncIterable[bytes], response.stream), response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """A response's bytes as they come."""

    def __init__(self, parts: AsyncIterable[bytes], response: httpcore2.Response) -> None:
        self._parts = parts
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx2_errors():
            async for part in self._parts:
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


def ascii_host(url: httpx2.URL) -> str:
    """The host as it is looked up; `URL.host` would spell it in its own script."""
    return url.raw_host.decode("ascii").lower()


def _port(url: httpx2.URL) -> int:
    return url.port or PORTS.get(url.scheme, 0)


def _core_request(request: httpx2.Request) -> httpcore2.Request:
    url = request.url
    return httpcore2.Request(
        method=request.method,
        url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


@contextlib.contextmanager
def _httpx2_errors() -> Iterator[None]:
    """Both packages name their errors alike; callers shall see httpx2's only."""
    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    """A context that trusts `ca_file` alone, or the system's authorities. Reads files: tens of milliseconds."""
    if ca_file is None:
        return httpx2.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # includes ssl.SSLError
        raise UnclearSetting(f"ca_file={ca_file} cannot be read as certificates in PEM form.") from error
