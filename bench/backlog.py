"""What it costs that tasks wait: at the end of every task, and while nothing happens. Sections of bench/scale.py."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import sqlalchemy as sa
import table
from grounds import KINDS, ROUTES, campaign_server, create_call, environment_of, settings_of
from peers import Postgres, ask, tell
from rows import accounts, add_waiting

from refilm.admission import Admission
from refilm.bootstrap.places import open_store, queue_engine
from refilm.config import Settings
from refilm.domain.account import Tier
from refilm.domain.edit import EditRequest, Model
from refilm.domain.task import Task, TaskStatus
from refilm.queue import Queue
from refilm.store.sql import Transaction

#: Slots and tasks in line of the pool whose finishes are measured: those of a hundred GPUs.
WINDOW = 108
#: Waiting tasks, and the accounts that they belong to.
CROWDS = ((300, 1), (10_000, 1), (10_000, 500), (10_000, 5_000), (100_000, 500))
#: Ends of tasks that are timed, after some that are not.
TIMED, UNTIMED = 100, 12


def section_finish(options: argparse.Namespace, scratch: Path, postgres: Postgres) -> None:
    """What the end of a task costs, for every crowd on both databases."""
    table.head("waiting tasks / accounts", *(f"{kind}: ms of CPU (ratio to the first)" for kind in KINDS))
    base: dict[str, float] = {}
    for number, (tasks, owners) in enumerate(CROWDS[:3] if options.quick else CROWDS):
        cells = []
        for kind in KINDS:
            settings = settings_of(scratch / f"finish-{kind}-{number}", environment_of(kind, postgres))
            took = finishes(settings, tasks, owners, [postgres.process] if kind == "postgres" else [])
            base.setdefault(kind, took)
            cells.append(f"{1000 * took:.1f} ({took / base[kind]:.1f})")
        table.row(f"{tasks:,} / {owners:,}", *cells)


def finishes(settings: Settings, tasks: int, owners: int, database: list[int]) -> float:
    """CPU seconds, ours and the database's, of a transaction that ends a task and admits others: the mean of many."""
    store, engine = open_store(settings), queue_engine(settings)
    queue = Queue(engine, executor_id="bench", pools={})
    queue.run(lambda *_: None)
    admission = Admission(
        store, queue.enqueue, lambda _: "cpu", lambda _: {"cpu": WINDOW}, lambda _: Tier(), lambda: datetime.now(UTC)
    )
    try:
        add_waiting(engine, tasks, accounts(owners))
        store.write(admission.promote).result()
        for _ in range(UNTIMED):
            store.write(lambda tx: end_one(tx, admission)).result()
        before = spent([os.getpid(), *database])
        for _ in range(TIMED):
            store.write(lambda tx: end_one(tx, admission)).result()
        return (spent([os.getpid(), *database]) - before) / TIMED
    finally:
        queue.close()
        store.close()


def end_one(tx: Transaction, admission: Admission) -> None:
    """End one task that is at work, as a cancel does."""
    task_id, account = tx.connection.execute(
        sa.text("SELECT id, account FROM tasks WHERE admitted_at IS NOT NULL AND finished_at IS NULL LIMIT 1")
    ).one()
    now = datetime.now(UTC)
    tx.tasks.cancel(task_id, now)
    request = EditRequest(Model.GEN4_ALEPH, "asset:v")
    admission.promote(tx, Task(task_id, account, request, TaskStatus.CANCELLED, now, "campaign"))


def section_idle(options: argparse.Namespace, scratch: Path, _: Postgres) -> None:
    """Let servers with and without a crowd stand for a while, and count their processors' time."""
    seconds = 20 if options.quick else 130  # two of the sweeps that come once a minute
    with ExitStack() as stack:
        watched = {
            (kind, crowd): stack.enter_context(busy_server(scratch / f"idle-{kind}-{crowd}", kind, crowd))
            for kind in KINDS
            for crowd in (0, 10_000)
        }
        time.sleep(5)
        before = {name: spent(processes) for name, processes in watched.items()}
        began = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - began
        shares = {name: (spent(processes) - before[name]) / passed for name, processes in watched.items()}
    table.head("idle for", "nobody waits: % of a core", "10,000 tasks of 500 accounts wait", "ratio")
    for kind in KINDS:
        none, many = shares[kind, 0], shares[kind, 10_000]
        table.row(f"{kind}, {seconds} s", f"{100 * none:.1f}", f"{100 * many:.1f}", f"{many / none:.2f}")


@contextmanager
def busy_server(data: Path, kind: str, crowd: int) -> Iterator[list[int]]:
    """A server whose only worker is busy for an hour, and its database: their processes."""
    with ExitStack() as stack:
        processes, settings = [], dict(ROUTES)
        if kind == "postgres":
            database = stack.enter_context(Postgres.started())
            settings |= environment_of(kind, database)
            processes.append(database.process)
        base, pid = stack.enter_context(campaign_server(data, settings))
        create = create_call(base, tell(data, settings, "keys", "create", "bench"), data, "wait 3600 s, copy")
        ask(create)
        if crowd:
            engine = queue_engine(settings_of(data, settings))
            add_waiting(engine, crowd, accounts(500))
            engine.dispose()
        ask(create)  # the look after it finds the crowd
        yield [*processes, pid]


def spent(processes: list[int]) -> float:
    """Seconds of CPU of these processes and of all that they have started, ended or not."""
    total = 0.0
    for root in map(psutil.Process, processes):
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
