"""Accounts and their keys: making them, and naming the account behind a key.

A key is shown once and kept as a hash. Knows nothing of HTTP.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from refilm.domain.account import Account, Key
from refilm.errors import NotFound, Refused
from refilm.store.base import Store
from refilm.store.sql import Transaction

#: Runway's own keys are this prefix and 128 hex digits, and some clients check that form; ours keep to it.
KEY_PREFIX = "key_"
RANDOM_DIGITS = 120
CHECK_DIGITS = 8

#: How long a key's account is remembered: a revoked key works at most this long.
REMEMBER_SECONDS = 5.0
REMEMBER_AT_MOST = 10_000


@dataclass(frozen=True)
class Caller:
    """Who is asking, as of a few seconds ago. counted: whether the account's credits are counted.

    tier: the name of the account's tier, if it was given one.  priority: of the key.
    """

    account: str
    key_id: str
    counted: bool = False
    tier: str | None = None
    priority: int = 0


def new_secret() -> str:
    """A fresh key: prefix, 480 random bits, a checksum that tells a mistyped key from a wrong one."""
    body = secrets.token_hex(RANDOM_DIGITS // 2)
    return f"{KEY_PREFIX}{body}{zlib.crc32(body.encode()):0{CHECK_DIGITS}x}"


def digest_of(secret: str) -> str:
    """What is stored of a key. A plain hash suffices: the key is random, not a password."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Accounts:
    """Who may use this server."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._remembered: dict[str, tuple[float, Caller]] = {}

    def recognise(self, secret: str) -> Caller | None:
        """The caller whose key this is, if that was asked in the last seconds. Microseconds."""
        known = self._remembered.get(digest_of(secret))
        return known[1] if known is not None and time.monotonic() < known[0] else None

    def authenticate(self, secret: str) -> Caller:
        """The caller whose key this is. Raises Refused. Blocking where it is not remembered."""
        known = self.recognise(secret)
        if known is not None:
            return known
        digest = digest_of(secret)
        self._remembered.pop(digest, None)
        caller = self._store.read(lambda tx: _caller(tx, digest))
        if caller is None:
            raise Refused("The API key is not known here or was revoked.")
        if len(self._remembered) >= REMEMBER_AT_MOST:
            self._remembered.clear()
        self._remembered[digest] = (time.monotonic() + REMEMBER_SECONDS, caller)
        return caller

    def create_key(self, name: str, priority: int = 0) -> str:
        """Make a key for the account of that name, and the account where it is new. Returns the secret, once."""
        secret = new_secret()
        self.add_key(name, secret, priority)
        return secret

    def add_key(self, name: str, secret: str, priority: int = 0) -> None:
        """Let `secret` speak for the account of that name, which is made where it is new."""

        def change(tx: Transaction) -> None:
            account = tx.accounts.named(name)
            if account is None:
                account = Account(f"acc_{uuid.uuid4().hex}", name, self._now())
                tx.accounts.add(account)
            key = Key(f"k_{uuid.uuid4().hex[:12]}", account.id, name, digest_of(secret), self._now(), priority=priority)
            tx.accounts.add_key(key)

        self._store.write(change).result()

    def all_keys(self) -> list[Key]:
        """Every key, oldest first."""
        return self._store.read(lambda tx: tx.accounts.keys())

    def revoke(self, name_or_id: str) -> int:
        """Revoke the live keys of that name or id; returns how many there were."""
        return self._store.write(lambda tx: tx.accounts.revoke(name_or_id, self._now())).result()

    def set_priority(self, name_or_id: str, priority: int) -> int:
        """Change the priority of the live keys of that name or id, for tasks to come; returns how many there were."""
        return self._store.write(lambda tx: tx.accounts.set_priority(name_or_id, priority)).result()

    def set_tier(self, name: str, tier: str | None) -> None:
        """Give the account of that name a tier; None: that of those who were given none. Raises NotFound."""

        def change(tx: Transaction) -> None:
            tx.accounts.set_tier(_named(tx, name).id, tier)

        self._store.write(change).result()

    def tier(self, name: str) -> str | None:
        """The tier that the account of that name was given, if any. Raises NotFound."""
        return self._store.read(lambda tx: _named(tx, name)).tier

    def set_credits(self, name: str, credits: int | None) -> None:
        """Count the credits of the account of that name from this many on; None: stop counting. Raises NotFound."""

        def change(tx: Transaction) -> None:
            tx.accounts.set_credits(_named(tx, name).id, credits)

        self._store.write(change).result()

    def credits(self, name: str) -> int | None:
        """What the account of that name has left to spend; None where it is not counted. Raises NotFound."""
        return self._store.read(lambda tx: _named(tx, name)).credits

    def is_empty(self) -> bool:
        """Whether nobody has an account yet."""
        return self._store.read(lambda tx: tx.accounts.count()) == 0


def _caller(tx: Transaction, digest: str) -> Caller | None:
    """Whose live key has that hash."""
    key = tx.accounts.key_hashed(digest)
    if key is None or key.revoked_at is not None:
        return None
    account = tx.accounts.get(key.account)
    if account is None:
        return None
    return Caller(account.id, key.id, account.credits is not None, account.tier, key.priority)


def _named(tx: Transaction, name: str) -> Account:
    account = tx.accounts.named(name)
    if account is None:
        raise NotFound(f"There is no account named {name!r}; `refilm keys list` shows them.")
    return account
