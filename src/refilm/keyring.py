"""The keys that sign links, as rows: the first one, a new one in front, and the end of an old one.

At most two live: what the older one signed works until it expires, or until that key is dropped. Knows nothing of
links.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

from refilm.assets.signing import SigningKey
from refilm.errors import NotFound
from refilm.store.base import Store
from refilm.store.sql import Transaction

#: Begins the name of every signing key; a number follows.
PREFIX = "signing-"
#: Keys that verify at the same time.
MOST_KEYS = 2
SECRET_BYTES = 32


class Keyring:
    """The signing keys of an installation, shared by all its processes."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def live(self) -> list[SigningKey]:
        """Those that there are, the oldest first; the first one is made where there is none."""
        return self._store.read(_keys) or self._store.write(self._first).result()

    def rotate(self) -> tuple[SigningKey, list[str]]:
        """Make a new key and drop all but the newest before it: (the new one, the ids of those that were dropped)."""

        def change(tx: Transaction) -> tuple[SigningKey, list[str]]:
            before = self._first(tx)
            dropped = [key.id for key in before[: 1 - MOST_KEYS]]
            for key_id in dropped:
                tx.accounts.drop_secret(key_id)
            return self._added(tx, max(map(_number, before)) + 1), dropped

        return self._store.write(change).result()

    def drop(self, key_id: str) -> None:
        """Forget a key, and with it every link that it signed. Raises NotFound, also for the only one there is."""

        def change(tx: Transaction) -> None:
            there = [key.id for key in _keys(tx)]
            if key_id not in there:
                raise NotFound(f"There is no signing key {key_id!r}; `refilm signing list` shows them.")
            if len(there) == 1:
                raise NotFound("This is the only signing key. Run `refilm signing rotate` first.")
            tx.accounts.drop_secret(key_id)

        self._store.write(change).result()

    def _first(self, tx: Transaction) -> list[SigningKey]:
        tx.lock("signing")  # two that start at once must not make two first keys
        return _keys(tx) or [self._added(tx, 1)]

    def _added(self, tx: Transaction, number: int) -> SigningKey:
        key = SigningKey(f"{PREFIX}{number}", secrets.token_bytes(SECRET_BYTES), self._now())
        tx.accounts.add_secret(key.id, key.secret, key.created_at)
        return key


def _keys(tx: Transaction) -> list[SigningKey]:
    return sorted((SigningKey(*row) for row in tx.accounts.secrets(PREFIX)), key=_number)


def _number(key: SigningKey) -> int:
    return int(key.id.removeprefix(PREFIX))
