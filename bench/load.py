"""A closed-loop HTTP/1.1 loader for loopback: one socket for each connection, keep-alive, one request after the other.

    python bench/load.py URL [--body FILE] [--header 'name: value']... [--connections 8] [--seconds 5]

With a body it POSTs, else it GETs. Prints one JSON object (see `Load.to_json`). Runs as a process of its own so that
its work is not the server's; on a small machine both still share the cores. Refuses any host but 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

#: Answers of the first moments are not counted: connections are opened and caches filled.
WARM_UP_SECONDS = 0.5


@dataclass
class Load:
    """What a run has measured. latencies: seconds, of counted answers only."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    sample: str = ""

    def quantile(self, share: float) -> float:
        """The latency in milliseconds that this share of the answers did not exceed."""
        ranked = sorted(self.latencies)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")

    def to_json(self) -> dict[str, Any]:
        """Rate in answers a second, latencies in milliseconds, answers by status, and one body to look at."""
        return {
            "rate": len(self.latencies) / self.seconds if self.seconds else 0.0,
            "p50_ms": self.quantile(0.50),
            "p99_ms": self.quantile(0.99),
            "statuses": dict(self.statuses),
            "sample": self.sample,
        }


class Connection(asyncio.Protocol):
    """Sends `request`, waits for the whole answer, sends it again, until told to stop."""

    def __init__(self, request: bytes, load: Load) -> None:
        self._request, self._load = request, load
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._sent = 0.0
        self.closed = asyncio.get_running_loop().create_future()
        self.counting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        body = whole_body(self._received)
        if body is None:
            return
        if self.counting:
            self._load.latencies.append(time.perf_counter() - self._sent)
            self._load.statuses[self._received[9:12].decode()] += 1
            self._load.sample = self._load.sample or body[:300].decode(errors="replace")
        self._received = b""
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self._load.statuses["closed by the server"] += 1
            self.closed.set_result(None)

    def stop(self) -> None:
        """Hang up, whatever is under way."""
        if not self.closed.done():
            self.closed.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    def _ask(self) -> None:
        assert self._transport is not None
        self._sent = time.perf_counter()
        self._transport.write(self._request)


def whole_body(received: bytes) -> bytes | None:
    """The body of the answer in `received`, or None while it is incomplete."""
    head, gap, body = received.partition(b"\r\n\r\n")
    if not gap:
        return None
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at >= 0:
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0])
        return body if len(body) >= length else None
    return body if body.endswith(b"0\r\n\r\n") else None


def request_bytes(url: str, body: bytes | None, headers: Sequence[str]) -> bytes:
    """The request as it goes over the wire."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{'GET' if body is None else 'POST'} {target} HTTP/1.1", f"host: {parts.netloc}", *headers]
    if body is not None:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


async def measure(url: str, request: bytes, connections: int, seconds: float) -> Load:
    """Keep `connections` requests in flight for `seconds` after the warm-up."""
    parts = urlsplit(url)
    if parts.hostname != "127.0.0.1" or parts.port is None:
        raise SystemExit("The loader talks to 127.0.0.1 and a port, and to nobody else.")
    loop, load = asyncio.get_running_loop(), Load()
    opened = [
        (await loop.create_connection(lambda: Connection(request, load), "127.0.0.1", parts.port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    started = time.perf_counter()
    for connection in opened:
        connection.counting = True
    await asyncio.wait([connection.closed for connection in opened], timeout=seconds)
    load.seconds = time.perf_counter() - started
    for connection in opened:
        connection.counting = False
        connection.stop()
    return load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("--body", type=Path, help="file with the JSON to POST")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    body = options.body.read_bytes() if options.body else None
    request = request_bytes(options.url, body, options.header)
    load = uvloop.run(measure(options.url, request, options.connections, min(options.seconds, 60.0)))
    print(json.dumps(load.to_json()))


if __name__ == "__main__":
    main()
