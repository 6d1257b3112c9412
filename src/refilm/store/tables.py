"""The schema. Times are seconds since the epoch; JSON is text, so that both databases read it alike.

What changes here needs a revision in `migrations`, and its number in `schema.REVISIONS`.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("estimated_credits", sa.Integer, nullable=False, default=0),
    sa.Column("reserved", sa.Integer, nullable=False, default=0),
    sa.Column("credits", sa.Integer),
    sa.Column("progress", sa.Float, nullable=False, default=0.0),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("admitted_at", sa.Float),
    sa.Column("started_at", sa.Float),
    sa.Column("finished_at", sa.Float),
    sa.Column("deleted_at", sa.Float),
    sa.Column("outputs", sa.Text, nullable=False, default="[]"),
    sa.Column("failure", sa.Text),
    sa.Column("failure_code", sa.Text),
    sa.Column("applied", sa.Text, nullable=False, default="{}"),
    sa.Column("priority", sa.Integer, nullable=False, default=0, server_default="0"),
)

#: Nobody admitted it yet; admitted and not finished. The indexes serve only who asks in these words.
WAITING = tasks.c.admitted_at.is_(None) & tasks.c.finished_at.is_(None)
ACTIVE = tasks.c.admitted_at.is_not(None) & tasks.c.finished_at.is_(None)

# Admission jumps from lane to lane, and looks along one of them.
sa.Index(
    "tasks_waiting",
    tasks.c.account,
    tasks.c.model,
    tasks.c.engine,
    tasks.c.priority,
    tasks.c.created_at,
    tasks.c.id,
    sqlite_where=WAITING,
    postgresql_where=WAITING,
)
# Caps and fairness count what is at work.
sa.Index(
    "tasks_active",
    tasks.c.account,
    tasks.c.model,
    tasks.c.engine,
    tasks.c.priority,
    sqlite_where=ACTIVE,
    postgresql_where=ACTIVE,
)
# The sweeper looks for what ended, or was deleted, long ago.
sa.Index(
    "tasks_finished",
    tasks.c.finished_at,
    sqlite_where=tasks.c.deleted_at.is_(None) & tasks.c.finished_at.is_not(None),
    postgresql_where=tasks.c.deleted_at.is_(None) & tasks.c.finished_at.is_not(None),
)
sa.Index(
    "tasks_deleted",
    tasks.c.deleted_at,
    sqlite_where=tasks.c.deleted_at.is_not(None),
    postgresql_where=tasks.c.deleted_at.is_not(None),
)
# Daily caps count by model what an account made lately, without reading the tasks.
sa.Index("tasks_account_created", tasks.c.account, tasks.c.created_at, tasks.c.model)

#: Which task a create made, for as long as the same create may be sent again. tries: a bit for each try that came.
sendings = sa.Table(
    "sendings",
    metadata,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("name", sa.Text),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer),
    sa.Column("created_at", sa.Float, nullable=False),
)

NAMED = sendings.c.name.is_not(None)

# An account's name stands for one create, whatever races.
sa.Index("sendings_named", sendings.c.account, sendings.c.name, unique=True, sqlite_where=NAMED, postgresql_where=NAMED)
sa.Index("sendings_tried", sendings.c.key, sendings.c.fingerprint)
sa.Index("sendings_created", sendings.c.created_at)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("credits", sa.Integer),
    sa.Column("tier", sa.Text),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
    sa.Column("priority", sa.Integer, nullable=False, default=0, server_default="0"),
    sa.Column("scopes", sa.Text, nullable=False, default="create,read", server_default="create,read"),
    sa.Column("expires_at", sa.Float),
    sa.Column("used_at", sa.Float),
)

uploads = sa.Table(
    "uploads",
    metadata,
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

sa.Index("uploads_expiring", uploads.c.expires_at)

#: Secrets of this installation, such as the one that signs URLs.
secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)

#: Who serves which pool. One process has one id and a row for each of its pools.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("pool", sa.Text, primary_key=True),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("contract", sa.Integer, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("beat_at", sa.Float, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
)
