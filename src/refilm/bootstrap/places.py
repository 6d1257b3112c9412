"""Where rows, bytes and the queue's own tables are: settings to stores, assets and database engines.

Knows nothing of tasks and of who works on them; commands that look up a key need no more than this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from refilm.accounts import Accounts
from refilm.assets.base import Assets
from refilm.assets.bucket import Bucket
from refilm.assets.local import LocalAssets
from refilm.assets.room import Ballast, Room, free_bytes
from refilm.assets.signing import in_order
from refilm.audit import AuditLog
from refilm.bootstrap.clock import now, wall
from refilm.config import Settings
from refilm.errors import Unavailable
from refilm.keyring import Keyring
from refilm.locks import lock_data
from refilm.store.base import Store
from refilm.store.sqlite import SqliteStore, shared_engine, upgrade_file

if TYPE_CHECKING:
    import sqlalchemy as sa

    from refilm.store.schema import Schema

#: Connections that the durable queue keeps to a PostgreSQL database.
QUEUE_CONNECTIONS = 8

#: How long a scratch file of a shared folder lay untouched before it counts as left behind.
SHARED_SCRATCH_AGE = timedelta(days=1)


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


def disk_room(settings: Settings, assets: Assets) -> Room:
    """The room where rows and bytes are."""
    places = (partial(free_bytes, settings.data), assets.free_bytes)
    return Room(places, settings.min_free_bytes, Ballast(settings.data / "ballast"))


@contextmanager
def open_accounts(settings: Settings) -> Iterator[Accounts]:
    """The accounts alone, for commands beside a running server."""
    store = open_store(settings)
    try:
        yield Accounts(store, now)
    finally:
        store.close()


@contextmanager
def open_keyring(settings: Settings) -> Iterator[Keyring]:
    """The keys that sign links, for commands beside a running server."""
    store = open_store(settings)
    try:
        yield Keyring(store, now)
    finally:
        store.close()


def signing_pairs(store: Store) -> list[tuple[str, bytes]]:
    """The keys that sign links, as a signer takes them: the one that signs in front."""
    return [(key.id, key.secret) for key in in_order(Keyring(store, now).live(), now())]


def audit_log(settings: Settings) -> AuditLog:
    """Where it is noted who did what."""
    return AuditLog(settings.audit_log or settings.data / "audit.jsonl", now)
