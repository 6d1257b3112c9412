"""A database's errors in our words."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from refilm.errors import RefilmError, StorageFull, Unavailable

_FULL = ("is full", "disk i/o", "no space left")

#: What PostgreSQL calls a trouble, and what its operator can do about it.
_TOLD = {
    "42501": "The role in the database's URL may not do this. Let one that may change the schema run "
    "`refilm db upgrade`, and grant this one the use of the tables.",
    "55P03": "Others hold tables of the database that are to be changed. Try again when they are done, or stop them.",
}


def translated(error: BaseException) -> BaseException:
    """A database's error as StorageFull or Unavailable; errors of ours, and faults of ours, pass as they are."""
    if isinstance(error, RefilmError) or not isinstance(error, sa.exc.DBAPIError | sa.exc.TimeoutError):
        return error
    text = " ".join(causes_of(error)).lower()
    if any(sign in text for sign in _FULL):
        told: RefilmError = StorageFull("The disk of the database is full.")
    else:
        state = str(getattr(getattr(error, "orig", None), "sqlstate", None))
        told = Unavailable(_TOLD.get(state, "The database cannot be reached or written at the moment."))
    told.__cause__ = error
    return told


def causes_of(error: BaseException | None) -> Iterator[str]:
    """What an error and those it arose from say. A full database rolls back by itself, so that our own rollback then
    fails for want of a savepoint: the last error alone would name the wrong trouble.
    """
    while error is not None:
        yield str(getattr(error, "orig", error))
        error = error.__cause__ or error.__context__
