"""Who is asking, whether their key is for this, and in which version of the contract. Reads headers.

Wrong keys are counted by where they come from; too many close the door for a while, and not for keys that work there.
How much a caller may ask for is for `refilm.api.shares` to say.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.types import Scope

from refilm.accounts import Accounts, Caller
from refilm.api.clients import Clients, neighbourhood
from refilm.api.lockout import Lockout
from refilm.api.refusals import VersionRefused
from refilm.api.shares import Shares
from refilm.audit import Audit
from refilm.domain.account import KeyScope
from refilm.errors import Forbidden, Refused, TooManyTries

_BEARER = re.compile(rb"bearer +([!-~](?:[ -~]*[!-~])?) *", re.IGNORECASE)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that lower-case name, as sent."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value
    return None


@dataclass
class Noted:
    """What a line of the audit log will say. target: the id of what was acted upon, once it is known."""

    target: str | None = None
    outcome: str = "ok"


class Gate:
    """Lets callers in by their keys, and notes what they do."""

    def __init__(
        self, accounts: Accounts, lockout: Lockout, clients: Clients, audit: Audit, shares: Shares | None = None
    ) -> None:
        self._accounts = accounts
        self._lockout = lockout
        self._clients = clients
        self._audit = audit
        self._shares = shares or Shares()

    async def caller(self, scope: Scope, needed: KeyScope) -> Caller:
        """The caller behind the bearer key. Raises Refused, Forbidden, TooManyTries, TooManyRequests."""
        secret = secret_in(scope)
        caller = self._accounts.recognise(secret) or await self._looked_up(scope, secret)
        self._shares.of_key(scope, caller.key_id, needed)
        if needed not in caller.scopes:
            self._note(scope, caller, "access", Noted(needed, "Forbidden"))
            raise Forbidden(
                f"This API key lacks the scope {needed}. Ask the operator of this server for one that has it."
            )
        return caller

    def keyless(self, scope: Scope) -> None:
        """Let a request in that needs no key. Raises TooManyRequests where too many come from its address."""
        self._shares.of_address(neighbourhood(self._clients.address(scope)))

    async def _looked_up(self, scope: Scope, secret: str) -> Caller:
        address = self._clients.address(scope)
        place = neighbourhood(address)
        left = self._lockout.seconds_left(place)
        # Behind one address there may be many clients. Those whose keys opened something before are not shut out.
        if left and not self._accounts.has_worked(secret):
            self._count(place, address)
            raise TooManyTries(left)
        try:
            return await asyncio.to_thread(self._accounts.authenticate, secret)
        except Refused:
            self._count(place, address)
            raise

    def _count(self, place: str, address: str) -> None:
        """Count a wrong key. The log gets the first of a place, the tenth, the hundredth, and so on."""
        wrong = self._lockout.count(place)
        if str(wrong).strip("0") == "1":
            self._audit.note("key.wrong", "Refused", address=address, count=wrong)
        if self._lockout.closes_with(wrong):
            self._audit.note("address.closed", "TooManyTries", address=address, count=wrong)

    @contextmanager
    def noting(self, scope: Scope, caller: Caller, event: str, target: str | None = None) -> Iterator[Noted]:
        """Note what happens in the block, whichever way it ends."""
        noted = Noted(target)
        try:
            yield noted
        except BaseException as error:
            noted.outcome = type(error).__name__
            raise
        finally:
            self._note(scope, caller, event, noted)

    def _note(self, scope: Scope, caller: Caller, event: str, noted: Noted) -> None:
        address = self._clients.address(scope)
        self._audit.note(
            event, noted.outcome, account=caller.account, key=caller.key_id, address=address, target=noted.target
        )


def secret_in(scope: Scope) -> str:
    """The bearer key of a request, as it was sent. Raises Refused where there is none."""
    value = header(scope, b"authorization")
    if value is None:
        raise Refused("No API key was sent. Send it as a header: Authorization: Bearer <key>.")
    match = _BEARER.fullmatch(value)
    if match is None:
        raise Refused("The Authorization header is not understood. Send it as: Authorization: Bearer <key>.")
    return match[1].decode("ascii")


def check_version(scope: Scope, version: str, *, required: bool) -> None:
    """Return if X-Runway-Version names `version`, or is absent where it may be. Raises VersionRefused."""
    value = header(scope, b"x-runway-version")
    if value is None and required:
        raise VersionRefused(f"The X-Runway-Version header is missing. Send X-Runway-Version: {version}.")
    if value is not None and value != version.encode():
        raise VersionRefused(f"The X-Runway-Version header is not valid. Send X-Runway-Version: {version}.")
