"""Keys that may do less than everything, that end by themselves, and that say when they were last used.

A key from before may do what every key could then: create and read. It ends when it is revoked, as it was made to.
"""

from __future__ import annotations

from typing import NoReturn

import sqlalchemy as sa
from alembic import op

from refilm.errors import Unavailable

revision, down_revision, branch_labels, depends_on = "0003", "0002", None, None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("keys", sa.Column("scopes", sa.Text, nullable=False, server_default="create,read"))
    op.add_column("keys", sa.Column("expires_at", sa.Float))
    op.add_column("keys", sa.Column("used_at", sa.Float))


def downgrade() -> NoReturn:
    """Refuse."""
    raise Unavailable("The schema cannot be taken back: go back to the copy of the database from before.")
