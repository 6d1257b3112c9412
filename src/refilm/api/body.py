"""Reads a JSON body from the wire: bounded, UTF-8, without duplicate keys. Knows nothing of what it should contain.

Memory: the body, and three times the body while it is parsed: what is long in it is text, because values and depth are
bounded too. Large bodies are parsed in threads, a few at a time, so that the event loop goes on.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Never, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from refilm.api.auth import header
from refilm.api.refusals import BodyTooLarge, EncodedBody
from refilm.api.settings import ApiSettings
from refilm.api.shares import at_the_end_of
from refilm.domain.redaction import without_secrets
from refilm.errors import InvalidRequest, Issue, Unavailable

T = TypeVar("T")

#: How deep objects and arrays may lie in each other. Ours need four.
MAX_DEPTH = 32
#: How many signs may part the values of a body, those within texts included. Each empty array of a body costs 60 bytes
#: of memory for three on the wire; ours have a few hundred values at most.
MAX_SIGNS = 20_000


class JsonBodies:
    """Reads and parses JSON bodies within the limits of the settings."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._large = asyncio.Semaphore(settings.large_bodies)
        self._held = 0

    async def read(self, scope: Scope, receive: Receive, parse: Callable[[Any], T]) -> T:
        """`parse` of the body. Raises InvalidRequest, EncodedBody, BodyTooLarge, Unavailable, ClientDisconnect, or what
        `parse` raises.
        """
        check_json_type(scope)
        limit = self._settings.max_body_bytes
        length = declared_length(scope)
        if length is not None and length > limit:
            raise too_large(limit)
        raw = await self._collect(scope, receive, limit if length is None else length)
        if len(raw) <= self._settings.large_body_bytes:
            return parse(decode(raw))
        # Only the parsing waits its turn: a client that sends slowly must not hold up the others.
        async with self._large:
            return await asyncio.to_thread(lambda: parse(decode(raw)))

    async def _collect(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        """The whole body. A large one counts, until its request ends, among those that fit into memory together."""
        pieces: list[bytes] = []
        size = 0
        async for piece in chunks(receive, limit):
            pieces.append(piece)
            size += len(piece)
            if size > self._settings.large_body_bytes:
                self._hold(scope, len(piece))
        return b"".join(pieces)

    def _hold(self, scope: Scope, size: int) -> None:
        if self._held + size > self._settings.max_bodies_bytes:
            raise Unavailable(
                "Too many large bodies are being read. Send it again, or upload files and send their URIs."
            )

        def give_back() -> None:
            self._held -= size

        self._held += size
        at_the_end_of(scope, give_back)


def check_json_type(scope: Scope) -> None:
    """Return if the request says that its body is plain JSON in UTF-8. Raises InvalidRequest."""
    value = (header(scope, b"content-type") or b"").lower()
    if value != b"application/json":
        media_type, _, parameters = value.partition(b";")
        charset = parameters.strip().replace(b'"', b"")
        if media_type.strip() != b"application/json" or charset not in (b"", b"charset=utf-8", b"charset=utf8"):
            refuse("The body must be JSON in UTF-8, sent with the header Content-Type: application/json.")
    check_unencoded(scope)


def check_unencoded(scope: Scope) -> None:
    """Return if the body comes as it is. Raises EncodedBody: nothing is decompressed here, so that nothing explodes."""
    if (header(scope, b"content-encoding") or b"identity").strip().lower() != b"identity":
        raise EncodedBody("The body must be sent as it is, without a Content-Encoding.")
    if (header(scope, b"transfer-encoding") or b"chunked").strip().lower() != b"chunked":
        raise EncodedBody("The body must be sent as it is, without a Transfer-Encoding but chunked.")


def declared_length(scope: Scope) -> int | None:
    """The Content-Length, or None where the body comes in chunks. Raises InvalidRequest."""
    value = header(scope, b"content-length")
    if value is None:
        return None
    if not value.isdigit() or len(value) > 18:
        refuse("The Content-Length header is not a number.")
    return int(value)


def too_large(limit: int) -> BodyTooLarge:
    """The refusal of a body beyond `limit` bytes."""
    return BodyTooLarge(f"The request body is larger than {limit} bytes. Upload large files and send a runway:// URI.")


async def chunks(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises BodyTooLarge beyond `limit` bytes, ClientDisconnect."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        if chunk:
            yield chunk


def refuse(message: str) -> Never:
    """Refuse the body as a whole."""
    raise InvalidRequest([Issue((), "custom", message)])


def decode(raw: bytes) -> Any:
    """The JSON value in `raw`. Raises InvalidRequest."""
    if sum(map(raw.count, (b",", b":", b"[", b"{"))) > MAX_SIGNS:
        refuse("The body has too many values.")
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
        )
        _check_depth(value)
        if b"\\u" in raw:
            _check_text(value)
    except UnicodeDecodeError:
        refuse("The body is not valid UTF-8.")
    except json.JSONDecodeError as error:
        refuse(f"The body is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}.")
    except RecursionError:
        refuse("The body is nested too deeply.")
    except ValueError:  # Python refuses integers of thousands of digits
        refuse("The body is not valid JSON: a number in it is too long.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without duplicate keys: which of two values counts is a matter of taste, so neither does."""
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        refuse(f"The key {json.dumps(without_secrets(twice[:200]))} appears twice in one object.")
    return value


def _no_constant(name: str) -> Never:
    refuse(f"The body is not valid JSON: {name} is not a JSON value.")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        refuse("The body is not valid JSON: a number in it is too large.")
    return number


def _check_depth(value: Any) -> None:
    """Refuse objects and arrays that lie in more than MAX_DEPTH - 1 others."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [item for outer in level for item in _items(outer)]
        if not level:
            return
    if any(isinstance(item, (dict, list)) for item in level):
        refuse("The body is nested too deeply.")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_text(value: Any) -> None:
    """Refuse texts that JSON can spell and no store can keep: half a surrogate pair, and the null character."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode("utf-8")
    except UnicodeEncodeError:
        refuse("The body contains half of a surrogate pair, which is not a character.")
    if "\\u0000" in text and _has_null(value):
        refuse("The body contains the null character U+0000.")


def _has_null(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _has_null(member) for key, member in value.items())
    return isinstance(value, list) and any(_has_null(item) for item in value)
