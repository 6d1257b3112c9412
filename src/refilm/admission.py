"""Who may run now. Moves waiting tasks onto the queue: fair across accounts, within caps, the more urgent first.

The only place that enqueues: in the transaction that frees a slot, after each create, and once a minute. The queue is
kept short on purpose, so that order and caps are decided here and late. Knows nothing of how many workers there are or
which tier an account has: it is told, in the transaction in which it decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from refilm.domain.account import Tier
from refilm.domain.redaction import said
from refilm.domain.task import Task
from refilm.store.base import Store
from refilm.store.sql import Transaction
from refilm.store.waiting import Head, Lane, Waiting

logger = logging.getLogger(__name__)

#: Hands a task to a pool within a transaction: connection, task id, pool. See `refilm.queue.Queue.enqueue`.
Enqueue = Callable[[Any, str, str], None]

#: The share of a pool that is kept for tasks of lower priority while they wait: one in so many, and at least one.
LOWER_SHARE = 4

#: With how many free slots a large pool is looked at. Fewer than stand in line ahead of its workers, so none is idle.
FREE_AT_LEAST = 4

#: How many tasks behind the head of a lane are read at a time.
READ_BEHIND = 16

#: How long it is remembered that no worker lives: without any, creates need not ask.
NOBODY_SECONDS = 1.0


@dataclass(frozen=True)
class Line:
    """The waiting tasks of one lane, the oldest first, and what holds for them. cap: of the account and model.

    tasks: not empty, and read only as far as tasks are admitted.
    """

    lane: Lane
    pool: str
    cap: int | None
    tasks: Iterable[Waiting]


class Floor:
    """Who is at work: counted by account and model, by account and pool, and by pool and priority."""

    def __init__(self, active: Mapping[Lane, int], pool_of: Callable[[str], str]) -> None:
        self.of_model: Counter[tuple[str, str]] = Counter()
        self.of_account: Counter[tuple[str, str]] = Counter()
        self._of_priority: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for lane, count in active.items():
            self.add(lane, pool_of(lane.engine), count)

    def add(self, lane: Lane, pool: str, count: int = 1) -> None:
        """So many more are at work."""
        self.of_model[lane.account, lane.model] += count
        self.of_account[lane.account, pool] += count
        self._of_priority[pool][lane.priority] += count

    def in_pool(self, pool: str) -> int:
        """How many are at work in a pool."""
        return self._of_priority[pool].total()

    def below(self, pool: str, priority: int) -> int:
        """How many are at work in a pool whose priority is lower."""
        return sum(count for of_them, count in self._of_priority[pool].items() if of_them < priority)


class Standing:
    """A line as it is dealt from."""

    def __init__(self, line: Line) -> None:
        self.lane, self.pool, self.cap = line.lane, line.pool, line.cap
        self._behind = iter(line.tasks)
        self.head: Waiting | None = next(self._behind)

    def pop(self) -> Waiting:
        """Take the head; the next one steps forward."""
        head = self.head
        assert head is not None
        self.head = next(self._behind, None)
        return head


def decide(lines: Iterable[Line], floor: Floor, windows: Mapping[str, int]) -> list[Waiting]:
    """Choose whom to admit, in that order. windows: how many may be admitted at once, by pool. Fills `floor`.

    Goes on until each pool is full or who waits for it is at a cap. The highest priority that may run goes first; but
    while others wait, at least one in LOWER_SHARE slots of the pool is theirs, so that nobody waits for ever. Among
    those whose turn it is, the account with the least at work in the pool goes first, then the oldest task.
    """
    standing = [Standing(line) for line in lines]
    admitted: list[Waiting] = []
    for pool in sorted(windows):
        of_pool = [line for line in standing if line.pool == pool]
        while floor.in_pool(pool) < windows[pool]:
            chosen = _next_of(of_pool, floor, max(1, windows[pool] // LOWER_SHARE))
            if chosen is None:
                break
            admitted.append(chosen.pop())
            floor.add(chosen.lane, pool)
    return admitted


def _next_of(standing: Sequence[Standing], floor: Floor, lower_share: int) -> Standing | None:
    """Whose turn it is in a pool that has room; None where nobody may."""
    ready = [line for line in standing if line.head is not None and not _at_cap(line, floor)]
    if not ready:
        return None
    top = max(line.lane.priority for line in ready)
    lower = [line for line in ready if line.lane.priority < top]
    if lower and floor.below(lower[0].pool, top) < lower_share:
        ready = lower
    else:
        ready = [line for line in ready if line.lane.priority == top]
    return min(ready, key=lambda line: _turn(line, floor))


def _at_cap(line: Standing, floor: Floor) -> bool:
    return line.cap is not None and floor.of_model[line.lane.account, line.lane.model] >= line.cap


def _turn(line: Standing, floor: Floor) -> tuple[int, float, str]:
    assert line.head is not None
    return floor.of_account[line.lane.account, line.pool], line.head.created_at, line.head.id


def worth_a_look(window: int) -> int:
    """With how many free slots a pool is looked at: one in a small pool, a few in a large one, where tasks stand in
    line for longer than a few ends take.
    """
    return min(FREE_AT_LEAST, max(1, window // 8))


class Admission:
    """Applies `decide` to the store and the queue, and keeps THROTTLED true."""

    def __init__(
        self,
        store: Store,
        enqueue: Enqueue,
        pool_of: Callable[[str], str],
        windows: Callable[[Transaction], Mapping[str, int]],
        tier_of: Callable[[str | None], Tier],
        now: Callable[[], datetime],
    ) -> None:
        """pool_of: the pool whose workers run an engine, by the engine's name.

        windows: how many tasks may be admitted at once, by pool; none for a pool without workers.
        tier_of: the tier of that name, or that of accounts that were given none.
        """
        self._store = store
        self._enqueue = enqueue
        self._pool_of = pool_of
        self._windows = windows
        self._tier_of = tier_of
        self._now = now
        self._waking = threading.Lock()
        self._nobody_until = 0.0

    def promote(self, tx: Transaction, ended: Task | None = None) -> int:
        """Admit what may run, within the caller's transaction. Returns how many. ended: the task that made room."""
        tx.lock("admission")
        admitted = self._admit(tx)
        if ended is not None:
            self._ease(tx, ended.account, str(ended.request.model))
        return admitted

    def sweep(self) -> None:
        """Look at everything: admit what may run, and set right who is THROTTLED. Blocking."""
        self._store.write(self._look_at_all).result()

    def _look_at_all(self, tx: Transaction) -> None:
        self.promote(tx)
        of_model = Floor(tx.waiting.active(), self._pool_of).of_model
        ease: list[str] = []
        throttle: list[str] = []
        for place in tx.waiting.places():
            cap = self._tier_of(place.tier).concurrent
            over = cap is not None and of_model[place.account, place.model] + place.number > cap
            if over != place.throttled:
                (throttle if over else ease).append(place.id)
        tx.tasks.throttle(throttle)
        tx.tasks.ease(ease)

    def _admit(self, tx: Transaction) -> int:
        windows = self._windows(tx)
        self._nobody_until = 0.0 if any(windows.values()) else time.monotonic() + NOBODY_SECONDS
        floor = Floor(tx.waiting.active(), self._pool_of)
        if all(window - floor.in_pool(pool) < worth_a_look(window) for pool, window in windows.items()):
            return 0
        admitted = decide([self._line(tx, head) for head in tx.waiting.heads()], floor, windows)
        if admitted:
            tx.tasks.admit([task.id for task in admitted], self._now())
            for task in admitted:
                self._enqueue(tx.connection, task.id, self._pool_of(task.lane.engine))
        return len(admitted)

    def _line(self, tx: Transaction, head: Head) -> Line:
        def tasks() -> Iterator[Waiting]:
            yield (last := head.task)
            while behind := tx.waiting.behind(last, READ_BEHIND):
                yield from behind
                last = behind[-1]

        lane = head.task.lane
        return Line(lane, self._pool_of(lane.engine), self._tier_of(head.tier).concurrent, tasks())

    def _ease(self, tx: Transaction, account: str, model: str) -> None:
        """Who is within the cap again is not THROTTLED any more, even while all workers are busy."""
        owner = tx.accounts.get(account)
        cap = self._tier_of(owner.tier if owner else None).concurrent
        if cap is not None:
            free = cap - tx.waiting.active_of(account, model)
            if free > 0:
                tx.tasks.ease(tx.waiting.throttled_before(account, model, free))

    def wake(self) -> None:
        """Look for tasks to admit soon. Any number of calls before that look make one."""
        if time.monotonic() < self._nobody_until or not self._waking.acquire(blocking=False):
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
                logger.warning("admission failed, the sweep will repeat it: %s", said(error))

        try:
            self._store.write(look).add_done_callback(looked)
        except BaseException:
            self._waking.release()
            raise
