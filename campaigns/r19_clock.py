"""R19: the wall clock steps by an hour and by three days, to and fro, while tasks are created and run.

    python campaigns/r19_clock.py [--steps 40] [--seed 1] [--data DIR]

Nothing may be lost, stuck, or deleted early, though finished tasks are to be deleted after 30 days.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from judge import Verdict, check_sqlite, end_of, judge, wait_until_settled
from place import Host, end, leave_nothing_behind
from traffic import ROUTES, Journal, Target, Traffic

from refilm.bootstrap.places import open_assets, open_store
from refilm.config import Settings

CLOCKED = Path(__file__).with_name("clocked.py")
#: How far the clock may stand from the true one, in seconds.
OFFSETS = (0, 3600, -3600, 3 * 86400, -3 * 86400)
#: Creates for every step.
SHARE = 6


class SteppingHost(Host):
    """A server whose clock steps."""

    def command(self) -> list[str | Path]:
        """How it is started."""
        plain = super().command()
        return [plain[0], CLOCKED, *plain[3:]]


def run(steps: int, seed: int, data: Path) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    data.mkdir(parents=True, exist_ok=True)
    clock = data / "clock"
    clock.write_text("0")
    settings = {
        "REFILM_ROUTES": ROUTES,
        "REFILM_WORKERS": "2",
        "REFILM_LOG_LEVEL": "error",
        "REFILM_KEEP_TASKS_DAYS": "30",
        "REFILM_CAMPAIGN_CLOCK": str(clock),
    }
    host = SteppingHost(data / "host", settings)
    journal = Journal(data / "journal.jsonl")
    try:
        host.start()
        target = Target([host.url], host.new_key("campaign"))
        traffic = Traffic(target, journal, data, seed)
        traffic.start()
        chance = random.Random(seed)
        for step in range(steps):
            traffic.ask(range(step * SHARE, (step + 1) * SHARE))
            time.sleep(chance.uniform(0.5, 4))
            clock.write_text(str(chance.choice(OFFSETS)))
        return finish(host, traffic, journal), f"{steps} steps, answers {dict(traffic.answers)}, seed {seed}"
    finally:
        end([host])


def finish(host: Host, traffic: Traffic, journal: Journal) -> Verdict:
    """Let the server end what was accepted, stop it, and judge."""
    given = Settings(data=host.data)
    store = open_store(given)
    began = time.monotonic()
    while traffic.creating and time.monotonic() - began < 600:
        time.sleep(0.5)
    wait_until_settled(store)
    traffic.stop()
    host.stop()
    verdict = judge(store, open_assets(given), journal.ids, traffic.seen)
    store.close()
    verdict.wrong += check_sqlite(given.data)
    verdict.changed += traffic.changed
    return verdict


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r19-"))
    verdict, told = run(options.steps, options.seed, data)
    return end_of("R19 sqlite", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
