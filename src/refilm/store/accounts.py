"""Rows of accounts, of their keys, and of this installation's own secrets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from refilm.domain.account import Account, Key, KeyScope
from refilm.store.tables import accounts, keys, secrets


def key_of(row: sa.Row[Any]) -> Key:
    """The key in a row of the table."""
    return Key(
        id=row.id,
        account=row.account,
        name=row.name,
        hash=row.hash,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        revoked_at=_moment(row.revoked_at),
        priority=row.priority,
        scopes=frozenset(KeyScope(name) for name in row.scopes.split(",") if name),
        expires_at=_moment(row.expires_at),
        used_at=_moment(row.used_at),
    )


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


def account_of(row: sa.Row[Any]) -> Account:
    """The account in a row of the table."""
    return Account(row.id, row.name, datetime.fromtimestamp(row.created_at, UTC), row.credits, row.tier)


class AccountRows:
    """Accounts, keys and secrets within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, account: Account) -> None:
        """Add an account."""
        self._connection.execute(
            accounts.insert().values(id=account.id, name=account.name, created_at=account.created_at.timestamp())
        )

    def named(self, name: str) -> Account | None:
        """The account of that name."""
        row = self._connection.execute(sa.select(accounts).where(accounts.c.name == name)).fetchone()
        return account_of(row) if row else None

    def get(self, account_id: str) -> Account | None:
        """The account of that id."""
        row = self._connection.execute(sa.select(accounts).where(accounts.c.id == account_id)).fetchone()
        return account_of(row) if row else None

    def set_credits(self, account_id: str, credits: int | None) -> None:
        """Count an account's credits from this many on; None: do not count them."""
        self._connection.execute(accounts.update().where(accounts.c.id == account_id).values(credits=credits))

    def set_tier(self, account_id: str, tier: str | None) -> None:
        """Give an account a tier by name; None: that of those who were given none."""
        self._connection.execute(accounts.update().where(accounts.c.id == account_id).values(tier=tier))

    def reserve(self, account_id: str, credits: int) -> bool:
        """Take credits from a counted account. False, and nothing taken, where it has too few."""
        changed = self._connection.execute(
            accounts.update()
            .where(accounts.c.id == account_id, accounts.c.credits >= credits)
            .values(credits=accounts.c.credits - credits)
        )
        return bool(changed.rowcount)

    def give_back(self, account_id: str, credits: int) -> None:
        """Return credits to an account, if it is still counted."""
        if credits:
            self._connection.execute(
                accounts.update().where(accounts.c.id == account_id).values(credits=accounts.c.credits + credits)
            )

    def count(self) -> int:
        """How many accounts there are."""
        return self._connection.execute(sa.select(sa.func.count()).select_from(accounts)).scalar_one()

    def add_key(self, key: Key) -> None:
        """Add a key."""
        self._connection.execute(
            keys.insert().values(
                id=key.id,
                account=key.account,
                name=key.name,
                hash=key.hash,
                created_at=key.created_at.timestamp(),
                priority=key.priority,
                scopes=",".join(sorted(key.scopes)),
                expires_at=key.expires_at.timestamp() if key.expires_at else None,
            )
        )

    def key_hashed(self, digest: str) -> Key | None:
        """The key of that hash, revoked or not."""
        row = self._connection.execute(sa.select(keys).where(keys.c.hash == digest)).fetchone()
        return key_of(row) if row else None

    def keys(self, account_id: str | None = None) -> list[Key]:
        """Every key, or those of one account, oldest first."""
        asked = sa.select(keys).order_by(keys.c.created_at, keys.c.id)
        if account_id is not None:
            asked = asked.where(keys.c.account == account_id)
        return [key_of(row) for row in self._connection.execute(asked)]

    def keys_called(self, name_or_id: str) -> list[Key]:
        """The keys of that id or name, revoked or not, oldest first."""
        asked = sa.select(keys).where((keys.c.name == name_or_id) | (keys.c.id == name_or_id))
        return [key_of(row) for row in self._connection.execute(asked.order_by(keys.c.created_at, keys.c.id))]

    def revoke(self, key_ids: Sequence[str], at: datetime) -> int:
        """Revoke those of these keys that are not; returns how many there were."""
        return self._change_keys(key_ids, revoked_at=at.timestamp())

    def expire(self, key_ids: Sequence[str], at: datetime | None) -> int:
        """Let those of these keys that are not revoked end then; None: never. Returns how many there were."""
        return self._change_keys(key_ids, expires_at=at.timestamp() if at else None)

    def set_priority(self, key_ids: Sequence[str], priority: int) -> int:
        """Change the priority of those of these keys that are not revoked; returns how many there were."""
        return self._change_keys(key_ids, priority=priority)

    def _change_keys(self, key_ids: Sequence[str], **values: Any) -> int:
        changed = self._connection.execute(
            keys.update().where(keys.c.id.in_(key_ids), keys.c.revoked_at.is_(None)).values(**values)
        )
        return changed.rowcount

    def note_use(self, key_id: str, at: datetime, apart: timedelta) -> None:
        """Note that a key was used, unless that was noted less than `apart` ago."""
        before = (at - apart).timestamp()
        self._connection.execute(
            keys.update()
            .where(keys.c.id == key_id, keys.c.used_at.is_(None) | (keys.c.used_at <= before))
            .values(used_at=at.timestamp())
        )

    def all(self) -> list[Account]:
        """Every account, oldest first."""
        asked = sa.select(accounts).order_by(accounts.c.created_at, accounts.c.id)
        return [account_of(row) for row in self._connection.execute(asked)]

    def secret(self, name: str) -> bytes | None:
        """A secret of this installation."""
        return self._connection.execute(sa.select(secrets.c.value).where(secrets.c.name == name)).scalar_one_or_none()

    def add_secret(self, name: str, value: bytes, at: datetime) -> None:
        """Keep a secret of this installation."""
        self._connection.execute(secrets.insert().values(name=name, value=value, created_at=at.timestamp()))

    def secrets(self, prefix: str) -> list[tuple[str, bytes, datetime]]:
        """The secrets whose names begin so, with when they were made, oldest first."""
        asked = sa.select(secrets).where(secrets.c.name.startswith(prefix, autoescape=True))
        rows = self._connection.execute(asked.order_by(secrets.c.created_at, secrets.c.name))
        return [(row.name, row.value, datetime.fromtimestamp(row.created_at, UTC)) for row in rows]

    def drop_secret(self, name: str) -> bool:
        """Forget a secret; False where there is none of that name."""
        return bool(self._connection.execute(secrets.delete().where(secrets.c.name == name)).rowcount)
