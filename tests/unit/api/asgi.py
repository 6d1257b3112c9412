"""Hand-made ASGI: a scope, a client that sends a body piece by piece, and one that collects an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def scope(method: str = "POST", path: str = "/", **headers: str) -> dict[str, Any]:
    """An HTTP scope; underscores in header names become hyphens."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
    }


class Sender:
    """Sends `pieces` as a body, then hangs up where the body is broken off. taken: how many pieces were asked for."""

    def __init__(self, pieces: Iterable[bytes] = (b"",), *, breaks_off: bool = False) -> None:
        self._messages = self._all(list(pieces), breaks_off)
        self.taken = 0

    def _all(self, pieces: list[bytes], breaks_off: bool) -> Iterator[dict[str, Any]]:
        for index, piece in enumerate(pieces):
            more = breaks_off or index < len(pieces) - 1
            yield {"type": "http.request", "body": piece, "more_body": more}
        yield {"type": "http.disconnect"}

    async def __call__(self) -> dict[str, Any]:
        self.taken += 1
        return next(self._messages)


class Answer:
    """Collects what an application sends."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
