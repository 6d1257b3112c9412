"""A proxy between a client and a server that swallows answers: the server did its work, the client hears nothing.

Imports nothing of Refilm.
"""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx2

#: Headers that belong to one connection.
_HOP = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding"})


class CuttingProxy:
    """Passes requests on to `target`; of each body, the first `cuts` answers are lost. A context manager.

    cut: how many answers were lost so far.
    """

    def __init__(self, target: str, cuts: int) -> None:
        self._lock = threading.Lock()
        self._seen: Counter[bytes] = Counter()
        self.cut = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                answer = httpx2.post(target + self.path, content=body, headers=headers, trust_env=False, timeout=60)
                self.close_connection = True
                if proxy._loses(body, cuts):
                    return
                self.send_response(answer.status_code)
                self.send_header("content-type", answer.headers["content-type"])
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def _loses(self, body: bytes, cuts: int) -> bool:
        with self._lock:
            self._seen[body] += 1
            lost = self._seen[body] <= cuts
            self.cut += lost
            return lost

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
