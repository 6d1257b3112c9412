"""The tables as they were before the schema had a history: tasks, sendings, accounts, keys, uploads, secrets.

Databases of that time count as being at this revision.
"""

from __future__ import annotations

from typing import NoReturn

import sqlalchemy as sa
from alembic import op

from refilm.errors import Unavailable

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    """Make every table."""
    make_tasks()
    make_sendings()
    make_accounts()
    make_uploads()
    op.create_table(
        "secrets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )


def make_tasks() -> None:
    """Tasks, and the partial indexes behind admission, caps and sweeping."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("estimated_credits", sa.Integer, nullable=False),
        sa.Column("reserved", sa.Integer, nullable=False),
        sa.Column("credits", sa.Integer),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("admitted_at", sa.Float),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
        sa.Column("deleted_at", sa.Float),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("failure_code", sa.Text),
        sa.Column("applied", sa.Text, nullable=False),
    )
    make_index("tasks_waiting", "tasks", ["created_at"], "admitted_at IS NULL AND status IN ('PENDING', 'THROTTLED')")
    make_index("tasks_active", "tasks", ["account", "model"], "finished_at IS NULL")
    make_index("tasks_finished", "tasks", ["finished_at"], "deleted_at IS NULL AND finished_at IS NOT NULL")
    make_index("tasks_deleted", "tasks", ["deleted_at"], "deleted_at IS NOT NULL")
    op.create_index("tasks_account_created", "tasks", ["account", "created_at"])


def make_sendings() -> None:
    """Which task a create made."""
    op.create_table(
        "sendings",
        sa.Column("task_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    make_index("sendings_named", "sendings", ["account", "name"], "name IS NOT NULL", unique=True)
    op.create_index("sendings_tried", "sendings", ["key", "fingerprint"])
    op.create_index("sendings_created", "sendings", ["created_at"])


def make_accounts() -> None:
    """Accounts and their keys."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("credits", sa.Integer),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )


def make_uploads() -> None:
    """Uploads."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("size", sa.Integer),
        sa.Column("kind", sa.Text),
        sa.Column("facts", sa.Text),
        sa.Column("problem", sa.Text),
    )
    op.create_index("uploads_expiring", "uploads", ["expires_at"])


def make_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """An index over the rows for which `where` holds."""
    rows = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=rows, postgresql_where=rows)


def downgrade() -> NoReturn:
    """Refuse."""
    raise Unavailable("The schema cannot be taken back: go back to the copy of the database from before.")
