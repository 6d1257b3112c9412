"""Who is asking, and in which version of the contract. Reads two headers; keeps nothing."""

from __future__ import annotations

import asyncio
import re

from starlette.types import Scope

from refilm.accounts import Accounts, Caller
from refilm.api.answers import VersionRefused
from refilm.errors import Refused

_BEARER = re.compile(rb"bearer +([!-~](?:[ -~]*[!-~])?) *", re.IGNORECASE)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name, as sent."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value
    return None


async def authenticate(scope: Scope, accounts: Accounts) -> Caller:
    """The caller behind the bearer key. Raises Refused."""
    value = header(scope, b"authorization")
    if value is None:
        raise Refused("No API key was sent. Send it as a header: Authorization: Bearer <key>.")
    match = _BEARER.fullmatch(value)
    if match is None:
        raise Refused("The Authorization header is not understood. Send it as: Authorization: Bearer <key>.")
    secret = match[1].decode("ascii")
    known = accounts.recognise(secret)
    return known if known is not None else await asyncio.to_thread(accounts.authenticate, secret)


def check_version(scope: Scope, version: str, *, required: bool) -> None:
    """Return if X-Runway-Version names `version`, or is absent where it may be. Raises VersionRefused."""
    value = header(scope, b"x-runway-version")
    if value is None and required:
        raise VersionRefused(f"The X-Runway-Version header is missing. Send X-Runway-Version: {version}.")
    if value is not None and value != version.encode():
        raise VersionRefused(f"The X-Runway-Version header is not valid. Send X-Runway-Version: {version}.")
