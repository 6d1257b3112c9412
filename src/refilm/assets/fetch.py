"""Inputs that lie elsewhere: look at an https URL before a task is made, and download it when the task runs.

Knows nothing of what the bytes are; the client's word for their type is checked, their content is for `refilm.media`.
Memory: one network read at a time. What a client is told of a host that did not answer over HTTPS depends neither on
why nor, but for whole seconds, on when that was found out: nobody can map a network with our answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpcore2
import httpx2
import structlog

from refilm.domain.uri import AssetKind, UriProblem, parse_https_url
from refilm.errors import InvalidAsset, RefilmError, Unavailable
from refilm.net.client import Clients, ascii_host
from refilm.net.guard import Resolve, reason_of
from refilm.net.policy import Blocked, Policy
from refilm.net.proxy import Proxy

logger = structlog.get_logger(__name__)

#: How often a download asks its caller whether to go on.
POLL_SECONDS = 1.0

#: Answers that say "later" rather than "no", besides the 5xx.
_PASSING_STATUS = frozenset({408, 425, 429})

#: What a client is told of every host that does not answer over HTTPS.
_NO_ANSWER = "The URL could not be fetched: no public host answers there over HTTPS, or not fast enough."

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}", re.ASCII)
_LENGTH = re.compile(r"[0-9]{1,20}", re.ASCII)


class FetchRefused(RefilmError):
    """The URL does not give what an input needs. passing: whether the same URL may do so later."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass(frozen=True)
class FetchLimits:
    """Bounds of one fetch.

    video_bytes, image_bytes: the largest file of that kind.  answer_seconds: from looking up the host to the end of
    the answer's headers.  min_rate: bytes per second that a download must reach on average, once grace_seconds are
    over; so no download takes longer than grace_seconds + size / min_rate.  refusal_step: seconds; that a host did not
    answer is told when a whole number of them is over, or answer_seconds.
    """

    video_bytes: int = 32_000_000
    image_bytes: int = 16_000_000
    answer_seconds: float = 10.0
    min_rate: int = 32_000
    grace_seconds: float = 5.0
    refusal_step: float = 1.0

    def max_bytes(self, kind: AssetKind) -> int:
        """The largest file of that kind."""
        return self.video_bytes if kind is AssetKind.VIDEO else self.image_bytes

    def until_told(self, passed: float) -> float:
        """Seconds to wait before it is told that a host does not answer, which took `passed` seconds to find out."""
        if not self.refusal_step:
            return 0.0
        told = math.ceil(passed / self.refusal_step) * self.refusal_step
        return max(0.0, min(told, self.answer_seconds) - passed)


class Fetcher:
    """Looks at and downloads https URLs under a policy. Safe to share between threads and event loops."""

    def __init__(
        self,
        policy: Policy,
        limits: FetchLimits,
        *,
        resolve: Resolve | None = None,
        dial: httpcore2.AsyncNetworkBackend | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        """resolve, dial, proxy: see `Clients`."""
        self._clients = Clients(policy, resolve=resolve, dial=dial, proxy=proxy)
        self._limits = limits

    async def head(self, uri: str, kind: AssetKind) -> None:
        """Return if `uri` answers HEAD as an input of `kind` must: 200, a fit type, and a length within the limit.

        Raises FetchRefused with one sentence for the client.
        """
        async with self._answer("HEAD", uri, kind) as response:
            length = response.headers.get("content-length", "")
            if not _LENGTH.fullmatch(length):
                raise FetchRefused("The server behind the URL must answer HEAD with a Content-Length.")
            if int(length) == 0:
                raise _empty()

    def download(self, uri: str, kind: AssetKind, file: BinaryIO, *, poll: Callable[[], None] | None = None) -> int:
        """Write what is behind `uri` to `file` and return how many bytes that were. Blocking; not for an event loop.

        poll: called once a second; what it raises (say, Cancelled) stops the download and passes. Raises InvalidAsset
        where the URL will never do, Unavailable where a later try may; the file then holds a part of the bytes.
        """
        try:
            return asyncio.run(_watched(self._download(uri, AssetKind(kind), file), poll))
        except FetchRefused as problem:
            raise (Unavailable if problem.passing else InvalidAsset)(str(problem)) from problem

    def close(self) -> None:
        """Let go of what the clients hold."""
        self._clients.close()

    async def _download(self, uri: str, kind: AssetKind, file: BinaryIO) -> int:
        async with self._answer("GET", uri, kind) as response:
            with _transport_problems(ascii_host(response.url)):
                received = await self._copy(response, file, self._limits.max_bytes(kind))
        if not received:
            raise _empty()
        return received

    async def _copy(self, response: httpx2.Response, file: BinaryIO, most: int) -> int:
        """Count what really comes, whatever the headers said; each byte buys time at the least allowed rate."""
        received = 0
        end = asyncio.get_running_loop().time() + self._limits.grace_seconds
        async with asyncio.timeout_at(end) as allowance:
            async for part in response.aiter_raw():
                received += len(part)
                if received > most:
                    raise _too_large(most)
                file.write(part)
                allowance.reschedule(end + received / self._limits.min_rate)
        return received

    @asynccontextmanager
    async def _answer(self, method: str, uri: str, kind: AssetKind) -> AsyncIterator[httpx2.Response]:
        """The answer to one request, its headers judged and its body not yet read."""
        url = _parsed(uri)
        async with self._clients.open(url, seconds=self._limits.answer_seconds) as client:
            response = await self._send(client, client.build_request(method, url))
            try:
                check_answer(response.status_code, response.headers, kind, self._limits)
                yield response
            finally:
                await response.aclose()

    async def _send(self, client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
        """The answer's headers. That there is none is told late, so that the time tells nothing."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            with _transport_problems(ascii_host(request.url)):
                async with asyncio.timeout(self._limits.answer_seconds):
                    return await client.send(request, stream=True)
        except FetchRefused:
            await asyncio.sleep(self._limits.until_told(clock() - begun))
            raise


def check_answer(status: int, headers: httpx2.Headers, kind: AssetKind, limits: FetchLimits) -> None:
    """Raise FetchRefused unless an answer with this status and these headers can be an input of `kind`.

    A missing length passes here; a download counts for itself.
    """
    if 300 <= status < 400:
        raise FetchRefused(f"The URL answers with a redirect ({status}), and none is followed. Send the final URL.")
    if status != 200:
        passing = status >= 500 or status in _PASSING_STATUS
        raise FetchRefused(f"The URL must answer with status 200, and it answers with {status}.", passing=passing)
    _check_type(headers.get("content-type", ""), kind)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise FetchRefused(
            "The URL answers with a Content-Encoding, although none was asked for. Serve the file as is."
        )
    length = headers.get("content-length", "")
    if _LENGTH.fullmatch(length) and int(length) > limits.max_bytes(kind):
        raise _too_large(limits.max_bytes(kind))


def _check_type(header: str, kind: AssetKind) -> None:
    media_type = header.partition(";")[0].strip().lower()
    if media_type in kind.media_types:
        return
    possible = ", ".join(kind.media_types)
    if not media_type:
        raise FetchRefused(f"The URL answers without a Content-Type; it must be one of {possible}.")
    shown = media_type if _MEDIA_TYPE.fullmatch(media_type) else "as sent"
    raise FetchRefused(f"The URL's Content-Type {shown} is not supported; it must be one of {possible}.")


def _parsed(uri: str) -> httpx2.URL:
    """The URL to request. Its host and port are the ones that our own parser found fit, not a second opinion."""
    try:
        parts = parse_https_url(uri)
        return httpx2.URL(parts.url).copy_with(host=parts.host, port=parts.port, fragment=None)
    except UriProblem as problem:
        raise FetchRefused(problem.message) from problem
    except httpx2.InvalidURL as problem:
        raise FetchRefused("The URL cannot be parsed.") from problem


@contextlib.contextmanager
def _transport_problems(host: str) -> Iterator[None]:
    """One sentence for everything below HTTP; the operator's log tells the rest.

    All of it may pass, what is forbidden too: else the number of tries would tell one from the other.
    """
    try:
        yield
    except (Blocked, httpx2.TransportError, ssl.SSLError, TimeoutError) as problem:
        # The host is what the operator needs to know; the rest of the URL may be a secret.
        logger.info("an input was not fetched", host=host, cause=type(problem).__name__, reason=reason_of(problem))
        raise FetchRefused(_NO_ANSWER, passing=True) from problem


async def _watched(work: Coroutine[Any, Any, int], poll: Callable[[], None] | None) -> int:
    """Await `work`, asking `poll` once a second; what it raises ends the work."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=POLL_SECONDS)
            if poll is not None:
                poll()
        return await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _too_large(most: int) -> FetchRefused:
    return FetchRefused(f"The file is larger than the {most} bytes that may come from a URL. Upload it instead.")


def _empty() -> FetchRefused:
    return FetchRefused("The file behind the URL is empty.")
