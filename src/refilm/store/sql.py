"""One transaction, with the rows of each kind in a room of their own. Dialect-neutral SQLAlchemy Core."""

from __future__ import annotations

from functools import cached_property

import sqlalchemy as sa

from refilm.store.accounts import AccountRows
from refilm.store.sendings import SendingRows
from refilm.store.tasks import TaskRows
from refilm.store.uploads import UploadRows
from refilm.store.waiting import WaitingRows
from refilm.store.workers import WorkerRows


class Transaction:
    """The rows as one transaction sees them. connection: for the durable queue, which enqueues on it."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def lock(self, name: str) -> None:
        """Until the end of this transaction, let no other transaction that locks `name` go on.

        Nothing to do on SQLite, where one transaction writes at a time.
        """
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def try_lock(self, name: str) -> bool:
        """`lock`, unless another transaction holds it: then False, at once."""
        if self.connection.dialect.name != "postgresql":
            return True
        taken = sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(name, 0))
        return bool(self.connection.execute(sa.select(taken)).scalar_one())

    @cached_property
    def tasks(self) -> TaskRows:
        """Tasks."""
        return TaskRows(self.connection)

    @cached_property
    def waiting(self) -> WaitingRows:
        """Questions about who waits and who is at work."""
        return WaitingRows(self.connection)

    @cached_property
    def sendings(self) -> SendingRows:
        """Sendings of creates."""
        return SendingRows(self.connection)

    @cached_property
    def accounts(self) -> AccountRows:
        """Accounts, keys, secrets."""
        return AccountRows(self.connection)

    @cached_property
    def uploads(self) -> UploadRows:
        """Uploads."""
        return UploadRows(self.connection)

    @cached_property
    def workers(self) -> WorkerRows:
        """Workers."""
        return WorkerRows(self.connection)
