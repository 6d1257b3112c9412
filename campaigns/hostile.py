"""A neighbour that tells everybody what it was told: an HTTP server that answers each request with all of it.

Stands for a proxy and for a chat model whose errors quote keys and questions. On 127.0.0.1. Knows nothing of Refilm.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class EchoingProxy:
    """`http://127.0.0.1:<port>`; refuses whatever it is asked, and quotes it. A context manager."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Echo(BaseHTTPRequestHandler):
    def _echo(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        told = f"{self.requestline} {dict(self.headers)} {self.rfile.read(length).decode('utf-8', 'replace')}"
        line = " ".join(told.split())
        self.send_response(403, f"Refused: {line}"[:2000])
        self.send_header("X-Told", line[:2000])
        self.send_header("Content-Length", str(len(told.encode())))
        self.end_headers()
        self.wfile.write(told.encode())

    do_GET = do_HEAD = do_POST = do_CONNECT = _echo  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *values: object) -> None:
        """Nobody reads it."""
