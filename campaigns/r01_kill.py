"""R1: servers and workers are killed (SIGKILL) again and again while clients create tasks. Nothing may be lost.

    python campaigns/r01_kill.py [--database sqlite|postgres] [--creates 10000] [--kills 400] [--seed 1] [--data DIR]

With SQLite one `refilm serve` is killed; with PostgreSQL one of a server without workers and two workers. Ends with
one line of verdict and exit code 0 for a pass. With --data a run on SQLite can be broken off
and resumed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from judge import Verdict, check_sqlite, end_of, judge, wait_until_settled
from place import Host, database, end, leave_nothing_behind
from traffic import PROMPTS, ROUTES, Journal, Target, Traffic

from refilm.bootstrap.places import open_assets, open_store
from refilm.config import Settings

#: Leases of seconds, so that the sweep of a dead worker's tasks is part of the run.
QUICK = {"REFILM_BEAT_SECONDS": "0.5", "REFILM_DEAD_SECONDS": "2"}
SILENT = {"REFILM_LOG_LEVEL": "error"}


@dataclass
class Wishes:
    """What a run shall do. pauses: the least and the longest time between two kills, in seconds.

    prompts: with their shares of a hundred creates.  workers: tasks at a time, of the one server on SQLite."""

    kind: str
    creates: int
    kills: int
    seed: int
    data: Path
    pauses: tuple[float, float] = (1.0, 5.0)
    prompts: Sequence[tuple[str, float]] = PROMPTS
    workers: int = 2


def settings_of(kind: str, more: dict[str, str], data: Path) -> dict[str, str]:
    """The environment of every process of the run."""
    shared = {"REFILM_ROUTES": ROUTES, "REFILM_WORKERS": "2", **SILENT, **more}
    if kind == "postgres":
        shared |= {**QUICK, "REFILM_ASSETS_URL": f"file://{data / 'assets'}"}
    return shared


def hosts_of(kind: str, settings: dict[str, str], data: Path) -> list[Host]:
    """The processes; the first one serves."""
    if kind == "sqlite":
        return [Host(data / "host", settings)]
    workers = [
        Host(data / f"worker{number}", settings | {"REFILM_WORKERS": "1"}, ("worker", "--pool", "cpu"))
        for number in (1, 2)
    ]
    return [Host(data / "host", settings | {"REFILM_WORKERS": "0"}), *workers]


def run(wishes: Wishes) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    wishes.data.mkdir(parents=True, exist_ok=True)
    with database(wishes.kind) as (more, _):
        settings = settings_of(wishes.kind, more, wishes.data) | {"REFILM_WORKERS": str(wishes.workers)}
        hosts = hosts_of(wishes.kind, settings, wishes.data)
        journal = Journal(wishes.data / "journal.jsonl")
        try:
            for host in hosts:
                host.start()
            target = Target([hosts[0].url], hosts[0].new_key("campaign"))
            traffic = Traffic(target, journal, wishes.data, wishes.seed, wishes.prompts)
            kills = disturb(wishes, hosts, traffic)
            return settle(wishes, hosts, journal, traffic, more, kills)
        finally:
            end(hosts)


def disturb(wishes: Wishes, hosts: list[Host], traffic: Traffic) -> int:
    """Create, and kill a process at random moments, as long as kills or creates are left. Returns the kills."""
    chance = random.Random(wishes.seed)
    least, most = wishes.pauses
    traffic.ask(range(wishes.creates))
    traffic.start(spread=wishes.kills * (least + most) / 2 / wishes.creates)
    kills = 0
    while kills < wishes.kills and (kills == 0 or traffic.creating):
        time.sleep(chance.uniform(least, most))
        victim = chance.choice(hosts)
        victim.kill()
        victim.start()
        kills += 1
        if kills % 20 == 0:
            print(f"  {kills} kills, {len(traffic.seen)} ends seen, {dict(traffic.answers)}", flush=True)
    while traffic.creating:
        time.sleep(0.2)
    return kills


def settle(
    wishes: Wishes, hosts: list[Host], journal: Journal, traffic: Traffic, more: dict[str, str], kills: int
) -> tuple[Verdict, str]:
    """Let the servers finish what was accepted, stop them, and judge what is there."""
    given = Settings(
        data=wishes.data / "host",
        database_url=more.get("REFILM_DATABASE_URL"),
        **({"assets_url": f"file://{wishes.data / 'assets'}"} if wishes.kind == "postgres" else {}),
    )
    store = open_store(given)
    wait_until_settled(store)
    traffic.stop()
    for host in reversed(hosts):
        host.stop()
    verdict = judge(store, open_assets(given), journal.ids, traffic.seen)
    verdict.changed += traffic.changed
    store.close()
    if wishes.kind == "sqlite":
        verdict.wrong += check_sqlite(given.data)
    bad = sorted(kind for kind in traffic.answers if kind.endswith("500"))
    verdict.wrong += [f"answered {kind} {traffic.answers[kind]} times" for kind in bad]
    return verdict, f"{kills} kills, seed {wishes.seed}"


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--creates", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r01-"))
    verdict, told = run(Wishes(options.database, options.creates, options.kills, options.seed, data))
    return end_of(f"R1 {options.database}", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
