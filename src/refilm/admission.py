"""Who may run now. Moves waiting tasks onto the queue, oldest first, fair across accounts, up to each account's cap.

The only place that enqueues: in the transaction that frees a slot, after each create, and once a minute. The queue is
kept short on purpose, so that order and caps are decided here and late.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from refilm.store.base import Store
from refilm.store.sql import Transaction
from refilm.store.tasks import Waiting

logger = logging.getLogger(__name__)

#: Hands a task to a pool within a transaction: connection, task id, pool. See `refilm.queue.Queue.enqueue`.
Enqueue = Callable[[Any, str, str], None]


@dataclass(frozen=True)
class Caps:
    """How much may be admitted: of one account and model (None: no cap), and of everything together."""

    per_model: int | None
    window: int


@dataclass(frozen=True)
class Decision:
    """Which waiting tasks to admit, and which are over their account's cap."""

    admit: tuple[Waiting, ...]
    throttle: tuple[Waiting, ...]


def decide(waiting: list[Waiting], active: dict[tuple[str, str], int], caps: Caps) -> Decision:
    """Choose among waiting tasks.

    waiting: each account's oldest first.  active: admitted and unfinished, by account and model.
    The account with the least at work goes first, then the oldest task.
    """
    room = caps.window - sum(active.values())
    taken = dict(active)
    turns: dict[str, int] = {}
    for (account, _), count in active.items():
        turns[account] = turns.get(account, 0) + count
    ranked = []
    for task in sorted(waiting, key=lambda task: (task.created_at, task.id)):
        turns[task.account] = turns.get(task.account, 0) + 1
        ranked.append((turns[task.account], task.created_at, task.id, task))
    admit: list[Waiting] = []
    throttle: list[Waiting] = []
    for _, _, _, task in sorted(ranked, key=lambda item: item[:3]):
        count = taken.get((task.account, task.model), 0)
        if caps.per_model is not None and count >= caps.per_model:
            throttle.append(task)
        elif room > 0:
            room -= 1
            taken[task.account, task.model] = count + 1
            admit.append(task)
    return Decision(tuple(admit), tuple(throttle))


class Admission:
    """Applies `decide` to the store and the queue."""

    def __init__(
        self,
        store: Store,
        enqueue: Enqueue,
        pool_of: Callable[[str], str],
        caps: Caps,
        now: Callable[[], datetime],
    ) -> None:
        """pool_of: the pool whose workers run an engine, by the engine's name."""
        self._store = store
        self._enqueue = enqueue
        self._pool_of = pool_of
        self._caps = caps
        self._now = now
        self._waking = threading.Lock()

    @property
    def per_model(self) -> int | None:
        """How many tasks of one account and model may be admitted at once."""
        return self._caps.per_model

    def promote(self, tx: Transaction) -> int:
        """Admit what may run, within the caller's transaction. Returns how many."""
        if self._caps.window <= 0:
            return 0
        tx.lock("admission")
        active = tx.tasks.active()
        if sum(active.values()) >= self._caps.window and self._caps.per_model is None:
            return 0
        decision = decide(tx.tasks.waiting(self._caps.window), active, self._caps)
        if decision.throttle:
            tx.tasks.throttle([task.id for task in decision.throttle if not task.throttled])
        if decision.admit:
            tx.tasks.admit([task.id for task in decision.admit], self._now())
            for task in decision.admit:
                self._enqueue(tx.connection, task.id, self._pool_of(task.engine))
        return len(decision.admit)

    def wake(self) -> None:
        """Look for tasks to admit soon. Any number of calls before that look make one."""
        if self._caps.window <= 0 or not self._waking.acquire(blocking=False):
            return
        began = threading.Event()

        def look(tx: Transaction) -> int:
            began.set()
            self._waking.release()  # a task committed after this moment needs a look of its own
            return self.promote(tx)

        def looked(look: Future[int]) -> None:
            if not began.is_set():  # its transaction never began: the next wake must not wait for it
                self._waking.release()
            if not look.cancelled() and (error := look.exception()) is not None:
                logger.warning("admission failed, the sweep will repeat it: %s", error)

        try:
            self._store.write(look).add_done_callback(looked)
        except BaseException:
            self._waking.release()
            raise
