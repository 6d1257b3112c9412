"""Rows of sendings: which task a create made, for the time in which the same create may come again."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from refilm.domain.sending import NAMED_TIME, TRIED_TIME, Sending, is_other_try
from refilm.store.tables import sendings


class SendingRows:
    """Sendings within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, account: str, task_id: str, sending: Sending, at: datetime) -> None:
        """Note that this sending made that task."""
        self._connection.execute(
            sendings.insert().values(
                task_id=task_id,
                account=account,
                key=sending.key,
                name=sending.name,
                fingerprint=sending.fingerprint,
                tries=None if sending.tries is None else 1 << sending.tries,
                created_at=at.timestamp(),
            )
        )

    def named(self, account: str, name: str, at: datetime) -> tuple[str, str] | None:
        """(task id, fingerprint) of the account's sending of that name in the last 24 hours; an older one goes."""
        here = (sendings.c.account == account, sendings.c.name == name)
        since = (at - NAMED_TIME).timestamp()
        self._connection.execute(sendings.delete().where(*here, sendings.c.created_at < since))
        row = self._connection.execute(sa.select(sendings.c.task_id, sendings.c.fingerprint).where(*here)).fetchone()
        return (row.task_id, row.fingerprint) if row else None

    def tried(self, sending: Sending, at: datetime) -> str | None:
        """The id of the task that an earlier try of this sending made in the last 3 minutes; notes this try."""
        if sending.tries is None:
            return None
        rows = self._connection.execute(
            sa.select(sendings.c.task_id, sendings.c.tries)
            .where(
                sendings.c.key == sending.key,
                sendings.c.fingerprint == sending.fingerprint,
                sendings.c.tries.is_not(None),
                sendings.c.name.is_(None),
                sendings.c.created_at >= (at - TRIED_TIME).timestamp(),
            )
            .order_by(sendings.c.created_at, sendings.c.task_id)
        )
        for task_id, seen in rows.fetchall():
            if is_other_try(seen, sending.tries):
                self._connection.execute(
                    sendings.update().where(sendings.c.task_id == task_id).values(tries=seen | 1 << sending.tries)
                )
                return str(task_id)
        return None

    def forget(self, task_id: str) -> None:
        """Drop the sending that made that task."""
        self._connection.execute(sendings.delete().where(sendings.c.task_id == task_id))

    def forget_old(self, at: datetime) -> int:
        """Drop sendings whose time is over; returns how many."""
        named, tried = (at - NAMED_TIME).timestamp(), (at - TRIED_TIME).timestamp()
        old = sa.or_(sendings.c.created_at < named, sa.and_(sendings.c.name.is_(None), sendings.c.created_at < tried))
        return int(self._connection.execute(sendings.delete().where(old)).rowcount)
