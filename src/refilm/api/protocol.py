"""HTTP/1.1 on one connection, as uvicorn speaks it, for clients that mean harm: slow, endless, or greedy ones.

uvicorn waits for ever for a head or a body that has begun, and takes heads of any length. Here a connection notes what
it waits for and since when; `refilm.api.connections` looks at all of them from time to time. That costs a request a
microsecond, and no timers. Of uvicorn's own parts the callbacks of its parser are extended, and the state of its
request is read; `tests/unit/api/test_protocol.py` holds both to it.
"""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import Any

from pydantic_core import to_json
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from refilm.api.answers import JSON_TYPE
from refilm.api.connections import Connections

#: Longest head, and most headers, of a request. Ours have a kilobyte, and a dozen.
MAX_HEAD_BYTES, MAX_HEADERS = 65_536, 200
#: What a body may carry beside its content (sizes of chunks, trailers): so much, and so much for each byte of content.
MAX_WRAPPING_BYTES, WRAPPING_EACH = 65_536, 16
#: Requests that may lie ready on a connection while one is answered.
MAX_PIPELINED = 16
#: For how long we still listen to who was turned away: closing on a client that talks would take our answer from it.
LINGER_SECONDS = 2.0
#: What is read and dropped of one request: of an upload that was refused, all of it.
MAX_DROPPED_BYTES = 256 << 20
#: For how long a client may take nothing of an answer.
STALL_SECONDS = 60.0


def _refusal(status: int, sentence: str, *headers: str) -> bytes:
    body = to_json({"error": sentence})
    lines = [*headers, f"content-type: {JSON_TYPE}", f"content-length: {len(body)}", "connection: close", "", ""]
    return STATUS_LINE[status] + "\r\n".join(lines).encode() + body


TOO_SLOW = _refusal(408, "The request took too long to arrive.")
TOO_LONG_HEAD = _refusal(431, "The head of the request is too long, or has too many headers.")
NOT_UNDERSTOOD = _refusal(400, "The request is not understood.")
TOO_MANY_CONNECTIONS = _refusal(429, "There are too many connections from this address.", "retry-after: 5")


def is_news(record: logging.LogRecord) -> bool:
    """A filter for uvicorn's log: it writes a line for everything that is not HTTP, and strangers send what they like.

    What was turned away is counted, and told of once a minute.
    """
    return record.msg not in ("Invalid HTTP request received.", "Unsupported upgrade request.")


class Waiting(Enum):
    """What a connection waits for."""

    NOTHING = 0  # it may be idle, or wait for our answer
    HEAD = 1
    BODY = 2


class _TurnedAway(Exception):
    """Ends the parsing of what came; the answer is on its way."""


class WatchedProtocol(HttpToolsProtocol):
    """One connection. `Connections` must be passed as `watch`."""

    def __init__(self, *args: Any, watch: Connections, **more: Any) -> None:
        super().__init__(*args, **more)
        self.peer = ""
        self._watch = watch
        self._waiting = Waiting.HEAD
        self._since = 0.0
        #: Bytes that came since then, and those of them that were content.
        self._received = self._content = 0
        #: Bytes of the piece that is being parsed, as long as no request has ended in it.
        self._piece = 0
        self._serving: RequestResponseCycle | None = None
        self._turned_away = False
        self._unsent, self._unsent_since = 0, 0.0

    # what uvicorn and its parser tell us

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It is open. Its first head is due."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self._since = self._watch.clock()
        if not self._watch.enter(self):
            self._turn_away(TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._watch.leave(self)
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came. From who was turned away it is dropped."""
        self._received += len(data)
        self._piece = len(data)
        if not self._turned_away:
            super().data_received(data)
        self._check_amount()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._turn_away(NOT_UNDERSTOOD)
            raise _TurnedAway
        super().on_message_begin()
        self._await(Waiting.HEAD)
        self._received = self._piece

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if len(self.headers) > MAX_HEADERS or self._is_long_head():
            self._turn_away(TOO_LONG_HEAD)
            raise _TurnedAway
        super().on_headers_complete()
        self._await(Waiting.BODY)

    def on_body(self, body: bytes) -> None:
        """Content came."""
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        super().on_message_complete()
        self._await(Waiting.NOTHING)
        self._piece = 0

    def on_response_complete(self) -> None:
        """It is answered, perhaps before it was whole."""
        self._since = self._watch.clock()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        if not self._turned_away:
            self._watch.note("not HTTP")
            self._turn_away(NOT_UNDERSTOOD)

    # what rounds ask

    def idle_since(self) -> float | None:
        """Since when it has asked for nothing, None while it has."""
        if self._turned_away:
            return 0.0
        return None if self._waiting is Waiting.BODY or self._is_answering() else self._since

    def overdue(self, now: float, passed: float) -> str | None:
        """Turn it away, or end it, where it owes something for too long; says why."""
        if self._is_stalled(now):
            self.cut()
            return "answer not taken"
        if self._turned_away:
            if now - self._since > LINGER_SECONDS:
                self.cut()
        elif self._waiting is Waiting.HEAD and not self._is_answering():
            if now - self._since > self._watch.rules.head_seconds:
                # Browsers open connections in reserve: who has said nothing is told nothing.
                self._turn_away(TOO_SLOW if self.headers is not None else b"")
                return "slow head"
        elif self._waiting is Waiting.BODY:
            return self._overdue_body(now, passed)
        return None

    def cut(self) -> None:
        """End it at once."""
        self.transport.abort()

    # within

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # The last one that came is not always the one that is answered.
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

    def _check_amount(self) -> None:
        if self._turned_away:
            if self._received > MAX_DROPPED_BYTES:
                self.cut()
        elif self._waiting is Waiting.HEAD:
            if self._received > MAX_HEAD_BYTES:
                self._turn_away(TOO_LONG_HEAD)
        elif self._waiting is Waiting.BODY:
            if self._received > MAX_WRAPPING_BYTES + WRAPPING_EACH * self._content:
                self._turn_away(NOT_UNDERSTOOD)
            elif self._received > MAX_DROPPED_BYTES and not self._is_answering():
                self.cut()

    def _await(self, what: Waiting) -> None:
        self._waiting = what
        self._since = self._watch.clock()
        self._received = self._content = 0

    def _is_long_head(self) -> bool:
        if self._piece and self._received <= MAX_HEAD_BYTES:
            return False  # as nearly always; only where pieces and requests do not fit is it worth adding up
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD_BYTES

    def _is_answering(self) -> bool:
        return self._serving is not None and not self._serving.response_complete

    def _let_go(self) -> None:
        """Let the handler learn that its client has gone: what it says from now on is dropped."""
        if self._serving is not None and not self._serving.response_complete:
            self._serving.disconnected = True
            self._serving.message_event.set()

    def _overdue_body(self, now: float, passed: float) -> str | None:
        if not self._is_answering():
            # Answered already: what still comes is dropped, for a while.
            if now - self._since > self._watch.rules.body_seconds:
                self.cut()
                return "body after its answer"
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._since += passed  # it is us who keep the client waiting
        elif now > self._watch.rules.body_due(self._since, self._content):
            self._turn_away(TOO_SLOW)
            return "slow body"
        return None

    def _is_stalled(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        return now - self._unsent_since > STALL_SECONDS

    def _turn_away(self, answer: bytes) -> None:
        """Say `answer`, where nothing else is being said, and hear nothing more."""
        self._turned_away = True
        self._since = self._watch.clock()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if self._serving is not None and not self._serving.response_complete and self._serving.response_started:
            answer = b""
        self._let_go()
        if self.transport.is_closing():
            return
        if answer:
            self.transport.write(answer)
        self.flow.resume_reading()
        if answer and self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
