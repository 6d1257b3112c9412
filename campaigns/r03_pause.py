"""R3: workers are paused (SIGSTOP) past their lease and go on. Their tasks finish elsewhere, and nothing twice.

    python campaigns/r03_pause.py [--pauses 200] [--seed 1] [--data DIR]

One server without workers and two workers on one PostgreSQL, with a lease of two seconds.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from judge import Verdict, end_of
from place import Host, database, end, leave_nothing_behind
from r01_kill import Wishes, hosts_of, settings_of, settle
from traffic import Journal, Target, Traffic

#: Tasks long enough to be at work when their worker is paused.
PROMPTS = (("wait 1 s, copy", 60), ("wait 2 s, copy", 20), ("copy", 18))
#: How long a worker is paused, in seconds: its lease is two.
PAUSES = (2.5, 5.0)
#: Creates for every pause.
SHARE = 4


def run(pauses: int, seed: int, data: Path) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    data.mkdir(parents=True, exist_ok=True)
    wishes = Wishes("postgres", pauses * SHARE, 0, seed, data)
    with database("postgres") as (more, _):
        hosts = hosts_of("postgres", settings_of("postgres", more, data), data)
        journal = Journal(data / "journal.jsonl")
        try:
            for host in hosts:
                host.start()
            target = Target([hosts[0].url], hosts[0].new_key("campaign"))
            traffic = Traffic(target, journal, data, seed, PROMPTS)
            traffic.start()
            disturb(pauses, seed, hosts[1:], traffic)
            verdict, _ = settle(wishes, hosts, journal, traffic, more, 0)
            return verdict, f"{pauses} pauses, seed {seed}"
        finally:
            end(hosts)


def disturb(pauses: int, seed: int, workers: list[Host], traffic: Traffic) -> None:
    """Pause one worker after the other past its lease, with work for all at any time."""
    chance = random.Random(seed)
    for number in range(pauses):
        traffic.ask(range(number * SHARE, (number + 1) * SHARE))
        time.sleep(chance.uniform(0.2, 1.0))
        worker = chance.choice(workers)
        stopped = worker.pause()
        time.sleep(chance.uniform(*PAUSES))
        worker.go_on(stopped)
        if number % 20 == 19:
            print(f"  {number + 1} pauses, {len(traffic.seen)} ends seen", flush=True)


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pauses", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r03-"))
    verdict, told = run(options.pauses, options.seed, data)
    return end_of("R3 postgres", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
