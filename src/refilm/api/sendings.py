"""Reads off a create how it may be known again: Idempotency-Key, an SDK's count of tries, the body's fingerprint."""

from __future__ import annotations

import hashlib
import re

from starlette.types import Message, Receive, Scope

from refilm.api.auth import header
from refilm.domain.sending import MAX_NAME, MOST_TRIES
from refilm.errors import InvalidRequest, Issue

_NAME = re.compile(rb"[ -~]{1,%d}" % MAX_NAME)


class Fingerprinted:
    """A body on its way in, and the SHA-256 of what came through."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._digest = hashlib.sha256()

    async def __call__(self) -> Message:
        """The next message of the body."""
        message = await self._receive()
        self._digest.update(message.get("body", b""))
        return message

    @property
    def fingerprint(self) -> str:
        """Of the bytes so far, as hex."""
        return self._digest.hexdigest()


def name_of(scope: Scope) -> str | None:
    """The request's Idempotency-Key, None where it has none. Raises InvalidRequest."""
    value = header(scope, b"idempotency-key")
    if value is None:
        return None
    if _NAME.fullmatch(value) is None:
        told = f"The Idempotency-Key must be 1 to {MAX_NAME} visible ASCII characters."
        raise InvalidRequest([Issue(("Idempotency-Key",), "custom", told)])
    return value.decode("ascii")


def tries_of(scope: Scope) -> int | None:
    """Which try of an SDK the request says it is, 0 for the first. None where it does not say, or nothing sensible."""
    value = header(scope, b"x-stainless-retry-count")
    if value is None or not value.isdigit() or len(value) > 3:
        return None
    tries = int(value)
    return tries if tries <= MOST_TRIES else None
