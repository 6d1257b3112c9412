"""An account of a campaign that pays for its tasks, and whether its books are right at the end.

Looks into the rows themselves. Knows nothing of what the tasks did.
"""

from __future__ import annotations

import sqlalchemy as sa

from refilm.accounts import Accounts
from refilm.bootstrap.clock import now
from refilm.bootstrap.places import open_store
from refilm.config import Settings
from refilm.store.base import Store
from refilm.store.tables import accounts, tasks


def count_credits(given: Settings, account: str, credits: int) -> None:
    """Let an account pay from so many credits on, unless an earlier part of the run let it."""
    store = open_store(given)
    books = Accounts(store, now)
    if books.credits(account) is None:
        books.set_credits(account, credits)
    store.close()


def unbalanced(store: Store, account: str, began: int) -> list[str]:
    """What is wrong with an account that began with so many credits: what is left must be what its tasks left of it."""
    of_account = sa.select(accounts.c.id).where(accounts.c.name == account).scalar_subquery()
    cost = sa.func.coalesce(tasks.c.credits, tasks.c.reserved)
    spent, for_nothing = (
        sa.select(sa.func.coalesce(sa.func.sum(cost), 0)).where(tasks.c.account == of_account, *more)
        for more in ((), (tasks.c.status.in_(("FAILED", "CANCELLED")),))
    )
    left = sa.select(accounts.c.credits).where(accounts.c.name == account)
    asked = [left, spent, for_nothing]
    has, paid, nothing = store.read(lambda tx: [tx.connection.execute(one).scalar_one() for one in asked])
    wrong = [] if has == began - paid else [f"{has} credits are left of {began}, and the tasks cost {paid}"]
    return wrong + ([f"{nothing} credits were paid for tasks that gave nothing"] if nothing else [])
