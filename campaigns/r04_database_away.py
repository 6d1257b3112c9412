"""R4: PostgreSQL is stopped every 5 to 20 seconds, for up to 5, while tasks are created and run. Nothing may be lost.

    python campaigns/r04_database_away.py [--creates 2000] [--seed 1] [--data DIR]

While it is away every answer is a 503 with Retry-After, never a 500, and the servers go on without a restart.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from judge import Verdict, end_of
from place import Database, database, end, leave_nothing_behind
from r01_kill import Wishes, hosts_of, settings_of, settle
from traffic import Journal, Target, Traffic

#: Between two stops, and how long one lasts, in seconds.
BETWEEN, AWAY = (5.0, 20.0), (0.0, 5.0)


def run(creates: int, seed: int, data: Path) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    data.mkdir(parents=True, exist_ok=True)
    wishes = Wishes("postgres", creates, 0, seed, data)
    with database("postgres") as (more, server):
        assert server is not None
        hosts = hosts_of("postgres", settings_of("postgres", more, data), data)
        journal = Journal(data / "journal.jsonl")
        try:
            for host in hosts:
                host.start()
            target = Target([hosts[0].url], hosts[0].new_key("campaign"))
            traffic = Traffic(target, journal, data, seed)
            traffic.ask(range(creates))
            traffic.start()
            stops = disturb(seed, server, traffic, journal, creates)
            dead = [host for host in hosts if not host.lives()]
            verdict, _ = settle(wishes, hosts, journal, traffic, more, 0)
            verdict.wrong += [f"{host.data.name} ended by itself:\n{host.told()[-2000:]}" for host in dead]
            return verdict, f"{stops} stops, answers {dict(traffic.answers)}, seed {seed}"
        finally:
            end(hosts)


def disturb(seed: int, server: Database, traffic: Traffic, journal: Journal, creates: int) -> int:
    """Stop and start the database until every create was answered and most tasks have ended. Returns the stops."""
    chance = random.Random(seed)
    stops = 0
    while traffic.creating or len(traffic.seen) < 0.5 * len(journal.ids):
        time.sleep(chance.uniform(*BETWEEN))
        server.stop()
        time.sleep(chance.uniform(*AWAY))
        server.start()
        stops += 1
        if stops % 10 == 0:
            print(f"  {stops} stops, {len(journal.ids)} of {creates} accepted", flush=True)
    return stops


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--creates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r04-"))
    verdict, told = run(options.creates, options.seed, data)
    return end_of("R4 postgres", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
