"""The processes that work on one database: their beats, the sweep of the dead, and who makes way for whom.

Every process that runs tasks has a row and beats in it. Every process, also one that only answers requests, watches the
beats of the others: one that stands still for too long is taken for dead, and what it had claimed goes back into line.
That a dead worker may be only slow does no harm, because every write of an attempt is fenced by its number.
Of several versions the newest contract goes on, the others drain. Knows nothing of tasks beyond their ids and engines.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from refilm.errors import RefilmError
from refilm.queue import Work
from refilm.store.base import Store
from refilm.store.sql import Transaction
from refilm.store.workers import Worker

logger = logging.getLogger(__name__)


class Line(Protocol):
    """What the fleet needs of the durable engine. See `refilm.queue.Queue`."""

    def in_flight(self) -> list[Work]:
        """Everything that was enqueued and has not ended."""

    def resume(self, works: Sequence[Work]) -> None:
        """Put back into line what somebody claimed who does it no more."""

    def forget(self, task_ids: Sequence[str]) -> None:
        """Drop what is recorded."""

    def enqueue(self, connection: Any, task_id: str, pool: str) -> None:
        """Hand a task to a pool."""

    def drain(self, on: bool = True) -> None:
        """Claim nothing more, or claim again."""


@dataclass(frozen=True)
class Rhythm:
    """How often a worker beats, and after how long a silence it counts as dead, in seconds."""

    beat_seconds: float
    dead_seconds: float


class Silence:
    """For how long each worker's beat has stood still, by the observer's own clock.

    Beats are compared, never subtracted, so that steps of the database's clock neither kill nor revive anybody. What
    the observer itself slept through counts as one look: whoever slept with it must get the chance to beat.
    """

    def __init__(self, longest_look: float) -> None:
        """longest_look: the most that the time between two looks counts, in seconds."""
        self._longest_look = longest_look
        self._looked_at: float | None = None
        self._beats: Mapping[str, float] = {}
        self._seconds: dict[str, float] = {}

    def look(self, beats: Mapping[str, float], at: float) -> Mapping[str, float]:
        """Note the last beat of everybody at a moment; returns for how many seconds each has been silent."""
        passed = min(self._longest_look, at - self._looked_at) if self._looked_at is not None else 0.0
        self._seconds = {
            who: self._seconds[who] + passed if self._beats.get(who) == beat else 0.0 for who, beat in beats.items()
        }
        self._looked_at, self._beats = at, dict(beats)
        return self._seconds


@dataclass(frozen=True)
class Repair:
    """What a sweep does: what goes back into line as it is, and what is enqueued anew, by task with its pool."""

    resume: tuple[Work, ...]
    renew: Mapping[str, str]


def repair_of(works: Iterable[Work], missing: Mapping[str, str], workers: Collection[str], served: set[str]) -> Repair:
    """Decide on everything that is in flight.

    missing: admitted tasks that are not in flight, with their pools.  workers: whoever has a row, so that what others
    claimed is nobody's.  served: contracts of those who take new work; what stands in line for others stands for ever.
    """
    resume, renew = [], dict(missing)
    for work in works:
        is_orphan = work.worker is not None and work.worker not in workers
        if (is_orphan or work.worker is None) and work.contract not in served:
            renew[work.task_id] = work.pool
        elif is_orphan:
            resume.append(work)
    return Repair(tuple(resume), renew)


class Fleet:
    """One process among those that work on the same database."""

    def __init__(
        self,
        store: Store,
        line: Line,
        own_id: str,
        own: Sequence[Worker],
        rhythm: Rhythm,
        *,
        contract: int,
        pool_of: Callable[[str], str],
        wake: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """own: what this process serves, none where it only answers requests; it has no row then.
        contract: of the workflows that it can run.

        pool_of: the pool of an engine.  wake: lets admission look, because others may have come or gone.
        clock: seconds that never step.
        """
        self._store = store
        self._line = line
        self._own_id = own_id
        self._own = tuple(own)
        self._rhythm = rhythm
        self._contract = contract
        self._pool_of = pool_of
        self._wake = wake
        self._clock = clock
        self._silence = Silence(2 * rhythm.beat_seconds)
        self._swept_at = -math.inf
        self._suspects: frozenset[str] = frozenset()
        self._makes_way = False
        self._leaving = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def enter(self, died: Iterable[str] = ()) -> None:
        """Enter this process's row, which must be there before it claims anything.

        died: who is known to be dead, and need not be waited for.
        """
        for who in died:
            self._bury(who)
        self._register()

    def start(self) -> None:
        """Beat from now on. The durable engine must run by now."""
        self._thread = threading.Thread(target=self._loop, name="refilm-fleet", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Let nobody count on this process any more. It goes on beating for what it still runs, until `close`."""
        self._leaving = True
        try:
            self._beat()
        except RefilmError as away:
            logger.warning("the others hear later that this worker leaves: %s", away)

    def close(self) -> None:
        """Beat no more, and take the row away: what was left behind, the others sweep at once."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self._store.write(lambda tx: tx.workers.remove(self._own_id)).result()
        except RefilmError as away:
            logger.warning("the row of this worker stays until it is swept: %s", away)

    def _loop(self) -> None:
        while True:
            try:
                self.turn()
            except RefilmError as away:
                logger.warning("no beat: %s", away)
            except Exception:
                logger.exception("a turn of the fleet failed")
            if self._stop.wait(self._rhythm.beat_seconds):
                return

    def turn(self) -> None:
        """Beat, look at the others, make way for a newer version, and sweep what the dead left."""
        self._beat()
        beats, living = self._store.read(lambda tx: (tx.workers.beats(), tx.workers.living(self._rhythm.dead_seconds)))
        self._make_way(living)
        now = self._clock()
        silent = self._silence.look(beats, now)
        dead = [who for who, seconds in silent.items() if seconds >= self._rhythm.dead_seconds]
        buried = [self._bury(who, beats[who]) for who in dead if who != self._own_id]
        if any(buried) or now - self._swept_at >= self._rhythm.dead_seconds / 2:
            self._swept_at = now
            self._store.read(self._sweep_alone)
        self._wake()

    def _register(self) -> None:
        self._store.write(lambda tx: tx.workers.register(self._own_id, self._own)).result()

    def _beat(self) -> None:
        draining = self._leaving or self._makes_way
        if self._own and not self._store.write(lambda tx: tx.workers.beat(self._own_id, draining=draining)).result():
            logger.warning("this worker was taken for dead, and what it ran was given to others; it goes on anew")
            self._register()

    def _make_way(self, living: Iterable[Worker]) -> None:
        """Claim nothing while somebody living can run a newer contract. The row says so from the next beat on, when
        no claim is under way any more.
        """
        newest = max((worker.contract for worker in living if not worker.draining), default=self._contract)
        if (newest > self._contract) == self._makes_way:
            return
        self._makes_way = not self._makes_way
        if self._makes_way:
            logger.warning(
                "a newer Refilm works on this database (workflow contract %d, here %d): "
                "this process finishes what it runs and takes nothing new",
                newest,
                self._contract,
            )
        else:
            logger.warning("no newer Refilm works on this database any more: this process takes new work again")
        self._line.drain(self._makes_way or self._leaving)

    def _bury(self, worker_id: str, last_beat: float | None = None) -> bool:
        """Take away the row of a dead worker, if nobody else did; with `last_beat`, if it did not beat after all."""
        buried = self._store.write(lambda tx: tx.workers.remove(worker_id, last_beat)).result()
        if buried:
            logger.warning("worker %s is dead; what it ran is given to others", worker_id)
        return buried

    def _sweep_alone(self, tx: Transaction) -> None:
        """Sweep unless another process does. The lock alone belongs to `tx`: its snapshot may be too old to act on."""
        if tx.try_lock("sweep"):
            self.sweep()

    def sweep(self) -> None:
        """Put right what is in flight and has nobody to do it. Finds nothing where all is well."""
        pools = dict(self._store.read(lambda tx: tx.tasks.admitted()))
        works = self._line.in_flight()
        # After the claims were read: whoever claims has entered a row before.
        workers, living = self._store.read(
            lambda tx: (tx.workers.beats().keys(), tx.workers.living(self._rhythm.dead_seconds))
        )
        taking = {worker.contract for worker in living if not worker.draining}
        missing = self._missing(pools, works)
        repair = repair_of(works, missing, workers, {str(contract) for contract in taking})
        if repair.resume:
            self._line.resume(repair.resume)
        if repair.renew and max(taking, default=None) == self._contract:
            self._renew(repair.renew)

    def _missing(self, engines: Mapping[str, str], works: Iterable[Work]) -> dict[str, str]:
        """Admitted tasks, with their pools, that two sweeps in a row did not find in flight; one that just ended
        looks the same, but once.
        """
        absent = frozenset(engines.keys() - {work.task_id for work in works})
        found, self._suspects = absent & self._suspects, absent
        return {task_id: self._pool_of(engines[task_id]) for task_id in found}

    def _renew(self, pools: Mapping[str, str]) -> None:
        """Enqueue for workers of this process's contract what nobody would ever take, from its first step on."""
        logger.warning("enqueued anew: %s", " ".join(pools))
        self._line.forget(list(pools))

        def change(tx: Transaction) -> None:
            for task_id, pool in pools.items():
                self._line.enqueue(tx.connection, task_id, pool)

        self._store.write(change).result()
