"""A chat server for tests: it speaks OpenAI's protocol on the loopback and says what a test has it say."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ChatServer:
    """An OpenAI-compatible server on the loopback that says what a test has it say."""

    def __init__(self) -> None:
        #: What it was sent: headers and body of each request.
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        #: The text of its answers, made from the request's body.
        self.text: Callable[[dict[str, Any]], str] = lambda body: '{"steps": [], "refused": []}'
        self.status: Callable[[dict[str, Any]], int] = lambda body: 200
        self.seconds = 0.0
        self.raw: bytes | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
                time.sleep(server.seconds)
                found = self.path == "/v1/chat/completions"
                message = {"choices": [{"index": 0, "message": {"role": "assistant", "content": server.text(body)}}]}
                sent = json.dumps(message).encode() if server.raw is None else server.raw
                try:
                    self.send_response(server.status(body) if found else 404)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(sent)))
                    self.end_headers()
                    self.wfile.write(sent)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # whoever asked has lost patience

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def plan(self, *steps: tuple[str, dict[str, Any], str]) -> None:
        """Have it answer with a plan of these steps: operator, parameters, clause."""
        told = [{"operator": name, "parameters": parameters, "clause": clause} for name, parameters, clause in steps]
        self.text = lambda body: json.dumps({"steps": told, "refused": []})

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
