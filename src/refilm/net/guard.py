"""A network backend that asks the policy before every connection.

Below the HTTP client and its pool, so that nothing above can go around it: a name is resolved once, every answer is
judged, and what is dialled is the judged literal and not the name. TLS still checks the certificate against the name.
Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, NoReturn

import httpcore2

from refilm.net.policy import Blocked, Policy

#: Name and port to the addresses behind it, as literals. Raises OSError.
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

RESOLVE_SECONDS = 5.0


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Dials what `policy` lets pass and nothing else, least of all Unix sockets."""

    def __init__(self, policy: Policy, resolve: Resolve, dial: httpcore2.AsyncNetworkBackend | None = None) -> None:
        """dial: opens connections to literals; None means real ones."""
        self._policy = policy
        self._resolve = resolve
        self._dial = dial if dial is not None else httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class names it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first of `host`'s addresses that answers. Raises Blocked if any of them is out of bounds."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._judged_addresses(host, port)
                return await self._first_that_answers(addresses, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout("The connection took too long.") from error

    async def connect_unix_socket(self, *_: Any, **__: Any) -> NoReturn:
        """Raises Blocked."""
        raise Blocked("Unix sockets are never dialled.")

    async def sleep(self, seconds: float) -> None:
        """Wait between retries."""
        await asyncio.sleep(seconds)

    async def _judged_addresses(self, host: str, port: int) -> Sequence[str]:
        self._policy.judge_host(host, port)
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                addresses = await self._resolve(host, port)
        except OSError as error:  # includes TimeoutError
            raise httpcore2.ConnectError(f"The name could not be resolved: {reason_of(error)}") from error
        for address in addresses:
            self._policy.judge(address, host, port)
        return addresses

    async def _first_that_answers(
        self, addresses: Sequence[str], port: int, local_address: str | None, socket_options: Iterable[Any] | None
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError("The name has no addresses.")
        for address in addresses:
            try:
                return await self._dial.connect_tcp(
                    address, port, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = type(error)(f"{address} did not connect: {reason_of(error)}")
        raise failure


def reason_of(problem: BaseException) -> str:
    """What lies at the bottom of an error, in its own words, for the operator's log."""
    told, at = str(problem), problem.__cause__
    while at is not None:
        told, at = str(at) or told, at.__cause__
    return told or type(problem).__name__


def system_resolver(executor: Executor) -> Resolve:
    """Ask the operating system, in threads of `executor`: a slow name server must not hold the loop's own threads."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        answers = await asyncio.get_running_loop().run_in_executor(executor, look_up)
        return list(dict.fromkeys(_literal(answer[4]) for answer in answers))

    return resolve


def _literal(sockaddr: tuple[Any, ...]) -> str:
    """The address of a socket address; an IPv6 scope is kept visible, so that the policy can refuse it."""
    host = str(sockaddr[0])
    scope = sockaddr[3] if len(sockaddr) == 4 else 0
    return f"{host}%{scope}" if scope and "%" not in host else host
