"""Many servers and workers on one database: a row for each that lives; and who goes first where many wait.

Accounts get tiers, keys and tasks priorities, and the indexes behind admission are made for jumping from lane to lane.
"""

from __future__ import annotations

from typing import NoReturn

import sqlalchemy as sa
from alembic import op

from refilm.errors import Unavailable

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    """Add what many workers and many who wait need."""
    make_workers()
    op.add_column("accounts", sa.Column("tier", sa.Text))
    op.add_column("keys", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("tasks", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    make_lanes()


def make_workers() -> None:
    """Who lives, by the pool that they serve."""
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


def make_lanes() -> None:
    """Indexes by lane of those who wait and of those at work; and one that counts without reading tasks."""
    lane = ["account", "model", "engine", "priority"]
    op.drop_index("tasks_waiting", "tasks")
    make_index("tasks_waiting", [*lane, "created_at", "id"], "admitted_at IS NULL AND finished_at IS NULL")
    op.drop_index("tasks_active", "tasks")
    make_index("tasks_active", lane, "admitted_at IS NOT NULL AND finished_at IS NULL")
    op.drop_index("tasks_account_created", "tasks")
    op.create_index("tasks_account_created", "tasks", ["account", "created_at", "model"])


def make_index(name: str, columns: list[str], where: str) -> None:
    """An index over the tasks for which `where` holds."""
    rows = sa.text(where)
    op.create_index(name, "tasks", columns, sqlite_where=rows, postgresql_where=rows)


def downgrade() -> NoReturn:
    """Refuse."""
    raise Unavailable("The schema cannot be taken back: go back to the copy of the database from before.")
