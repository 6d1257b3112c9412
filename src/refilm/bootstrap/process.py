"""Every part of a process that works on tasks, put together, started and ended.

What only a server needs is imported when one is built.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from refilm import __version__
from refilm.accounts import Accounts
from refilm.admission import Admission
from refilm.assets.room import FRESH_SECONDS, Room
from refilm.assets.signing import LOOK_SECONDS, Signer
from refilm.audit import AuditLog
from refilm.bootstrap.clock import now
from refilm.bootstrap.decoders import judge_ffmpeg
from refilm.bootstrap.lending import interpret_with, lent_aids, pool_of_task, pools_of, probe_with, runner_of, slots_of
from refilm.bootstrap.places import (
    audit_log,
    disk_room,
    open_assets,
    open_served_store,
    queue_engine,
    signing_pairs,
)
from refilm.bootstrap.terms import (
    api_settings,
    egress_proxy,
    fetch_policy,
    keep_rules,
    terms_of,
    upload_rules,
    uri_limits,
)
from refilm.config import Settings
from refilm.engines.base import Aids
from refilm.engines.registry import Registry
from refilm.errors import Unavailable
from refilm.fleet import Fleet, Rhythm
from refilm.intake import Intake
from refilm.locks import announce, died, lock_data, retire
from refilm.retention import Sweeper
from refilm.runner.process import Runner
from refilm.service import Service
from refilm.store.base import Store
from refilm.store.sql import Transaction
from refilm.store.workers import Worker
from refilm.telemetry import metrics_registry
from refilm.uploads import Uploads

if TYPE_CHECKING:
    from fastapi import FastAPI

    from refilm.assets.fetch import Fetcher
    from refilm.queue import Queue
    from refilm.workflow import Workflow

logger = logging.getLogger(__name__)

#: The name of the process that works on a data folder alone.
ONLY_WORKER = "embedded"

#: How many tasks may stand on the queue beyond those at work; enough that a worker never waits for admission.
QUEUE_AHEAD = 8

#: How often admission looks by itself, in case a wake was lost.
SWEEP_SECONDS = 60.0

#: How often what has lived long enough is removed, and how often the files are compared with the rows.
RETENTION_SECONDS, ORPHAN_SECONDS = 300.0, 3600.0


@dataclass
class Process:
    """Every part of one process that works on tasks. `start` begins to work, `close` ends it; both are called once."""

    settings: Settings
    store: Store
    queue: Queue
    fleet: Fleet
    admission: Admission
    service: Service
    workflow: Workflow
    uploads: Uploads
    sweeper: Sweeper
    fetcher: Fetcher
    runner: Runner
    room: Room
    signer: Signer
    lock: IO[str] = field(repr=False)
    lent: ExitStack = field(repr=False)

    def start(self) -> None:
        """Take up what an earlier run left, and begin to work."""
        dead = died(self.settings.data)
        self.fleet.enter(dead)
        for name in dead:
            retire(self.settings.data, name)
        self.queue.run(self.workflow.run)
        self.fleet.start()
        self.runner.start()
        self.admission.wake()
        self.queue.schedule(SWEEP_SECONDS, self.admission.sweep, "admission")
        self.queue.schedule(FRESH_SECONDS, self.room.look, "room")

    def drain(self, seconds: float) -> None:
        """Claim nothing more, say so at /ready, and let what runs end; what has not after so long is handed back.

        `hand_back` cuts it short. Everything else goes on: polls and creates are answered until `close`.
        """
        self.service.leave()
        self.queue.drain()
        self.fleet.leave()
        self.queue.idle(seconds)
        self.hand_back()

    def hand_back(self) -> None:
        """Give up what runs, uncounted, for others or the next start. Takes effect within about a second."""
        self.workflow.stop()
        self.queue.interrupt()

    def close(self) -> None:
        """Hand back what runs, finish what is being written, and let go of everything."""
        self.hand_back()
        self.queue.close(seconds=5)
        self.fleet.close()
        self.fetcher.close()
        self.runner.close()
        self.lent.close()
        self.store.close()
        retire(self.settings.data, self.queue.executor_id)
        self.lock.close()


@dataclass
class Server(Process):
    """A process that also answers requests, and removes what has lived long enough."""

    accounts: Accounts
    audit: AuditLog
    app: FastAPI

    def start(self) -> None:
        """Take up what an earlier run left, and begin to work."""
        super().start()
        self.queue.schedule(LOOK_SECONDS, lambda: self.signer.take(signing_pairs(self.store)), "signing keys")
        self.queue.schedule(RETENTION_SECONDS, self.sweeper.sweep, "retention")
        self.queue.schedule(ORPHAN_SECONDS, self.sweeper.sweep_orphans, "orphans")

    def close(self) -> None:
        """Hand back what runs, finish what is being written, and let go of everything."""
        super().close()
        self.audit.close()


def build(settings: Settings, *, fetcher: Fetcher | None = None, runner: Runner | None = None) -> Server:
    """Put a server together. fetcher, runner: in the place of the usual ones, for those who embed Refilm.

    Raises Unavailable where another server works on the same data, NotFound where a model's engine is missing.
    """
    from refilm.api.app import create_app

    if settings.database_url is not None and settings.assets_url is None:
        logger.warning(
            "the assets lie in %s, which workers of other machines cannot see; set assets_url to share them",
            settings.data,
        )
    process = build_process(settings, fetcher, runner)
    accounts, audit = Accounts(process.store, now), audit_log(settings)
    app = create_app(
        process.service,
        accounts,
        process.uploads,
        api_settings(settings),
        metrics=metrics_registry(process.service.counts),
        audit=audit,
    )
    return Server(**vars(process), accounts=accounts, audit=audit, app=app)


def build_worker(settings: Settings, *, fetcher: Fetcher | None = None, runner: Runner | None = None) -> Process:
    """Put a worker together that shares its database and its assets with servers and other workers.

    Raises Unavailable where the settings name nothing that can be shared, NotFound where a model's engine is missing.
    """
    if settings.database_url is None:
        raise Unavailable(
            "A worker needs a PostgreSQL database that it shares with the server: an SQLite file belongs to one "
            "process. Give --database-url, or let the server do the work itself (`refilm serve`, REFILM_WORKERS)."
        )
    if settings.assets_url is None:
        raise Unavailable(
            "A worker needs assets that it shares with the server: clips in a data folder are found only by who has "
            "the folder. Give --assets-url s3://bucket/prefix, or file:///folder where all of them see one folder."
        )
    if not settings.workers:
        raise Unavailable("A worker that runs no edits is none. Let workers be at least 1.")
    return build_process(settings, fetcher, runner)


def build_process(settings: Settings, fetcher: Fetcher | None, runner: Runner | None) -> Process:
    """What all processes that work on tasks have. Raises as `build` and `build_worker` do."""
    from refilm import queue as durable

    judge_ffmpeg(settings)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as undo:
        name, lock = own_name(settings)
        undo.enter_context(lock)
        registry = Registry(settings.engines)
        pools: dict[str, int] = dict.fromkeys(pools_of(settings, registry), settings.workers)
        store = open_served_store(settings)
        undo.callback(store.close)
        runner = runner or runner_of(settings, slots_of(settings, registry, pools))
        queue = durable.Queue(queue_engine(settings), executor_id=name, pools=pools)
        undo.callback(queue.close)
        lent = undo.enter_context(ExitStack())
        aids = lent.enter_context(lent_aids(settings))
        process = assemble(settings, store, queue, registry, lock, fetcher, runner, aids, lent)
        undo.pop_all()
    return process


def own_name(settings: Settings) -> tuple[str, IO[str]]:
    """What this process is called in the database, and the lock that proves that it lives. Raises Unavailable.

    Of an SQLite file one process works at a time: it takes up what its namesake left. Of a database that many share
    each has a name that nobody had before.
    """
    if settings.database_url is None:
        return ONLY_WORKER, lock_data(settings.data)
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    return name, announce(settings.data, name)


def assemble(
    settings: Settings,
    store: Store,
    queue: Queue,
    registry: Registry,
    lock: IO[str],
    fetcher: Fetcher | None,
    runner: Runner,
    aids: Aids,
    lent: ExitStack,
) -> Process:
    """The parts of a process around its store.  lent: gives back what the aids hold."""
    from refilm.workflow import Allowance, Workflow

    assets = open_assets(settings)
    assets.check()
    room = disk_room(settings, assets)
    signer = Signer(signing_pairs(store))
    fetcher = fetcher or fetcher_of(settings)
    find_pool = pool_of_task(registry)
    admission = Admission(store, queue.enqueue, find_pool, windows_of(settings, queue.contract), settings.tier, now)
    uploads = Uploads(
        store, assets, signer, probe_with(runner), now, path="/uploads", rules=upload_rules(settings), room=room
    )
    intake = Intake(store, assets, fetcher, settings.limits, uri_limits(settings), now, uploads.collect, room)
    service = Service(store, assets, admission, intake, signer, terms_of(settings), now, room)
    workflow = Workflow(
        service,
        store,
        assets,
        fetcher,
        runner,
        limits_of=settings.limits,
        allowance=Allowance(settings.edit_seconds, settings.edit_seconds_per_megapixel_frame),
        options=settings.engine_options(),
        interpret=interpret_with(registry, aids),
        room=room,
    )
    fleet = fleet_of(settings, store, queue, find_pool, admission)
    sweeper = Sweeper(store, assets, queue.forget, keep_rules(settings), now)
    return Process(
        settings,
        store,
        queue,
        fleet,
        admission,
        service,
        workflow,
        uploads,
        sweeper,
        fetcher,
        runner,
        room,
        signer,
        lock,
        lent,
    )


def fetcher_of(settings: Settings) -> Fetcher:
    """What brings inputs from the places that the settings allow."""
    from refilm.assets.fetch import Fetcher, FetchLimits

    limits = FetchLimits(settings.max_video_bytes, settings.max_image_bytes, settings.fetch_seconds)
    return Fetcher(fetch_policy(settings), limits, proxy=egress_proxy(settings))


def fleet_of(
    settings: Settings, store: Store, queue: Queue, find_pool: Callable[[str], str], admission: Admission
) -> Fleet:
    """This process among those on the same database, with a row for each pool that it works for."""
    return Fleet(
        store,
        queue,
        queue.executor_id,
        [Worker(queue.executor_id, pool, slots, queue.contract, __version__) for pool, slots in queue.pools.items()],
        Rhythm(settings.beat_seconds, settings.dead_seconds),
        contract=queue.contract,
        pool_of=find_pool,
        wake=admission.wake,
        clock=time.monotonic,
    )


def windows_of(settings: Settings, contract: int) -> Callable[[Transaction], Mapping[str, int]]:
    """How many tasks of each pool may be admitted at once: what its living workers run, and a few ahead."""

    def windows(tx: Transaction) -> Mapping[str, int]:
        slots = tx.workers.slots(settings.dead_seconds, contract)
        return {pool: count + QUEUE_AHEAD for pool, count in slots.items()}

    return windows
