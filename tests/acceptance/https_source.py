"""A small HTTPS server on 127.0.0.1 that clips and pictures are fetched from, with a certificate of its own authority.

Serves the files of one folder by HEAD and GET, and remembers what was asked for. Knows nothing of Refilm.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import trustme


class HttpsSource:
    """`https://<host>:<port>/<name>` for each file in `folder`; a context manager.

    A file without an extension is served as a JPEG picture. host: the name in the certificate.  others:
    further names in it.
    """

    def __init__(self, folder: Path, ca_file: Path, host: str = "localhost", others: Sequence[str] = ()) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host, *others).configure_cert(context)
        self.folder, self.ca_file, self.host = folder, ca_file, host
        #: (method, path, User-Agent) of every request so far.
        self.seen: list[tuple[str, str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        # The handshake belongs to the connection's own thread: a client that stalls must not hold up the others.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def allow(self) -> str:
        """The entry of REFILM_FETCH_ALLOW that lets a server fetch from here."""
        return f"host={self.host} cidr=127.0.0.0/8 port={self.port}"

    def url(self, name: str) -> str:
        """Where the file `name` of the folder is served."""
        return f"https://{self.host}:{self.port}/{name}"

    def _handler(self) -> type[SimpleHTTPRequestHandler]:
        seen, folder = self.seen, str(self.folder)

        class Handler(SimpleHTTPRequestHandler):
            extensions_map: ClassVar[dict[str, str]] = {**SimpleHTTPRequestHandler.extensions_map, "": "image/jpeg"}

            def __init__(self, *parts: Any) -> None:
                super().__init__(*parts, directory=folder)

            def do_GET(self) -> None:
                seen.append(("GET", self.path, self.headers.get("User-Agent", "")))
                super().do_GET()

            def do_HEAD(self) -> None:
                seen.append(("HEAD", self.path, self.headers.get("User-Agent", "")))
                super().do_HEAD()

            def log_message(self, format: str, *values: Any) -> None:
                """Tests read `seen` instead."""

        return Handler
