"""Settings to parts: store, assets, queue, engines, service, app. The only file that names concrete classes.

What only a server needs is imported when one is built: commands that look up a key do not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from refilm import __version__
from refilm.accounts import Accounts
from refilm.admission import Admission
from refilm.assets.base import Assets
from refilm.assets.bucket import Bucket
from refilm.assets.local import LocalAssets
from refilm.assets.room import FRESH_SECONDS, Ballast, Room, free_bytes
from refilm.assets.signing import Signer
from refilm.config import Pool, Settings
from refilm.domain.clock import SteadyClock
from refilm.domain.edit import EditRequest, Model
from refilm.domain.uri import UriLimits
from refilm.engines.base import Aids, Interpreting
from refilm.engines.registry import Registry
from refilm.errors import NotFound, Unavailable
from refilm.fleet import Fleet, Rhythm
from refilm.intake import Intake
from refilm.locks import announce, died, lock_data, retire
from refilm.net.policy import Allowed, Policy, parse_allow, parse_endpoint_allow
from refilm.net.proxy import Proxy, parse_proxy
from refilm.retention import Keep, Sweeper
from refilm.runner.process import Runner
from refilm.service import Service, Terms
from refilm.store.base import Store
from refilm.store.sql import Transaction
from refilm.store.sqlite import SqliteStore, shared_engine, upgrade_file
from refilm.store.workers import Worker
from refilm.telemetry import metrics_registry
from refilm.uploads import Probe, UploadRules, Uploads

if TYPE_CHECKING:
    import sqlalchemy as sa
    from fastapi import FastAPI

    from refilm.api.settings import ApiSettings
    from refilm.assets.fetch import Fetcher
    from refilm.queue import Queue
    from refilm.store.schema import Schema
    from refilm.workflow import Interpret, Workflow

logger = logging.getLogger(__name__)

#: The pool of an engine by what it runs on; of any other it is "cpu".
POOLS: Mapping[str, Pool] = {"cuda": "gpu", "remote": "relay"}

#: The name of the process that works on a data folder alone.
ONLY_WORKER = "embedded"

#: How many tasks may stand on the queue beyond those at work; enough that a worker never waits for admission.
QUEUE_AHEAD = 8

#: Connections that the durable queue keeps to a PostgreSQL database.
QUEUE_CONNECTIONS = 8

#: How often admission looks by itself, in case a wake was lost.
SWEEP_SECONDS = 60.0

#: How often what has lived long enough is removed, and how often the files are compared with the rows.
RETENTION_SECONDS, ORPHAN_SECONDS = 300.0, 3600.0

#: How long a scratch file of a shared folder lay untouched before it counts as left behind.
SHARED_SCRATCH_AGE = timedelta(days=1)

SIGNING_KEY = "signing-1"


def wall() -> datetime:
    """The time by the system's clock."""
    return datetime.now(UTC)


def seconds_awake_or_not() -> float:
    """Seconds that never step, and that pass while the machine sleeps, where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


#: The clock of everything that is built here.
now = SteadyClock(wall, seconds_awake_or_not)


def sqlite_file(settings: Settings) -> Path:
    """Where the rows are, if no database is named. Its folder is made where it is missing."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings.data / "refilm.sqlite"


def open_store(settings: Settings) -> Store:
    """The rows: of the database that the settings name, else of the data folder, which is made where it is missing."""
    if settings.database_url is None:
        return SqliteStore(sqlite_file(settings))
    from refilm.store.postgres import PostgresStore

    return PostgresStore(settings.database_url.get_secret_value())


def open_served_store(settings: Settings) -> Store:
    """The rows for a process that works on them, brought to what this Refilm needs where it works alone."""
    if settings.database_url is None:
        upgrade_file(sqlite_file(settings))  # the lock on the folder says that nobody works with the old schema
    return open_store(settings)


def queue_engine(settings: Settings) -> sa.Engine:
    """An engine on the database of the rows, for the durable queue."""
    if settings.database_url is None:
        return shared_engine(sqlite_file(settings))
    from refilm.store.postgres import postgres_engine

    return postgres_engine(settings.database_url.get_secret_value(), QUEUE_CONNECTIONS)


def upgrade_schema(settings: Settings) -> Schema:
    """Bring the database to what this Refilm needs, the durable queue's tables too; returns where it stood.

    Raises Unavailable, also where a server works on the data folder.
    """
    from refilm.queue import make_tables

    with ExitStack() as held:
        if settings.database_url is None:
            file = sqlite_file(settings)
            held.enter_context(lock_data(settings.data))
            found = upgrade_file(file)
        else:
            from refilm.store.postgres import upgrade_database

            found = upgrade_database(settings.database_url.get_secret_value())
        engine = queue_engine(settings)
        held.callback(engine.dispose)
        make_tables(engine)
    return found


def check_schema(settings: Settings) -> str:
    """The revision that the database stands at, if it is all that this Refilm needs.

    Raises Unavailable with what to do where it is not. Changes nothing.
    """
    from refilm.queue import check_tables
    from refilm.store.schema import check

    if settings.database_url is None and not (settings.data / "refilm.sqlite").exists():
        raise Unavailable(f"There is no database in {settings.data} yet. Start a server, or run `refilm db upgrade`.")
    engine = queue_engine(settings)
    try:
        revision = check(engine)
        check_tables(engine)
    finally:
        engine.dispose()
    return revision


def open_assets(settings: Settings) -> Assets:
    """The bytes: where assets_url says, else in the data folder. Raises Unavailable."""
    place = urlsplit(settings.assets_url or "")
    if place.scheme == "s3":
        from refilm.assets.s3 import S3Assets

        return S3Assets(bucket_of(settings), settings.data / "scratch", wall)
    if place.scheme == "file":
        return LocalAssets(Path(unquote(place.path)), sweep_after=SHARED_SCRATCH_AGE)
    return LocalAssets(settings.data / "assets")


def bucket_of(settings: Settings) -> Bucket:
    """The bucket that assets_url names."""
    place = urlsplit(settings.assets_url or "")
    secret = settings.s3_secret_key
    return Bucket(
        place.netloc,
        place.path.strip("/"),
        settings.s3_endpoint,
        settings.s3_region,
        settings.s3_access_key,
        secret.get_secret_value() if secret else None,
        allow_http=(settings.s3_endpoint or "").startswith("http:"),
        links=settings.s3_links,
        link_endpoint=settings.s3_link_endpoint,
    )


@contextmanager
def open_accounts(settings: Settings) -> Iterator[Accounts]:
    """The accounts alone, for commands beside a running server."""
    store = open_store(settings)
    try:
        yield Accounts(store, now)
    finally:
        store.close()


def signing_secret(store: Store) -> bytes:
    """The secret behind signed URLs, made at the first start."""

    def change(tx: Transaction) -> bytes:
        secret = tx.accounts.secret(SIGNING_KEY)
        if secret is None:
            secret = secrets.token_bytes(32)
            tx.accounts.add_secret(SIGNING_KEY, secret, now())
        return secret

    return store.write(change).result()


def fetch_policy(settings: Settings) -> Policy:
    """Where inputs may be fetched from."""
    ca_file = str(settings.fetch_ca_file) if settings.fetch_ca_file else None
    return Policy(allow=tuple(parse_allow(text, ca_file) for text in settings.fetch_allow))


def endpoints(settings: Settings) -> tuple[Allowed, ...]:
    """Where URLs of the operator's may lead."""
    return tuple(parse_endpoint_allow(text) for text in settings.endpoint_allow)


def egress_proxy(settings: Settings) -> Proxy | None:
    """Through what inputs are fetched."""
    if settings.egress_proxy is None:
        return None
    return parse_proxy(settings.egress_proxy.get_secret_value(), endpoints(settings))


def uri_limits(settings: Settings) -> UriLimits:
    """How long input URIs may be."""
    return UriLimits(max_video_data_chars=settings.max_video_data_uri, max_image_data_chars=settings.max_image_data_uri)


def upload_rules(settings: Settings) -> UploadRules:
    """What an upload may be."""
    return UploadRules(
        max_bytes=settings.max_upload_bytes,
        slot_time=timedelta(seconds=settings.upload_slot_seconds),
        uri_time=timedelta(seconds=settings.upload_seconds),
    )


def disk_room(settings: Settings, assets: Assets) -> Room:
    """The room where rows and bytes are."""
    places = (partial(free_bytes, settings.data), assets.free_bytes)
    return Room(places, settings.min_free_bytes, Ballast(settings.data / "ballast"))


def keep_rules(settings: Settings) -> Keep:
    """How long things are kept."""

    def days(count: float | None) -> timedelta | None:
        return timedelta(days=count) if count is not None else None

    return Keep(tasks=days(settings.keep_tasks_days), records=days(settings.keep_records_days))


def probe_with(runner: Runner) -> Probe:
    """How an upload is probed: in a child process, off the event loop."""

    async def probe(file: BinaryIO) -> Mapping[str, Any]:
        return await asyncio.to_thread(runner.probe, file)

    return probe


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
    room: Room
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
        self.lent.close()
        self.store.close()
        retire(self.settings.data, self.queue.executor_id)
        self.lock.close()


@dataclass
class Server(Process):
    """A process that also answers requests, and removes what has lived long enough."""

    accounts: Accounts
    app: FastAPI

    def start(self) -> None:
        """Take up what an earlier run left, and begin to work."""
        super().start()
        self.queue.schedule(RETENTION_SECONDS, self.sweeper.sweep, "retention")
        self.queue.schedule(ORPHAN_SECONDS, self.sweeper.sweep_orphans, "orphans")


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
    accounts = Accounts(process.store, now)
    app = create_app(
        process.service,
        accounts,
        process.uploads,
        api_settings(settings),
        metrics=metrics_registry(process.service.counts),
    )
    return Server(**vars(process), accounts=accounts, app=app)


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

    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as undo:
        name, lock = own_name(settings)
        undo.enter_context(lock)
        registry = Registry(settings.engines)
        pools: dict[str, int] = dict.fromkeys(pools_of(settings, registry), settings.workers)
        store = open_served_store(settings)
        undo.callback(store.close)
        queue = durable.Queue(queue_engine(settings), executor_id=name, pools=pools)
        undo.callback(queue.close)
        lent = undo.enter_context(ExitStack())
        aids = lent.enter_context(lent_aids(settings))
        process = assemble(settings, store, queue, registry, lock, fetcher, runner or Runner(), aids, lent)
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


def pools_of(settings: Settings, registry: Registry) -> list[Pool]:
    """The pools that this process works for: as set, else those of the engines that models are routed to.

    Raises NotFound for an engine that is not there.
    """
    needed = {pool_of(registry, settings.engine_for(model)) for model in Model}
    return list(settings.pools) if settings.pools else sorted(needed)


def pool_of(registry: Registry, engine: str) -> Pool:
    """The pool whose workers run an engine. Raises NotFound."""
    devices = registry.get(engine).capabilities.devices
    return next((POOLS[device] for device in devices if device in POOLS), "cpu")


def pool_of_task(registry: Registry) -> Callable[[str], str]:
    """The pool of a task by its engine's name. What is not installed here any more fails in "cpu", and is told so."""

    @cache
    def find(engine: str) -> str:
        try:
            return pool_of(registry, engine)
        except NotFound:
            return "cpu"

    return find


def sentence_model_folder(named: str) -> Path:
    """The folder that the setting embedding_model means: itself, or that of the model in an installed package.

    Raises Unavailable where there is none that can be used.
    """
    from refilm.engines.effects.interpreters.sentence_model import SentenceModel

    folder = Path(named)
    if not folder.is_dir():
        try:
            carried = distribution(named).files or ()
        except (PackageNotFoundError, ValueError) as error:
            raise Unavailable(f"embedding_model={named} is neither a folder nor an installed package.") from error
        weights = next((file for file in carried if file.name == "model.safetensors"), None)
        if weights is None:
            raise Unavailable(f"embedding_model={named} is a package that carries no model.safetensors.")
        folder = Path(str(weights.locate())).parent
    SentenceModel.load(folder)
    return folder


@contextmanager
def lent_aids(settings: Settings) -> Iterator[Aids]:
    """What the settings lend to engines that interpret prompts. Raises Unavailable or UnclearSetting."""
    folder = sentence_model_folder(settings.embedding_model) if settings.embedding_model else None
    if not settings.chat_url:
        yield Aids(sentence_model=folder)
        return
    from refilm.net.chat import ChatEndpoint

    key = settings.chat_key.get_secret_value() if settings.chat_key else None
    allow = endpoints(settings)
    with closing(
        ChatEndpoint(settings.chat_url, settings.chat_model, key, seconds=settings.chat_seconds, allow=allow)
    ) as chat:
        yield Aids(chat, folder)


def interpret_with(registry: Registry, aids: Aids) -> Interpret:
    """How a workflow, or a command, asks an engine what it finds out before an edit."""

    def interpret(engine: str, request: EditRequest, poll: Callable[[], None]) -> Mapping[str, Any]:
        asked = registry.get(engine)
        return asked.interpret(request, replace(aids, poll=poll)) if isinstance(asked, Interpreting) else {}

    return interpret


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
    from refilm.assets.fetch import Fetcher, FetchLimits
    from refilm.workflow import Allowance, Workflow

    assets = open_assets(settings)
    assets.check()
    room = disk_room(settings, assets)
    signer = Signer([(SIGNING_KEY, signing_secret(store))])
    fetcher = fetcher or Fetcher(
        fetch_policy(settings),
        FetchLimits(settings.max_video_bytes, settings.max_image_bytes, settings.fetch_seconds),
        proxy=egress_proxy(settings),
    )
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
    fleet = Fleet(
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
    sweeper = Sweeper(store, assets, queue.forget, keep_rules(settings), now)
    return Process(
        settings, store, queue, fleet, admission, service, workflow, uploads, sweeper, fetcher, room, lock, lent
    )


def terms_of(settings: Settings) -> Terms:
    """What the operator decided about tasks."""
    return Terms(
        settings.engine_for,
        settings.limits,
        settings.prices,
        settings.output_url_seconds,
        settings.tier,
        settings.max_waiting_tasks,
    )


def windows_of(settings: Settings, contract: int) -> Callable[[Transaction], Mapping[str, int]]:
    """How many tasks of each pool may be admitted at once: what its living workers run, and a few ahead."""

    def windows(tx: Transaction) -> Mapping[str, int]:
        slots = tx.workers.slots(settings.dead_seconds, contract)
        return {pool: count + QUEUE_AHEAD for pool, count in slots.items()}

    return windows


def api_settings(settings: Settings) -> ApiSettings:
    """What the HTTP edge needs to know."""
    from refilm.api.settings import ApiSettings

    return ApiSettings(
        public_url=settings.public_url.rstrip("/") if settings.public_url else None,
        docs_url=settings.docs_url,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        uri_limits=uri_limits(settings),
    )
