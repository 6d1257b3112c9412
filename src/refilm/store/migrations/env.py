"""What Alembic runs: the revisions that are missing, on the connection, and in the transaction, that it was handed.

Batches: what SQLite cannot alter in place is done by making the table anew and copying its rows.
"""

from __future__ import annotations

from alembic import context

from refilm.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
