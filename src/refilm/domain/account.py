"""Who pays and owns: accounts and the keys that speak for them. Plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class KeyScope(StrEnum):
    """One kind of thing that a key may do.

    READ: see the account's tasks and standing.  CREATE: make, cancel and delete tasks, and upload.  ADMIN: manage the
    keys and accounts of the whole server. None of them holds another.
    """

    READ = "read"
    CREATE = "create"
    ADMIN = "admin"


#: What a key may do unless something else is said, and what every key might do before there were scopes.
USUAL_SCOPES = frozenset({KeyScope.READ, KeyScope.CREATE})


@dataclass(frozen=True)
class Tier:
    """How much an account may do with each model, None: no cap.

    concurrent: tasks at work at the same time, what is over it waits.  daily: tasks taken in 24 hours.
    """

    concurrent: int | None = None
    daily: int | None = None


@dataclass(frozen=True)
class Account:
    """Who owns tasks and uploads. credits: what is left to spend; None where they are not counted.

    tier: the name of the tier that it was given, if any.
    """

    id: str
    name: str
    created_at: datetime
    credits: int | None = None
    tier: str | None = None


@dataclass(frozen=True)
class Key:
    """A secret of an account, known by its hash alone. priority: of the tasks made with it, the higher first.

    name: what its owner calls it.  used_at: when it was last seen, to about a minute; None: never.
    """

    id: str
    account: str
    name: str
    hash: str
    created_at: datetime
    revoked_at: datetime | None = None
    priority: int = 0
    scopes: frozenset[KeyScope] = USUAL_SCOPES
    expires_at: datetime | None = None
    used_at: datetime | None = None

    def is_live(self, at: datetime) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True)
class NewKey:
    """What a key that is to be made shall be. account: its name.  name: None: the account's.

    expires_at: None: never.
    """

    account: str
    name: str | None = None
    scopes: frozenset[KeyScope] = USUAL_SCOPES
    expires_at: datetime | None = None
    priority: int = 0


@dataclass(frozen=True)
class ModelUse:
    """What an account did with one model in 24 hours. max_concurrent, max_daily: None means no cap."""

    daily_generations: int
    max_concurrent: int | None
    max_daily: int | None = None


@dataclass(frozen=True)
class Organization:
    """An account's standing: credits left (None: not counted) and its use of each model in the last 24 hours."""

    credit_balance: int | None
    models: dict[str, ModelUse]


@dataclass(frozen=True)
class UsedCredits:
    """Credits that one model cost on one day."""

    day: date
    model: str
    credits: int


@dataclass(frozen=True)
class Usage:
    """Credits spent by day and model, in UTC, for the days [start, before)."""

    start: date
    before: date
    used: tuple[UsedCredits, ...] = field(default_factory=tuple)
