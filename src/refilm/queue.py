"""The durable engine (DBOS) behind a few verbs: enqueue, step, run, schedule, close. The only importer of dbos.

A workflow is one call of `body(task_id, step)`. What `step` returned is recorded, so that a workflow that is taken up
again after a crash does not repeat it. A database that is away costs nothing that was worked on: a step waits until its
result is recorded, and work that fell between claim and thread is found and enqueued again. Knows nothing of tasks
beyond their ids.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import dbos
import sqlalchemy as sa
from dbos import DBOS, DBOSClient
from dbos._context import assert_current_dbos_context
from dbos._error import DBOSWorkflowConflictIDError
from dbos._migration import get_migration_versions, get_sqlite_migration_versions

from refilm.errors import Unavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Raised by one when the steps of a workflow change meaning: work of another number is left to its own version.
WORKFLOW_CONTRACT = 1

WORKFLOW = "refilm_task"

#: How often a pool looks for work, in seconds. Invisible beside the seconds of an edit, cheap while idle.
POLL_SECONDS = 0.25


#: How long a step waits before it tries again to record its result in a database that is away.
RECORD_SECONDS = 1.0

#: How often a process looks for work that it claimed and does not do. Work is stray if two looks in a row find it so.
STRAY_SECONDS = 10.0

#: SQLSTATE classes of a PostgreSQL that is there and cannot work: lost connections, full, shutting down, broken disk.
_AWAY_STATES = ("08", "53", "57P", "58", "25P03")
#: The same of SQLite, which has only words.
_AWAY_WORDS = ("is full", "disk i/o", "no space left", "unable to open")


class Away(Unavailable):
    """The durable engine's database is away, or has no room."""


def told_as_away(context: sa.engine.ExceptionContext) -> Away | None:
    """An `Away` in the place of a driver's error that means so; None leaves the error as it is.

    The durable engine repeats some such errors by itself, sleeping up to a minute and a half between two tries and
    deaf to a stop, and takes the rest (a missing socket, a full file) for the end of a workflow. What it does not know
    it raises at once, and we wait.
    """
    error = context.sqlalchemy_exception
    if context.is_pre_ping or not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return None
    if context.is_disconnect or _means_away(context.original_exception):
        return Away("The database cannot be reached or written at the moment.")
    return None


def _means_away(error: BaseException) -> bool:
    if hasattr(error, "sqlstate"):  # None: told by the client's side, of a connection that came to nothing
        return error.sqlstate is None or str(error.sqlstate).startswith(_AWAY_STATES)
    return any(words in str(error).lower() for words in _AWAY_WORDS)


class Interrupted(BaseException):
    """The process is about to end: leave the workflow as it is, to be taken up at the next start.

    Not an Exception, because the durable engine records every Exception as the workflow's end.
    """


class Overtaken(BaseException):
    """Somebody else was given this workflow, because we seemed dead: leave it to them, without a trace.

    Not an Exception, for the same reason as `Interrupted`.
    """


@dataclass(frozen=True)
class Work:
    """A task in the durable engine, not ended. contract: whose steps it follows.  worker: who claimed it, and when.

    Without a worker it stands in line; then `claimed_at` says nothing.
    """

    task_id: str
    pool: str
    contract: str
    worker: str | None
    claimed_at: int | None


class Step(Protocol):
    """Runs a function once: its result is recorded and given again when the workflow is taken up anew."""

    def __call__(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """Run `work(*arguments)`; both the result and an error must survive pickling."""


def once(work: Callable[[], T]) -> Callable[[], T]:
    """`work`, done at the first call; later calls give the same result or error. What is no Exception is not kept."""
    outcome: Future[T] = Future()

    def kept() -> T:
        if not outcome.done():
            try:
                outcome.set_result(work())
            except Exception as error:
                outcome.set_exception(error)
        return outcome.result()

    return kept


def log_through_ours() -> None:
    """Let the durable engine log as everybody here does, and not by a handler of its own on standard error.

    It makes one when it finds none, keeps it for the whole process, and passes nothing on.
    """
    told = logging.getLogger("dbos")
    told.handlers[:] = [logging.NullHandler()]
    told.propagate = True


def make_tables(engine: sa.Engine) -> None:
    """Make the durable engine's tables, or bring them up to date. A queue that runs does so too, if it may."""
    log_through_ours()
    DBOS.migrate(engine.url.render_as_string(hide_password=False))


def check_tables(engine: sa.Engine) -> None:
    """Raises Unavailable where the durable engine's tables are missing or of an older version of it."""
    if engine.dialect.name == "sqlite":
        stands, needed = get_sqlite_migration_versions(engine)
    else:
        stands, needed = get_migration_versions(engine, "dbos", use_listen_notify=True)
    if stands < needed:
        raise Unavailable(
            f"The tables of the durable queue are {'of an older version' if stands else 'missing'}. "
            "Run `refilm db upgrade`, or start a server whose role may change the schema."
        )


class Queue:
    """Durable work by pools. One at a time may run in a process, because the durable engine is one."""

    _only_one = threading.Lock()

    def __init__(self, engine: sa.Engine, *, executor_id: str, pools: Mapping[str, int]) -> None:
        """engine: of the database that also holds the tasks.  executor_id: whose interrupted work resumes at start.

        pools: how many tasks of each pool run at once in this process; none where empty.
        """
        self._engine = engine
        sa.event.listen(engine, "handle_error", told_as_away)
        self.executor_id = executor_id
        self.pools = {name: slots for name, slots in pools.items() if slots > 0}
        self.contract = WORKFLOW_CONTRACT
        self._client: DBOSClient | None = None
        self._timers: list[threading.Event] = []
        self._complete = threading.Event()
        self._stopping = threading.Event()
        self._at_work: Counter[str] = Counter()
        self._counting = threading.Condition()
        self._suspects: frozenset[tuple[str, int | None]] = frozenset()
        self._claiming: list[tuple[dbos.Queue, int]] = []
        self._running = False

    def run(self, body: Callable[[str, Step], None]) -> None:
        """Begin to work: what was interrupted first, then what is enqueued.

        Raises Unavailable where another queue of this process is running.
        """
        if not self._only_one.acquire(blocking=False):
            raise Unavailable(
                "There is one server in this process already, and there can be no second: close it first."
            )
        self._running = True
        try:
            self._launch(body)
        except BaseException:
            self.close()
            raise

    def _launch(self, body: Callable[[str, Step], None]) -> None:
        log_through_ours()
        engine = DBOS(
            config={
                "name": "refilm",
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "application_version": str(self.contract),
                "executor_id": self.executor_id,
                "log_level": "ERROR",
                "max_executor_threads": max(8, 2 * sum(self.pools.values()) + 4),
            }
        )

        @DBOS.workflow(name=WORKFLOW)
        def task_workflow(task_id: str) -> None:
            # Interrupted work resumes inside launch(), and a task that ends enqueues others.
            self._complete.wait()
            with self._counted(task_id):
                body(task_id, self._step)

        DBOS.listen_queues([])
        # Not `DBOS.register_queue`, which writes the slots into the database: the process that started last would set
        # those of all others. Such a queue is this process's own.
        for name, slots in self.pools.items():
            claiming = engine._registry._register_internal_queue(
                name, worker_concurrency=slots, polling_interval_sec=POLL_SECONDS
            )
            self._claiming.append((claiming, slots))
        DBOS.launch()
        self._client = DBOSClient(system_database_engine=self._engine, application_name="refilm")
        self._complete.set()
        self.schedule(STRAY_SECONDS, self.resume_strays, "strays")

    def _step(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """The durable engine's own step, asked again until the result is recorded; the work is done once."""
        context, kept = assert_current_dbos_context(), once(lambda: work(*arguments))
        number = context.function_id
        while True:
            try:
                return DBOS.run_step({"name": name}, kept)
            except DBOSWorkflowConflictIDError as lost:
                raise Overtaken from lost
            except Away as away:
                logger.warning("a step cannot be recorded, trying again: %s: %s", name, away)
                context.function_id = number  # the same step, not the next one
                if self._stopping.wait(RECORD_SECONDS):
                    raise Interrupted from away

    @contextmanager
    def _counted(self, task_id: str) -> Iterator[None]:
        """Note what is at work here. A workflow that was taken from us and came back is here twice."""
        with self._counting:
            self._at_work[task_id] += 1
        try:
            yield
        finally:
            with self._counting:
                self._at_work -= Counter((task_id,))  # drops what comes to nothing
                self._counting.notify_all()

    def resume_strays(self) -> int:
        """Enqueue again what this process claimed and does not do, as at the last call. Returns how much that was.

        A claim whose answer was lost, and an end that could not be recorded, leave such work. A claim that is just
        being handed to a thread looks the same, but not twice.
        """
        found = [work for work in self._claimed() if work.task_id not in self._at_work]
        strays = [work for work in found if (work.task_id, work.claimed_at) in self._suspects]
        self._suspects = frozenset((work.task_id, work.claimed_at) for work in found)
        self.resume(strays)
        return len(strays)

    def _claimed(self) -> list[Work]:
        """What stands in the database as being done by this process."""
        return self._listed(status="PENDING", executor_id=self.executor_id)

    def in_flight(self) -> list[Work]:
        """Everything that was enqueued and has not ended, whoever does it."""
        return self._listed(status=["ENQUEUED", "PENDING"])

    def _listed(self, **wanted: Any) -> list[Work]:
        assert self._client is not None
        found = self._client.list_workflows(name=WORKFLOW, load_input=False, load_output=False, **wanted)
        return [
            Work(
                work.workflow_id,
                work.queue_name or "",
                work.app_version or "",
                work.executor_id if work.status == "PENDING" else None,
                work.dequeued_at,
            )
            for work in found
        ]

    def resume(self, works: Sequence[Work]) -> None:
        """Put back into line, each in its own pool, what somebody claimed who does it no more."""
        assert self._client is not None
        by_pool: defaultdict[str, list[str]] = defaultdict(list)
        for work in works:
            by_pool[work.pool].append(work.task_id)
        for pool, ids in by_pool.items():
            logger.info("enqueued again: %s", " ".join(ids))
            self._client.resume_workflows(ids, queue_name=pool or None)

    def drain(self, on: bool = True) -> None:
        """Claim nothing more in this process, or claim again. What runs goes on."""
        for claiming, slots in self._claiming:
            claiming._worker_concurrency = 0 if on else slots

    def idle(self, seconds: float) -> bool:
        """Wait until nothing runs in this process, at most so long. Returns whether that is so."""
        with self._counting:
            return self._counting.wait_for(lambda: not self._at_work, seconds)

    def enqueue(self, connection: sa.Connection, task_id: str, pool: str) -> None:
        """Hand a task to a pool, in the caller's transaction. The same id again is the same work."""
        if self._client is None:
            raise RuntimeError("The queue is not running yet.")
        self._client.enqueue_in_transaction(
            connection,
            {
                "workflow_name": WORKFLOW,
                "queue_name": pool,
                "workflow_id": task_id,
                "app_version": str(self.contract),
            },
            task_id,
        )

    def forget(self, task_ids: Sequence[str]) -> None:
        """Drop what is recorded of finished work."""
        if self._client is not None:
            self._client.delete_workflows(list(task_ids))

    def schedule(self, seconds: float, work: Callable[[], object], name: str) -> None:
        """Run `work` every so many seconds in this process until `close`. An error is logged, not fatal."""
        stop = threading.Event()
        self._timers.append(stop)

        def loop() -> None:
            while not stop.wait(seconds):
                try:
                    work()
                except Unavailable as away:
                    logger.warning("scheduled work waits for its next turn: %s: %s", name, away)
                except Exception:
                    logger.exception("scheduled work failed: %s", name)

        threading.Thread(target=loop, name=f"refilm-{name}", daemon=True).start()

    def interrupt(self) -> None:
        """Let no step wait any longer for a database that is away."""
        self._stopping.set()

    def close(self, seconds: int = 0) -> None:
        """Claim nothing more and give what runs `seconds` to end. What does not is left to whoever resumes it.

        What ended by `Interrupted` is on the queue again when this returns, for others and for the next start.
        """
        for stop in self._timers:
            stop.set()
        if self._running:
            self._running = False
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)
            self._only_one.release()
        self._stopping.set()
        if self._client is not None:
            with suppress(Away):  # then the next start finds it, or the sweep of another process
                self.resume([work for work in self._claimed() if work.task_id not in self._at_work])
            self._client.destroy()
            self._client = None
        self._engine.dispose()
