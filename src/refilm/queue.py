"""The durable engine (DBOS) behind a few verbs: enqueue, step, run, schedule, close. The only importer of dbos.

A workflow is one call of `body(task_id, step)`. What `step` returned is recorded, so that a workflow that is taken up
again after a crash does not repeat it. Knows nothing of tasks beyond their ids.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient

from refilm.errors import Unavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Raised by one when the steps of a workflow change meaning: work of another number is left to its own version.
WORKFLOW_CONTRACT = 1

WORKFLOW = "refilm_task"

#: How often a pool looks for work, in seconds. Invisible beside the seconds of an edit, cheap while idle.
POLL_SECONDS = 0.25


class Interrupted(BaseException):
    """The process is about to end: leave the workflow as it is, to be taken up at the next start.

    Not an Exception, because the durable engine records every Exception as the workflow's end.
    """


class Step(Protocol):
    """Runs a function once: its result is recorded and given again when the workflow is taken up anew."""

    def __call__(self, name: str, work: Callable[..., T], *arguments: Any) -> T:
        """Run `work(*arguments)`; both the result and an error must survive pickling."""


def checkpointed(name: str, work: Callable[..., T], *arguments: Any) -> T:
    """The durable engine's own step."""
    return DBOS.run_step({"name": name}, work, *arguments)


class Queue:
    """Durable work by pools. One at a time may run in a process, because the durable engine is one."""

    _only_one = threading.Lock()

    def __init__(self, engine: sa.Engine, *, executor_id: str, pools: Mapping[str, int]) -> None:
        """engine: of the database that also holds the tasks.  executor_id: whose interrupted work resumes at start.

        pools: how many tasks of each pool run at once in this process; none where empty.
        """
        self._engine = engine
        self._executor_id = executor_id
        self._pools = {name: slots for name, slots in pools.items() if slots > 0}
        self._client: DBOSClient | None = None
        self._timers: list[threading.Event] = []
        self._complete = threading.Event()
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
        DBOS(
            config={
                "name": "refilm",
                "system_database_url": self._engine.url.render_as_string(hide_password=False),
                "system_database_engine": self._engine,
                "application_version": str(WORKFLOW_CONTRACT),
                "executor_id": self._executor_id,
                "log_level": "ERROR",
                "max_executor_threads": max(8, 2 * sum(self._pools.values()) + 4),
            }
        )

        @DBOS.workflow(name=WORKFLOW)
        def task_workflow(task_id: str) -> None:
            # Interrupted work resumes inside launch(), and a task that ends enqueues others.
            self._complete.wait()
            body(task_id, checkpointed)

        DBOS.listen_queues(list(self._pools))
        DBOS.launch()
        for name, slots in self._pools.items():
            DBOS.register_queue(
                name, worker_concurrency=slots, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
            )
        self._client = DBOSClient(system_database_engine=self._engine, application_name="refilm")
        self._complete.set()

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
                "app_version": str(WORKFLOW_CONTRACT),
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
                except Exception:
                    logger.exception("scheduled work failed: %s", name)

        threading.Thread(target=loop, name=f"refilm-{name}", daemon=True).start()

    def close(self, seconds: int = 0) -> None:
        """Stop taking work and give what runs `seconds` to end. What does not is resumed at the next start."""
        for stop in self._timers:
            stop.set()
        if self._client is not None:
            self._client.destroy()
            self._client = None
        if self._running:
            self._running = False
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)
            self._only_one.release()
        self._engine.dispose()
