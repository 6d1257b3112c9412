"""`refilm worker`: run edits for servers on other machines, or on this one. Answers no requests."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Annotated

import typer

from refilm.cli.options import AssetsUrl, Data, DatabaseUrl, Workers


class PoolName(StrEnum):
    """What a worker is for: engines that need processors, GPUs, or another server."""

    CPU = "cpu"
    GPU = "gpu"
    RELAY = "relay"


def worker(
    pool: Annotated[PoolName, typer.Option(help="Which engines' edits it runs.")],
    workers: Workers = None,
    database_url: DatabaseUrl = None,
    assets_url: AssetsUrl = None,
    data: Data = None,
) -> None:
    """Run edits of one pool. Needs a PostgreSQL database and assets that it shares with `refilm serve`."""
    from refilm.bootstrap.process import build_worker
    from refilm.cli.ending import Ending
    from refilm.cli.options import settings_with, start_logging

    settings = settings_with(
        pools=(pool.value,), workers=workers, database_url=database_url, assets_url=assets_url, data=data
    )
    start_logging(settings)
    process = build_worker(settings)
    over = threading.Event()
    ending = Ending(process, settings.grace_seconds)
    ending.install()
    ending.then(over.set)
    process.start()
    try:
        typer.echo(
            f"Refilm works for the pool {pool.value}: {settings.workers} at a time, as {process.queue.executor_id}"
        )
        over.wait()
    finally:
        process.close()
