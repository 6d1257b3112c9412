"""Rows of uploads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from refilm.domain.upload import Upload
from refilm.domain.uri import UPLOAD_SCHEME
from refilm.store.tables import ACTIVE, WAITING, tasks, uploads


def upload_of(row: sa.Row[Any]) -> Upload:
    """The upload in a row of the table."""
    return Upload(
        id=row.id,
        account=row.account,
        filename=row.filename,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        expires_at=datetime.fromtimestamp(row.expires_at, UTC),
        key=row.key,
        size=row.size,
        kind=row.kind,
        facts=json.loads(row.facts) if row.facts is not None else None,
        problem=row.problem,
    )


class UploadRows:
    """Uploads within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def insert(self, upload: Upload) -> None:
        """Add an upload that has no bytes yet."""
        self._connection.execute(
            uploads.insert().values(
                id=upload.id,
                account=upload.account,
                filename=upload.filename,
                created_at=upload.created_at.timestamp(),
                expires_at=upload.expires_at.timestamp(),
            )
        )

    def get(self, upload_id: str) -> Upload | None:
        """The upload of that id."""
        row = self._connection.execute(sa.select(uploads).where(uploads.c.id == upload_id)).fetchone()
        return upload_of(row) if row else None

    def complete(
        self,
        upload_id: str,
        *,
        key: str,
        size: int,
        kind: str | None,
        facts: Mapping[str, Any] | None,
        problem: str | None,
    ) -> bool:
        """Note that the bytes arrived and what they are. False where they had arrived before."""
        changed = self._connection.execute(
            uploads.update()
            .where(uploads.c.id == upload_id, uploads.c.key.is_(None))
            .values(
                key=key,
                size=size,
                kind=kind,
                facts=json.dumps(dict(facts)) if facts is not None else None,
                problem=problem,
            )
        )
        return bool(changed.rowcount)

    def expired(self, at: datetime, most: int) -> list[Upload]:
        """Uploads whose time is over and that no unfinished task still needs, the oldest first."""
        named = tasks.c.request.contains(sa.literal(UPLOAD_SCHEME) + uploads.c.id)
        needed = sa.or_(
            *(
                sa.exists().where(unfinished, tasks.c.account == uploads.c.account, named).correlate(uploads)
                for unfinished in (WAITING, ACTIVE)  # each has an index of its own
            )
        )
        rows = self._connection.execute(
            sa.select(uploads)
            .where(uploads.c.expires_at < at.timestamp(), ~needed)
            .order_by(uploads.c.expires_at)
            .limit(most)
        )
        return [upload_of(row) for row in rows]

    def remove(self, upload_ids: Sequence[str]) -> None:
        """Drop rows for good."""
        self._connection.execute(uploads.delete().where(uploads.c.id.in_(upload_ids)))
