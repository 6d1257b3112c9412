"""Connections over real sockets: whoever is slow, endless or greedy is told so and cut, and nobody else."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from ipaddress import ip_network
from typing import Any, cast

import pytest
import uvicorn
import uvloop
from structlog.testing import capture_logs

from refilm.api import protocol
from refilm.api.connections import ConnectionRules, Connections
from refilm.api.protocol import WatchedProtocol, is_news
from refilm.cli.serve import FILES_BESIDE, allow_files, listen

#: For tests that are not about time: nothing is late within them.
PATIENT = ConnectionRules(head_seconds=60, body_seconds=60)
#: For tests that are: what is late is cut within a moment.
QUICK = ConnectionRules(head_seconds=0.2, body_seconds=0.2, body_rate=1_000_000)
#: How long a test waits for what must come.
PATIENCE = 20.0


class App:
    """An application that answers with the length of the body, or as its path says."""

    def __init__(self) -> None:
        self.hung_up = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        size = 0
        if scope["path"] not in ("/refused", "/endless"):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.hung_up.set()
                    return
                size += len(message["body"])
                if scope["path"] == "/busy":
                    await asyncio.sleep(0.1)
                if not message["more_body"]:
                    break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while scope["path"] == "/endless" and not self.hung_up.is_set():
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": str(size).encode()})


class Served:
    """A server in a thread of its own."""

    def __init__(self, rules: ConnectionRules, idle_seconds: int = 60) -> None:
        self.app = App()
        self.connections = Connections(rules)
        self.port = 0
        self._listening = listen("127.0.0.1", 0)
        self.port = self._listening.getsockname()[1]
        protocol_class = cast("type[WatchedProtocol]", partial(WatchedProtocol, watch=self.connections))
        self._server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                http=protocol_class,
                ws="none",
                lifespan="off",
                log_config=None,
                timeout_keep_alive=idle_seconds,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(lambda: self._server.started)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._server.serve([self._listening]))

    def close(self) -> None:
        """End it."""
        self.app.hung_up.set()
        self._server.should_exit = True
        self._thread.join(PATIENCE)

    def call(self, source: str = "127.0.0.1") -> socket.socket:
        """A connection from that address."""
        made = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (source, 0))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def told(self, *pieces: bytes, source: str = "127.0.0.1") -> bytes:
        """All that comes back for these bytes until the server closes."""
        with self.call(source) as line:
            for piece in pieces:
                line.sendall(piece)
            return rest_of(line)


def rest_of(line: socket.socket) -> bytes:
    """Everything until the other side closes; b"reset" at its end where it did so with a bang."""
    told = b""
    try:
        while piece := line.recv(65_536):
            told += piece
    except ConnectionResetError:
        told += b"reset"
    return told


def answer_of(line: socket.socket) -> bytes:
    """The next answer on a connection that stays open."""
    told = b""
    while b"\r\n0\r\n\r\n" not in told:
        piece = line.recv(65_536)
        if not piece:
            break
        told += piece
    return told


def head(method: str = "GET", path: str = "/", *headers: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


@pytest.fixture
def serve() -> Iterator[Any]:
    """serve(rules) starts a server."""
    started: list[Served] = []

    def make(rules: ConnectionRules, **more: Any) -> Served:
        started.append(Served(rules, **more))
        return started[-1]

    logging.getLogger("uvicorn.error").addFilter(is_news)
    yield make
    for server in started:
        server.close()
    logging.getLogger("uvicorn.error").removeFilter(is_news)


def drip(line: socket.socket, piece: bytes) -> bytes:
    """Send so much again and again until the server has had enough; what it said."""
    line.settimeout(0.02)
    give_up = time.monotonic() + PATIENCE
    told = b""
    while time.monotonic() < give_up:
        try:
            line.sendall(piece)
            piece_told = line.recv(65_536)
            if not piece_told:
                return told
            told += piece_told
        except TimeoutError:
            continue
        except OSError:
            return told
    raise AssertionError("the server waits for ever")


def test_a_head_that_comes_byte_by_byte_is_late(serve):
    """Each byte keeps an ordinary server waiting; here the whole head has its time. 408, and the end."""
    with serve(QUICK).call() as line:
        line.sendall(b"GET / HTTP/1.1\r\nX: ")

        told = drip(line, b"a")

    assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close\r\n" in told
    assert told.endswith(b'{"error":"The request took too long to arrive."}')


@pytest.mark.parametrize("said", [b"", b"\r\n"])
def test_who_says_nothing_is_told_nothing(serve, said: bytes):
    """Browsers open connections in reserve; an answer to nothing would be taken for the answer to what comes next."""
    assert serve(QUICK).told(said) == b""


@pytest.mark.parametrize("sent", [["Content-Length: 1000000"], ["Transfer-Encoding: chunked"]])
def test_a_body_that_comes_byte_by_byte_is_late(serve, sent: Sequence[str]):
    """With a declared length or in chunks: 408, the end, and the handler learns that nobody is there any more."""
    server = serve(QUICK)
    with server.call() as line:
        line.sendall(head("POST", "/", *sent))

        told = drip(line, b"1\r\na\r\n" if "chunked" in sent[0] else b"a")

    assert told.startswith(b"HTTP/1.1 408 ")
    assert server.app.hung_up.wait(PATIENCE)


def test_a_body_that_keeps_its_pace_may_take_long(serve):
    """Each piece buys time: what is slow and honest arrives, far beyond the first seconds."""
    server = serve(ConnectionRules(head_seconds=0.2, body_seconds=0.2, body_rate=2_000))
    with server.call() as line:
        line.sendall(head("POST", "/", "Content-Length: 60000"))
        for _ in range(12):
            time.sleep(0.1)
            line.sendall(b"a" * 5000)

        assert b"60000" in answer_of(line)


def test_a_server_that_is_busy_blames_nobody(serve):
    """While it does not read, the client cannot send; and it waits for our word where it asked for it."""
    server = serve(ConnectionRules(head_seconds=0.2, body_seconds=0.5, body_rate=1e9))
    with server.call() as line:
        line.sendall(head("POST", "/busy", "Content-Length: 2000000", "Expect: 100-continue"))
        line.sendall(b"a" * 2_000_000)

        assert b"2000000" in answer_of(line)


def test_who_waits_for_an_answer_is_not_late(serve):
    """The deadlines are for what the client owes."""
    server = serve(QUICK)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(1)
        await App.__call__(server.app, scope, receive, send)

    server._server.config.loaded_app = slow
    with server.call() as line:
        line.sendall(head())

        assert answer_of(line).startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_is_closed_and_a_used_one_is_not(serve):
    """Between two requests there is a time of its own, which a request begins anew."""
    server = serve(PATIENT, idle_seconds=1)
    with server.call() as line:
        for _ in range(2):
            time.sleep(0.6)
            line.sendall(head())
            assert answer_of(line).startswith(b"HTTP/1.1 200 ")

        assert rest_of(line) == b""


@pytest.mark.parametrize(
    "sent",
    [
        [b"GET / HTTP/1.1\r\n", b"X: " + b"a" * 70_000, b"a" * 70_000],
        [b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"],
        [b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 1000 + b"\r\n"],
    ],
)
def test_an_endless_head_is_cut(serve, sent: Sequence[bytes]):
    """One long header, many short ones, a long path: 431, whichever way they come."""
    assert serve(PATIENT).told(*sent).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "wrapping",
    [b"0\r\nX: " + b"y" * 400_000, b"1;" + b"y" * 400_000, b"0\r\n" + b"a:b\r\n" * 60_000],
    ids=["a trailer", "an extension", "many trailers"],
)
def test_a_body_has_little_beside_its_content(serve, wrapping: bytes):
    """Trailers and extensions of chunks have no end by themselves, and would be kept or read for ever."""
    told = serve(PATIENT).told(head("POST", "/", "Transfer-Encoding: chunked"), wrapping)

    assert told.startswith(b"HTTP/1.1 400 ") or told == b"reset"


def test_small_chunks_are_fine(serve):
    """A body in chunks of one byte is content enough."""
    with serve(PATIENT).call() as line:
        line.sendall(head("POST", "/", "Transfer-Encoding: chunked") + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n")

        assert b"50000" in answer_of(line)


def test_requests_that_pile_up_are_cut(serve):
    """A few may lie ready; a client that sends ten thousand before it reads the first answer has them not kept."""
    server = serve(PATIENT)
    with server.call() as line:
        line.sendall(head() * 10)
        told = b""
        while told.count(b"\r\n0\r\n\r\n") < 10:
            told += line.recv(65_536)
    assert told.count(b"HTTP/1.1 200 ") == 10

    with server.call() as line:
        try:
            line.sendall(head() * 10_000)
        except OSError:
            return
        assert rest_of(line).count(b"HTTP/1.1 200 ") < 100


def test_a_body_after_its_refusal_is_dropped_and_then_cut(serve):
    """The client may read the answer first; what it goes on sending is not kept, and not listened to for ever."""
    server = serve(QUICK)
    with server.call() as line:
        line.sendall(head("POST", "/refused", "Transfer-Encoding: chunked"))
        assert answer_of(line).startswith(b"HTTP/1.1 200 ")

        drip(line, b"1\r\na\r\n")


def test_so_much_is_dropped_and_no_more(serve, monkeypatch: pytest.MonkeyPatch):
    """Who sends as fast as it can is cut by amount before it is by time."""
    monkeypatch.setattr(protocol, "MAX_DROPPED_BYTES", 1_000_000)
    with serve(PATIENT).call() as line:
        line.sendall(head("POST", "/refused", "Content-Length: 900000000"))

        drip(line, b"a" * 100_000)


def test_who_takes_no_answer_is_cut(serve, monkeypatch: pytest.MonkeyPatch):
    """An answer that nobody reads holds a file and a connection only so long."""
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.2)
    server = serve(QUICK)
    with server.call() as line:
        line.sendall(head("GET", "/endless"))

        wait_until(lambda: not server.connections._open)
        assert line.recv(10)


def test_an_address_has_so_many_connections(serve):
    """The third is told 429 without being asked what it wants; another address, and a trusted proxy, are let in."""
    rules = ConnectionRules(most_of_address=2, trusted_proxies=(ip_network("127.0.0.3/32"),))
    server = serve(rules)
    with server.call() as first, server.call():
        told = server.told(head())
        assert told.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 5\r\n" in told

        for source in ("127.0.0.2", *["127.0.0.3"] * 5):
            with server.call(source) as line:
                line.sendall(head())
                assert answer_of(line).startswith(b"HTTP/1.1 200 ")
        first.sendall(head())
        assert answer_of(first).startswith(b"HTTP/1.1 200 ")

    wait_until(lambda: not server.connections._of_place)
    with server.call() as line:
        line.sendall(head())
        assert answer_of(line).startswith(b"HTTP/1.1 200 ")


def test_idle_connections_make_room(serve):
    """With all places taken by clients that say nothing, whoever comes with a request is served."""
    server = serve(ConnectionRules(most=3, most_of_address=0, head_seconds=60))
    idle = [server.call() for _ in range(3)]
    for _ in range(5):
        with server.call() as line:
            line.sendall(head())
            assert answer_of(line).startswith(b"HTTP/1.1 200 ")

    assert rest_of(idle[0]) in (b"", b"reset")
    for line in idle:
        line.close()


def test_what_is_no_http_is_not_a_line_of_log_each(serve, caplog: pytest.LogCaptureFixture):
    """It is answered with 400, and counted."""
    server = serve(PATIENT)
    with capture_logs(), caplog.at_level(logging.INFO):
        told = [server.told(b"\x16\x03\x01 no HTTP\r\n\r\n") for _ in range(3)]

    assert all(answer.startswith(b"HTTP/1.1 400 ") for answer in told)
    assert "Invalid HTTP" not in caplog.text


def wait_until(holds: Any) -> None:
    """Until it holds."""
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.mark.parametrize("limits", [(256, 4096), (256, 1_000_000), (1_000_000, 1_000_000)])
def test_there_are_files_for_all_connections(limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch):
    """The limit is raised to what is needed, as far as the system lets us, and never lowered."""
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda which, wanted: given.append(wanted))

    allow_files(4096)

    wanted = min(limits[1], 4096 + FILES_BESIDE)
    assert given == ([] if limits[0] > wanted else [(wanted, limits[1])])
