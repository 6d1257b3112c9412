"""Clients of R16, each kind in a process of its own: one that floods a server in three ways, and one that does not.

Raw HTTP/1.1 on asyncio, because clients and server share a few cores. Both keep a pace: a request is due at its moment
whether or not the one before was answered, and what it waited for its turn counts as latency. Talks to 127.0.0.1 only;
addresses of 127.0.0.0/8 stand for different clients.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import uvloop

HOST = "127.0.0.1"
#: Where the flood comes from: slow connections spread out, since one address may have only so many.
SLOW_SOURCES, GREEDY_SOURCE, HONEST_SOURCE = ("127.0.0.2", "127.0.0.3", "127.0.0.4"), "127.0.0.5", "127.0.0.9"
VERSION = "X-Runway-Version: 2024-11-06"
BODY = json.dumps(
    {"model": "gen4_aleph", "promptText": "make it warmer", "videoUri": "data:video/mp4;base64,c29tZSBieXRlcw=="}
).encode()


@dataclass(frozen=True)
class Flood:
    """What the flooding client does, all at once, for so many seconds.

    slow: connections that are kept open.  polls: a second.  creates: in all.
    """

    port: int
    key: str
    task_id: str
    seconds: float
    slow: int
    polls: float
    creates: int


@dataclass(frozen=True)
class Modesty:
    """What the honest client does for so many seconds: polls and creates a second."""

    port: int
    key: str
    task_id: str
    seconds: float
    polls: float = 50.0
    creates: float = 20.0


@dataclass
class Told:
    """What came back: answers by kind and status, latencies in seconds by kind, ids of tasks, and slow connections.

    held: how many slow connections were open, looked at ten times a second.
    """

    answers: dict[str, Counter[str]] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    task_ids: list[str] = field(default_factory=list)
    held: list[int] = field(default_factory=list)

    def note(self, kind: str, status: str, seconds: float) -> None:
        """One answer, or what came in its place."""
        self.answers.setdefault(kind, Counter())[status] += 1
        self.latencies.setdefault(kind, []).append(seconds)

    def quantile(self, kind: str, share: float) -> float:
        """The latency in milliseconds that this share of the answers did not exceed."""
        ranked = sorted(self.latencies.get(kind, []))
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")


def flood(wanted: Flood) -> Told:
    """Be a nuisance, at a low priority of the processor: it is the server that is on trial."""
    os.nice(5)
    return _run(_flood(wanted))


def be_modest(wanted: Modesty) -> Told:
    """Ask for a little, and measure."""
    return _run(_be_modest(wanted))


def _run(work: Coroutine[Any, Any, Told]) -> Told:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """A whole request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", VERSION, f"Authorization: Bearer {key}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Lane:
    """One connection, kept alive and opened anew where the server closes it; one request at a time."""

    def __init__(self, port: int, source: str) -> None:
        self._port, self._source = port, source
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, sent: bytes) -> tuple[str, bytes]:
        """Status and body; ("closed", b"") where there is no answer."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(HOST, self._port, local_addr=(self._source, 0))
            reader, writer = self._streams
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (OSError, EOFError, ValueError):
            self.close()
            return "closed", b""
        if b"connection: close" in head:
            self.close()
        return head[9:12].decode(), body

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None


@dataclass
class Pace:
    """Requests of one kind, at a rate, over so many lanes, for so many seconds."""

    kind: str
    rate: float
    seconds: float
    lanes: int
    sent: Callable[[], bytes]
    port: int
    source: str

    async def keep(self, told: Told) -> None:
        """Send all of them."""
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._keep_lane(began, number, told) for number in range(self.lanes)))

    async def _keep_lane(self, began: float, number: int, told: Told) -> None:
        clock, lane = asyncio.get_running_loop().time, Lane(self.port, self.source)
        due = began + number / self.rate
        while due < began + self.seconds and clock() < began + self.seconds:
            await asyncio.sleep(max(0.0, due - clock()))
            status, body = await lane.ask(self.sent())
            told.note(self.kind, status, clock() - due)
            if self.kind == "create" and status == "200":
                told.task_ids.append(json.loads(body)["id"])
            due += self.lanes / self.rate
        lane.close()


async def _be_modest(wanted: Modesty) -> Told:
    told, known = Told(), [wanted.task_id]

    def poll() -> bytes:
        return request("GET", f"/v1/tasks/{(told.task_ids or known)[-1]}", wanted.key)

    create = request("POST", "/v1/video_to_video", wanted.key, BODY)
    at = (wanted.port, HONEST_SOURCE)
    await asyncio.gather(
        Pace("poll", wanted.polls, wanted.seconds, 8, poll, *at).keep(told),
        Pace("create", wanted.creates, wanted.seconds, 8, lambda: create, *at).keep(told),
    )
    return told


async def _flood(wanted: Flood) -> Told:
    told = Told()
    poll = request("GET", f"/v1/tasks/{wanted.task_id}", wanted.key)
    create = request("POST", "/v1/video_to_video", wanted.key, BODY)
    at, seconds = (wanted.port, GREEDY_SOURCE), wanted.seconds
    slow = [asyncio.ensure_future(each) for each in _slow_ones(wanted, told)]
    watching = asyncio.ensure_future(_watch(told))
    await asyncio.gather(
        Pace("poll", wanted.polls, seconds, 64, lambda: poll, *at).keep(told),
        Pace("create", wanted.creates / seconds, seconds, 16, lambda: create, *at).keep(told),
    )
    for task in (*slow, watching):
        task.cancel()
    await asyncio.gather(*slow, watching, return_exceptions=True)
    return told


def _slow_ones(wanted: Flood, told: Told) -> Iterator[Coroutine[Any, Any, None]]:
    """Those that say nothing, that never end a head or a body, and that are idle after a request."""
    body = request("POST", "/v1/video_to_video", wanted.key, BODY)[: -len(BODY)]
    kinds = {
        "silent": (b"", b""),
        "slow head": (b"GET / HTTP/1.1\r\nX: ", b"x"),
        "slow body": (body, b" "),
        "idle": (request("GET", "/health", wanted.key), b""),
    }
    told.held.append(0)
    sources, turns = cycle(SLOW_SOURCES), cycle(kinds.items())
    for _ in range(wanted.slow):
        kind, (first, drop) = next(turns)
        yield _be_slow(wanted.port, next(sources), kind, first, drop, told)


async def _be_slow(port: int, source: str, kind: str, first: bytes, drop: bytes, told: Told) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        began, writer = clock(), None
        try:
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
            told.held[0] += 1
            ended = await _drip(reader, writer, first, drop)
        except OSError:
            ended = "closed"
        finally:
            if writer is not None:
                told.held[0] -= 1
                writer.transport.abort()
        told.note(kind, ended, clock() - began)
        await asyncio.sleep(0.2)


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes, drop: bytes) -> str:
    """Send a drop a second until the server has had enough; the status that it ended with, or "closed"."""
    writer.write(first)
    said = b""
    while True:
        try:
            async with asyncio.timeout(1.0):
                more = await reader.read(4096)
        except TimeoutError:
            writer.write(drop)
            continue
        if not more:
            return said[9:12].decode() if said and not said.startswith(b"HTTP/1.1 200") else "closed"
        said = said or more


async def _watch(told: Told) -> None:
    while True:
        await asyncio.sleep(0.1)
        told.held.append(told.held[0])
