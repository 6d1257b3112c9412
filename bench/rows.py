"""Rows that a bench begins with: finished tasks, and waiting ones, made in bulk by the database itself.

They are what the service would have written, of accounts that nobody has a key for, but for those that are named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import sqlalchemy as sa

from refilm.domain.edit import EditRequest, Model

_REQUEST = json.dumps(EditRequest(Model.GEN4_ALEPH, "asset:uploads/0123456789abcdef", "make it warm", seed=7).to_json())
_DAY = 86_400.0

#: One statement for both databases: numbers, and from each a task. Ids are random, as real ones are.
_INSERT = """
WITH RECURSIVE numbered(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbered WHERE n < :count)
INSERT INTO tasks (
    id, account, model, engine, status, request, estimated_credits, reserved, credits, progress, attempt, created_at,
    admitted_at, started_at, finished_at, outputs, applied, priority
)
SELECT {id}, {account}, 'gen4_aleph', :engine, :status, :request, 0, 0, {ended}, 0.0, 0, :first + n * :step,
    {end}, {end}, {end}, '[]', '{{}}', 0
FROM numbered
"""
_ID = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "CAST(gen_random_uuid() AS TEXT)"}
#: Rows of one statement: enough to be quick, few enough for the memory of a recursion.
_AT_ONCE = 100_000


def add_finished(engine: sa.Engine, count: int, accounts: Sequence[str]) -> None:
    """Add tasks that succeeded in the last 30 days, evenly in time and over the accounts."""
    _add(engine, count, accounts, "SUCCEEDED", 30 * _DAY, "campaign")


def add_waiting(engine: sa.Engine, count: int, accounts: Sequence[str], engine_name: str = "campaign") -> None:
    """Add tasks that were created in the last hour and wait."""
    _add(engine, count, accounts, "PENDING", _DAY / 24, engine_name)


def _add(engine: sa.Engine, count: int, accounts: Sequence[str], status: str, age: float, engine_name: str) -> None:
    done = status == "SUCCEEDED"
    cases = " ".join(f"WHEN {at} THEN '{account}'" for at, account in enumerate(accounts))
    statement = sa.text(
        _INSERT.format(
            id=_ID[engine.dialect.name],
            account=f"CASE (n - 1) % {len(accounts)} {cases} END",
            ended="1" if done else "NULL",
            end=":first + n * :step" if done else "NULL",
        )
    )
    first, step = time.time() - age, age / count
    for made in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - made)
        values = {"count": some, "first": first + made * step, "step": step}
        with engine.begin() as connection:
            connection.execute(statement, values | {"status": status, "request": _REQUEST, "engine": engine_name})


def accounts(count: int) -> list[str]:
    """Ids of so many accounts, as long as real ones."""
    return [f"acc_{number:032d}" for number in range(count)]
