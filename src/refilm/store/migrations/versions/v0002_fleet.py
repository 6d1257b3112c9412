"""Many servers and workers on one database: a row for each that lives."""

from __future__ import annotations

from typing import NoReturn

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    """Make the table of workers."""
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("pool", sa.Text, primary_key=True),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("contract", sa.Integer, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("beat_at", sa.Float, nullable=False),
        sa.Column("draining", sa.Boolean, nullable=False),
    )


def downgrade() -> NoReturn:
    """Refuse."""
    raise NotImplementedError("The schema cannot be taken back: go back to the copy of the database from before.")
