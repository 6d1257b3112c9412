"""How far one database carries: more workers, more who wait, more that is finished; each as ratios of one run.

    python bench/scale.py [--section workers finish idle creates] [--quick]

workers  tasks that burn one second on one thread, by one and by two worker processes on one PostgreSQL; real edits
         beside them. Goal: two do at least 1.8 times (0.9 linear) what one does, on two cores that nobody else uses.
finish   CPU of the transaction that ends a task and admits others, with crowds of all shapes waiting.
idle     CPU of a server, of its children and of its database while 10,000 tasks of 500 accounts wait for a worker that
         is busy, beside one where nobody waits. Goal: less than 10 % of a core.
creates  p99 of a create with 1,000, 100,000 and 1,000,000 finished tasks, for an account without a tier and for one
         whose tasks are counted; the three servers take turns. Goal: it does not grow.

SQLite and PostgreSQL are both measured, but for the workers. Everything runs on this machine and shares its cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa
import table
from api import load
from backlog import section_finish, section_idle
from grounds import KINDS, ROUTES, campaign_server, create_call, environment_of, rest, settings_of, work_off, worker
from peers import ENVIRONMENTS, Call, Postgres, ask, refilm_with, tell
from rows import accounts, add_finished

from refilm.bootstrap.places import open_store, queue_engine

SIZES = (1_000, 100_000, 1_000_000)
CONNECTIONS = 8
#: Measured tasks of each worker, after some to warm up.
TASKS, WARM_UP = 12, 2
#: What is asked of the workers: prompt, model, clip.
LOADS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "burn 1 s": ("burn 1 s, copy", "gen4_aleph", {}),
    "real edits": ("make it black and white", "aleph2", {"size": (640, 360), "rate": 25, "seconds": 4}),
}


def section_creates(options: argparse.Namespace, scratch: Path, postgres: Postgres) -> None:
    """Let servers with histories of all sizes take turns in answering creates."""
    sizes = SIZES[:2] if options.quick else SIZES
    table.head("creates", *(f"{size:,} finished: p50 / p99 ms (ratio of p99)" for size in sizes))
    for kind in KINDS:
        with ExitStack() as stack:
            servers = {}
            for size in sizes:
                data = scratch / f"creates-{kind}-{size}"
                servers[size] = stack.enter_context(server_with_history(data, environment_of(kind, postgres), size))
            told = take_turns(servers, options, scratch)
        for who in ("no tier", "tier 5"):
            first = told[who, sizes[0]]
            cells = []
            for size in sizes:
                seen = told[who, size]
                growth = median(now["p99_ms"] / then["p99_ms"] for now, then in zip(seen, first, strict=True))
                p50, p99 = (median(one[name] for one in seen) for name in ("p50_ms", "p99_ms"))
                cells.append(f"{p50:.1f} / {p99:.1f} ({growth:.2f})")
            table.row(f"{kind}, {who}", *cells)


def take_turns(
    servers: Mapping[int, Mapping[str, Call]], options: argparse.Namespace, scratch: Path
) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """What the loader saw of each account on each server, once a round."""
    told: dict[tuple[str, int], list[dict[str, Any]]] = {}
    sizes = list(servers)
    for turn in range(options.rounds):
        for size in sizes[turn % len(sizes) :] + sizes[: turn % len(sizes)]:
            for who, call in servers[size].items():
                told.setdefault((who, size), []).append(load(call, CONNECTIONS, options.seconds, scratch))
    return told


@contextmanager
def server_with_history(data: Path, environment: Mapping[str, str], size: int) -> Iterator[dict[str, Call]]:
    """A server without workers, in whose database so many tasks have ended; creates of two of its hundred accounts."""
    with refilm_with(data, environment, "refilm") as peer:
        base = peer.create.url.rpartition("/")[0]
        counted = create_call(base, tell(data, environment, "keys", "create", "counted"), data, "make it warm")
        tell(data, environment, "keys", "tier", "counted", "5")
        settings = settings_of(data, environment)
        store, engine = open_store(settings), queue_engine(settings)
        names = ("bench", "counted")
        owners = [account.id for name in names if (account := store.read(lambda tx, n=name: tx.accounts.named(n)))]
        store.close()
        add_finished(engine, size, [*owners, *accounts(98)])
        engine.dispose()
        time.sleep(6)  # for five seconds the server remembers the account as it was before its tier
        yield {"no tier": peer.create, "tier 5": counted}


def section_workers(options: argparse.Namespace, scratch: Path, postgres: Postgres) -> None:
    """Let one worker process and two work off the same tasks in turn."""
    table.head("tasks", "one worker: tasks/s", "two workers: tasks/s", "ratio", "of linear")
    for name in LOADS:
        one, two = [], []
        for turn in range(1 if options.quick else options.rounds):
            one.append(rate_of(scratch / f"{name}-1-{turn}", postgres.new(), 1, name))
            two.append(rate_of(scratch / f"{name}-2-{turn}", postgres.new(), 2, name))
        ratio = median(both / alone for alone, both in zip(one, two, strict=True))
        table.row(name, f"{median(one):.2f}", f"{median(two):.2f}", f"{ratio:.2f}", f"{ratio / 2:.2f}")


def rate_of(folder: Path, url: str, workers: int, name: str) -> float:
    """Tasks a second between the first start and the last end."""
    prompt, model, clip = LOADS[name]
    folder.mkdir(parents=True)
    shared = {**ROUTES, "REFILM_DATABASE_URL": url, "REFILM_ASSETS_URL": f"file://{folder / 'assets'}"}
    with ExitStack() as stack:
        base, _ = stack.enter_context(campaign_server(folder / "api", {**shared, "REFILM_WORKERS": "0"}))
        each = {**shared, "REFILM_WORKERS": "1"}
        pids = [stack.enter_context(worker(folder / f"worker{number}", each)) for number in range(workers)]
        key = tell(folder / "api", shared, "keys", "create", "bench")
        create = create_call(base, key, folder, prompt, model, **clip)
        work_off(create, [ask(create)["id"] for _ in range(WARM_UP * workers)])
        rest(pids)
        measured = [ask(create)["id"] for _ in range(TASKS * workers)]
        work_off(create, measured)
        return len(measured) / span_of(url, folder, measured)


def span_of(url: str, folder: Path, ids: list[str]) -> float:
    """Seconds between the first start and the last end of these tasks."""
    engine = queue_engine(settings_of(folder / "api", {"REFILM_DATABASE_URL": url}))
    with engine.connect() as connection:
        asked = sa.text("SELECT max(finished_at) - min(started_at) FROM tasks WHERE id = ANY(:ids)")
        span = float(connection.execute(asked, {"ids": ids}).scalar_one())
    engine.dispose()
    return span


SECTIONS: dict[str, Callable[[argparse.Namespace, Path, Postgres], None]] = {
    "workers": section_workers,
    "finish": section_finish,
    "idle": section_idle,
    "creates": section_creates,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--section", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of load on each server and round")
    parser.add_argument("--quick", action="store_true", help="fewer crowds, shorter histories, less patience")
    options = parser.parse_args()
    print(f"Everything shares {len(os.sched_getaffinity(0))} cores.")
    # Beside the source and not in /tmp, which may be memory: a commit must reach a disk.
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ENVIRONMENTS, prefix="scale-") as folder, Postgres.started() as postgres:
        for name in options.section:
            SECTIONS[name](options, Path(folder), postgres)


if __name__ == "__main__":
    main()
