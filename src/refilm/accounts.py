"""Accounts and their keys: making them, and naming the account behind a key.

A key is shown once and kept as a hash. Knows nothing of HTTP.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import time
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from refilm.domain.account import USUAL_SCOPES, Account, Key, KeyScope, NewKey
from refilm.errors import InvalidRequest, Issue, NotFound, Refused, Unavailable
from refilm.store.base import Store
from refilm.store.sql import Transaction

#: Runway's own keys are this prefix and 128 hex digits, and some clients check that form; ours keep to it. Scanners
#: that look for leaked secrets know it.
KEY_PREFIX = "key_"
RANDOM_DIGITS = 120
CHECK_DIGITS = 8
_FORM = re.compile(rf"{KEY_PREFIX}([0-9a-f]{{{RANDOM_DIGITS}}})([0-9a-f]{{{CHECK_DIGITS}}})", re.ASCII)

#: How long a key's account is remembered: a revoked key works at most this long.
REMEMBER_SECONDS = 5.0
REMEMBER_AT_MOST = 10_000

#: How far apart the moments are at which a key's use is noted.
USE_NOTED = timedelta(minutes=1)


@dataclass(frozen=True)
class Caller:
    """Who is asking, as of a few seconds ago. counted: whether the account's credits are counted.

    tier: the name of the account's tier, if it was given one.  priority, scopes: of the key.
    """

    account: str
    key_id: str
    counted: bool = False
    tier: str | None = None
    priority: int = 0
    scopes: frozenset[KeyScope] = USUAL_SCOPES


def new_secret() -> str:
    """A fresh key: prefix, 480 random bits, a checksum that tells a mistyped key from a wrong one."""
    body = secrets.token_hex(RANDOM_DIGITS // 2)
    return KEY_PREFIX + body + checksum(body)


def checksum(body: str) -> str:
    """The last digits of a key, for the random ones."""
    return f"{zlib.crc32(body.encode()):0{CHECK_DIGITS}x}"


def is_mistyped(secret: str) -> bool:
    """Whether this begins like a key of ours and cannot be one: a digit is wrong or missing."""
    if not secret.startswith(KEY_PREFIX):
        return False
    form = _FORM.fullmatch(secret)
    return form is None or checksum(form[1]) != form[2]


def digest_of(secret: str) -> str:
    """What is stored of a key. A plain hash suffices: the key is random, not a password."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Accounts:
    """Who may use this server."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._remembered: dict[str, tuple[float, Caller]] = {}

    # who is asking

    def recognise(self, secret: str) -> Caller | None:
        """The caller whose key this is, if that was asked in the last seconds. Microseconds."""
        known = self._remembered.get(digest_of(secret))
        return known[1] if known is not None and time.monotonic() < known[0] else None

    def has_worked(self, secret: str) -> bool:
        """Whether this key opened anything here before, as far as that is remembered. Microseconds."""
        return digest_of(secret) in self._remembered

    def authenticate(self, secret: str) -> Caller:
        """The caller whose key this is. Raises Refused. Blocking where it is not remembered."""
        known = self.recognise(secret)
        if known is not None:
            return known
        if is_mistyped(secret):
            raise Refused("The API key is mistyped or cut off: its last digits do not fit the others.")
        digest = digest_of(secret)
        self._remembered.pop(digest, None)
        now = self._now()
        found = self._store.read(lambda tx: _owner(tx, digest, now))
        if found is None:
            raise Refused("The API key is not known here, was revoked or has expired.")
        key, account = found
        if key.used_at is None or now - key.used_at >= USE_NOTED:
            # Nobody waits for it: it shares the next commit, and where it is lost the next use is noted.
            with contextlib.suppress(Unavailable):
                self._store.write(lambda tx: tx.accounts.note_use(key.id, now, USE_NOTED))
        caller = Caller(account.id, key.id, account.credits is not None, account.tier, key.priority, key.scopes)
        self._remember(digest, caller, key.expires_at - now if key.expires_at else None)
        return caller

    def _remember(self, digest: str, caller: Caller, left: timedelta | None) -> None:
        if len(self._remembered) >= REMEMBER_AT_MOST:
            self._remembered.clear()
        seconds = REMEMBER_SECONDS if left is None else min(REMEMBER_SECONDS, left.total_seconds())
        self._remembered[digest] = (time.monotonic() + seconds, caller)

    def _forget(self, keys: Sequence[Key]) -> None:
        """Look these keys up again when they come: here they need not work for seconds more."""
        ids = {key.id for key in keys}
        for digest, (_, caller) in list(self._remembered.items()):
            if caller.key_id in ids:
                self._remembered.pop(digest, None)

    # keys

    def create_key(self, name: str, priority: int = 0) -> str:
        """Make a key for the account of that name, and the account where it is new. Returns the secret, once."""
        return self.issue(NewKey(name, priority=priority))[1]

    def issue(self, wanted: NewKey) -> tuple[Key, str]:
        """Make a key, and its account where that is new: (the key, its secret, which nobody can be told again).

        Raises InvalidRequest for a key that could do nothing.
        """
        secret = new_secret()
        return self._add(wanted, secret), secret

    def add_key(self, name: str, secret: str, priority: int = 0) -> None:
        """Let `secret` speak for the account of that name, which is made where it is new.

        Raises ValueError for one that would count as mistyped.
        """
        if is_mistyped(secret):
            raise ValueError(f"A key that begins with {KEY_PREFIX} must have the form of new_secret.")
        self._add(NewKey(name, priority=priority), secret)

    def _add(self, wanted: NewKey, secret: str) -> Key:
        now = self._now()
        self._check(wanted, now)

        def change(tx: Transaction) -> Key:
            account = tx.accounts.named(wanted.account)
            if account is None:
                account = Account(f"acc_{uuid.uuid4().hex}", wanted.account, now)
                tx.accounts.add(account)
            key = Key(
                id=f"k_{uuid.uuid4().hex[:12]}",
                account=account.id,
                name=wanted.name or wanted.account,
                hash=digest_of(secret),
                created_at=now,
                priority=wanted.priority,
                scopes=wanted.scopes,
                expires_at=wanted.expires_at,
            )
            tx.accounts.add_key(key)
            return key

        return self._store.write(change).result()

    def _check(self, wanted: NewKey, now: datetime) -> None:
        if not wanted.scopes:
            raise InvalidRequest([Issue(("scopes",), "custom", "A key needs at least one scope.")])
        if wanted.expires_at is not None and wanted.expires_at <= now:
            raise InvalidRequest([Issue(("expiresAt",), "custom", "A key must expire in the future.")])

    def all_keys(self, account_id: str | None = None) -> list[Key]:
        """Every key, or those of one account, oldest first."""
        return self._store.read(lambda tx: tx.accounts.keys(account_id))

    def all_accounts(self) -> list[Account]:
        """Every account, oldest first."""
        return self._store.read(lambda tx: tx.accounts.all())

    def revoke(self, name_or_id: str) -> list[Key]:
        """Revoke the keys that are meant (see `_meant`); returns them as they were."""

        def change(tx: Transaction) -> list[Key]:
            meant = _meant(tx, name_or_id)
            tx.accounts.revoke([key.id for key in meant], self._now())
            return meant

        revoked = self._store.write(change).result()
        self._forget(revoked)
        return revoked

    def revoke_one(self, key_id: str) -> Key:
        """Revoke the key of that id. Raises NotFound where there is none that is not revoked."""

        def change(tx: Transaction) -> Key:
            for key in tx.accounts.keys_called(key_id):
                if key.id == key_id and tx.accounts.revoke([key.id], self._now()):
                    return key
            raise NotFound("Could not find Key")

        revoked = self._store.write(change).result()
        self._forget([revoked])
        return revoked

    def expire(self, name_or_id: str, at: datetime | None) -> list[Key]:
        """Let the keys that are meant (see `_meant`) end then; None: never. Returns them as they were."""

        def change(tx: Transaction) -> list[Key]:
            meant = _meant(tx, name_or_id)
            tx.accounts.expire([key.id for key in meant], at)
            return meant

        changed = self._store.write(change).result()
        self._forget(changed)
        return changed

    def set_priority(self, name_or_id: str, priority: int) -> list[Key]:
        """Change the priority of the keys that are meant, for tasks to come; returns them as they were."""

        def change(tx: Transaction) -> list[Key]:
            meant = _meant(tx, name_or_id)
            tx.accounts.set_priority([key.id for key in meant], priority)
            return meant

        return self._store.write(change).result()

    # accounts

    def set_terms(self, account_id: str, terms: Mapping[str, Any]) -> Account:
        """Change the tier, the credits or both of the account of that id; returns it as it is then.

        terms: "tier" to a name or None, "credits" to a count or None.  Raises NotFound.
        """

        def change(tx: Transaction) -> Account:
            if tx.accounts.get(account_id) is None:
                raise NotFound("Could not find Account")
            if "tier" in terms:
                tx.accounts.set_tier(account_id, terms["tier"])
            if "credits" in terms:
                tx.accounts.set_credits(account_id, terms["credits"])
            account = tx.accounts.get(account_id)
            assert account is not None
            return account

        return self._store.write(change).result()

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


def _owner(tx: Transaction, digest: str, now: datetime) -> tuple[Key, Account] | None:
    """The live key of that hash, and its account."""
    key = tx.accounts.key_hashed(digest)
    # The index may tell by its time how much of a hash fits. That helps nobody: what fits is the hash of a guess, and
    # no guess can be steered towards a hash. The comparison that decides takes the same time for all.
    if key is None or not hmac.compare_digest(key.hash, digest) or not key.is_live(now):
        return None
    account = tx.accounts.get(key.account)
    return None if account is None else (key, account)


def _meant(tx: Transaction, name_or_id: str) -> list[Key]:
    """The keys, not revoked, of that id, else of the account of that name, else of that name.

    Raises InvalidRequest where a name means keys of several accounts.
    """
    called = [key for key in tx.accounts.keys_called(name_or_id) if key.revoked_at is None]
    by_id = [key for key in called if key.id == name_or_id]
    if by_id:
        return by_id
    account = tx.accounts.named(name_or_id)
    if account is not None:
        return [key for key in tx.accounts.keys(account.id) if key.revoked_at is None]
    if len({key.account for key in called}) > 1:
        told = f"{name_or_id!r} names keys of several accounts; give the id that `refilm keys list` shows."
        raise InvalidRequest([Issue(("name",), "custom", told)])
    return called


def _named(tx: Transaction, name: str) -> Account:
    account = tx.accounts.named(name)
    if account is None:
        raise NotFound(f"There is no account named {name!r}; `refilm keys list` shows them.")
    return account
