"""The administrator's endpoints under `/refilm/v1/admin`: keys and accounts of the whole server.

Only for keys with the scope `admin`. A secret is answered once, when its key is made. Errors are RFC 9457 problems.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from refilm.api import operations, render
from refilm.api.admin_bodies import parse_key, parse_terms
from refilm.api.answers import json_answer, problem
from refilm.api.dialect import Parts
from refilm.api.edge import Route
from refilm.domain.account import Account, Key, KeyScope
from refilm.errors import InvalidRequest, Issue, NotFound

KEYS, ACCOUNTS = "/refilm/v1/admin/keys", "/refilm/v1/admin/accounts"

#: What ids of keys and accounts look like. Anything else names nothing, and is nobody's business to log.
_ID = re.compile(r"(?:k|acc)_[0-9a-f]{1,32}", re.ASCII)
_SECRET = {"cache-control": "no-store"}


class AdminEndpoints:
    """Keys and accounts, for whoever runs the server."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._parse_terms = partial(parse_terms, tiers=parts.settings.tiers)

    def routes(self) -> list[Route]:
        """Every route of administration."""
        return [
            Route("GET", KEYS, self.list_keys, problem, operations.LIST_KEYS),
            Route("POST", KEYS, self.create_key, problem, operations.CREATE_KEY),
            Route("DELETE", KEYS + "/{key_id}", self.revoke_key, problem, operations.REVOKE_KEY),
            Route("GET", ACCOUNTS, self.list_accounts, problem, operations.LIST_ACCOUNTS),
            Route("PATCH", ACCOUNTS + "/{account_id}", self.change_account, problem, operations.CHANGE_ACCOUNT),
        ]

    async def list_keys(self, request: Request) -> Response:
        """Every key of the server, or of one account, the oldest first; no secrets."""
        await self._parts.gate.caller(request.scope, KeyScope.ADMIN)
        account_id = _account_in(request.scope["query_string"])
        found = await asyncio.to_thread(self._parts.accounts.all_keys, account_id)
        return json_answer({"keys": [described_key(key) for key in found]}, headers=_SECRET)

    async def create_key(self, request: Request) -> Response:
        """A key, and its account where that is new. The only answer that ever holds its secret."""
        caller = await self._parts.gate.caller(request.scope, KeyScope.ADMIN)
        with self._parts.gate.noting(request.scope, caller, "key.create") as noted:
            wanted = await self._parts.bodies.read(request.scope, request.receive, parse_key)
            key, secret = await asyncio.to_thread(self._parts.accounts.issue, wanted)
            noted.target = key.id
        return json_answer({**described_key(key), "secret": secret}, 201, _SECRET)

    async def revoke_key(self, request: Request) -> Response:
        """End a key: here at once, at other servers of the same database within five seconds."""
        caller = await self._parts.gate.caller(request.scope, KeyScope.ADMIN)
        key_id = _id_in(request.scope, "key_id", "Could not find Key")
        with self._parts.gate.noting(request.scope, caller, "key.revoke", key_id):
            await asyncio.to_thread(self._parts.accounts.revoke_one, key_id)
        return Response(status_code=204)

    async def list_accounts(self, request: Request) -> Response:
        """Every account of the server, the oldest first."""
        await self._parts.gate.caller(request.scope, KeyScope.ADMIN)
        found = await asyncio.to_thread(self._parts.accounts.all_accounts)
        return json_answer({"accounts": [described_account(account) for account in found]}, headers=_SECRET)

    async def change_account(self, request: Request) -> Response:
        """Change an account's tier or credits. A running server acts on it within five seconds."""
        caller = await self._parts.gate.caller(request.scope, KeyScope.ADMIN)
        account_id = _id_in(request.scope, "account_id", "Could not find Account")
        with self._parts.gate.noting(request.scope, caller, "account.change", account_id):
            terms = await self._parts.bodies.read(request.scope, request.receive, self._parse_terms)
            account = await asyncio.to_thread(self._parts.accounts.set_terms, account_id, terms)
        return json_answer(described_account(account), headers=_SECRET)


def described_key(key: Key) -> dict[str, Any]:
    """A key as an administrator sees it; null means "not" or "never"."""
    return {
        "id": key.id,
        "account": key.account,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "priority": key.priority,
        "createdAt": render.iso_time(key.created_at),
        "expiresAt": _time(key.expires_at),
        "revokedAt": _time(key.revoked_at),
        "lastUsedAt": _time(key.used_at),
    }


def described_account(account: Account) -> dict[str, Any]:
    """An account as an administrator sees it; null means "none of its own" and "not counted"."""
    return {
        "id": account.id,
        "name": account.name,
        "createdAt": render.iso_time(account.created_at),
        "tier": account.tier,
        "credits": account.credits,
    }


def _time(moment: datetime | None) -> str | None:
    return render.iso_time(moment) if moment else None


def _id_in(scope: Scope, name: str, missing: str) -> str:
    value: str = scope["path_params"][name]
    if _ID.fullmatch(value) is None:
        raise NotFound(missing)
    return value


def _account_in(query: bytes) -> str | None:
    """The account that a query names, if any. Raises InvalidRequest for a query that names something else."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=2)
    except ValueError:
        pairs = [("", "")]
    if not pairs:
        return None
    if len(pairs) > 1 or pairs[0][0] != "account" or _ID.fullmatch(pairs[0][1]) is None:
        raise InvalidRequest(
            [Issue(("query",), "custom", "The query may hold one parameter: account, an account's id.")]
        )
    return pairs[0][1]
