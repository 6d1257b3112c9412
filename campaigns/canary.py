"""Something that nobody may reach: files that are watched, and a listener on 127.0.0.1 that serves them to all comers.

The files carry a secret, each in its own way. Linux only, which tells us who opens files (inotify). Knows nothing of
what leads there.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from PIL import Image

from refilm.testing import make_clip

_IN_ACCESS, _IN_OPEN, _IN_NONBLOCK = 0x1, 0x20, 0o4000


class Canary:
    """A folder with `secret.mp4`, `secret.ts`, `secret.png`, `secret.txt`, and a listener; a context manager.

    secret: the bytes that each of the files contains.  reached: (method, path) of every request.
    """

    def __init__(self, folder: Path, secret: str) -> None:
        folder.mkdir()
        self.folder, self.secret = folder, secret.encode()
        self._make_files(secret)
        self.reached: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._watch = _watched(folder)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        os.close(self._watch)

    def path(self, name: str = "secret.mp4") -> str:
        """Where one of the files is."""
        return str(self.folder / name)

    def url(self, name: str = "secret.mp4") -> str:
        """Where the listener serves it."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def opened(self) -> Counter[str]:
        """How often each of the files was opened or read since the last question."""
        seen: Counter[str] = Counter()
        while True:
            try:
                events = os.read(self._watch, 65536)
            except BlockingIOError:
                return seen
            at = 0
            while at < len(events):
                (length,) = struct.unpack_from("I", events, at + 12)
                seen[events[at + 16 : at + 16 + length].rstrip(b"\0").decode()] += 1
                at += 16 + length

    def _make_files(self, secret: str) -> None:
        clip = make_clip(self.folder / "secret.mp4", seconds=2, size=(96, 64), rate=12)
        _as_stream(clip, self.folder / "secret.ts")
        make_clip(self.folder / "secret.mkv", seconds=2, size=(96, 64), rate=12)
        Image.new("RGB", (96, 64), (255, 0, 255)).save(self.folder / "secret.png")
        (self.folder / "secret.txt").write_text(secret)
        for file in self.folder.iterdir():
            if file.suffix != ".txt":
                file.write_bytes(file.read_bytes() + secret.encode())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        reached, folder = self.reached, self.folder

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                reached.append((self.command, self.path))
                content = (folder / "secret.mp4").read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - their names are the protocol's

            def log_message(self, format: str, *values: object) -> None:
                """The campaign reads `reached` instead."""

        return Handler


def _as_stream(clip: Path, stream: Path) -> None:
    """The clip as what playlists lead to most often: an MPEG transport stream."""
    with av.open(str(clip)) as source, av.open(str(stream), "w", format="mpegts") as copy:
        track = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = track
                copy.mux(packet)


def _watched(folder: Path) -> int:
    """A descriptor that tells of every file of the folder that is opened or read."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch: int = libc.inotify_init1(_IN_NONBLOCK)
    if watch < 0 or libc.inotify_add_watch(watch, str(folder).encode(), _IN_ACCESS | _IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "files cannot be watched")
    return watch
