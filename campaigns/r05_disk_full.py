"""R5: the disk fills up and is cleared again, twenty times, while tasks are created and run. Nothing may be lost.

    python campaigns/r05_disk_full.py [--cycles 20] [--seed 1]      (as root: it mounts a small file system)

While it is full, creates are refused within a second, polls and deletes work; once there is room, work goes on within
30 seconds and without a restart.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from judge import Verdict, check_sqlite, judge, wait_until_settled
from place import Host, end, leave_nothing_behind
from traffic import ROUTES, Journal, Target, Traffic

from refilm.bootstrap.places import open_assets, open_store
from refilm.config import Settings

#: Size of the file system, and what the server is told to keep free, in bytes.
DISK, KEPT_FREE = 96 << 20, 8 << 20
#: Creates asked for in each cycle.
CREATES = 12
#: A refusal may take this long, and the first answer after there is room, in seconds.
REFUSAL_SECONDS, RECOVERY_SECONDS = 1.0, 30.0


@contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """A file system in memory of `size` bytes."""
    folder = Path(tempfile.mkdtemp(prefix="refilm-r05-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def fill(file: Path) -> None:
    """Take every byte that is left."""
    with file.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))
    with file.open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(512))


def run(cycles: int, seed: int, scratch: Path) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    with small_disk(DISK) as disk:
        settings = {
            "REFILM_ROUTES": ROUTES,
            "REFILM_WORKERS": "2",
            "REFILM_LOG_LEVEL": "error",
            "REFILM_MIN_FREE_BYTES": str(KEPT_FREE),
        }
        host = Host(disk / "host", settings)
        host.log = scratch / "host.log"
        journal = Journal(scratch / "journal.jsonl")
        try:
            host.start()
            target = Target([host.url], host.new_key("campaign"))
            traffic = Traffic(target, journal, scratch, seed)
            traffic.start()
            wrong = [trouble for at in range(cycles) for trouble in cycle(at, seed, host, target, traffic, journal)]
            while traffic.creating:
                time.sleep(0.1)
            return finish(host, traffic, journal, wrong), f"{cycles} times full, answers {dict(traffic.answers)}"
        finally:
            end([host])


def cycle(at: int, seed: int, host: Host, target: Target, traffic: Traffic, journal: Journal) -> list[str]:
    """Fill the disk while tasks are created, look, make room. What went wrong."""
    chance = random.Random(seed * 1000 + at)
    wrong = []
    ballast = host.data.parent / "ballast"
    traffic.ask(range(at * CREATES, at * CREATES + CREATES // 2))
    time.sleep(chance.uniform(0, 1.5))
    fill(ballast)
    traffic.ask(range(at * CREATES + CREATES // 2, (at + 1) * CREATES))
    time.sleep(chance.uniform(1, 3))
    wrong += visit(target, journal)
    ballast.unlink()
    before = len(journal.ids)
    began = time.monotonic()
    while traffic.creating and time.monotonic() - began < RECOVERY_SECONDS:
        time.sleep(0.05)
    if traffic.creating:
        wrong.append(f"cycle {at}: {RECOVERY_SECONDS:.0f} s after there was room {len(journal.ids) - before} accepted")
    if not host.lives():
        wrong.append(f"cycle {at}: the server ended by itself")
    return wrong


def visit(target: Target, journal: Journal) -> list[str]:
    """With the disk full: a finished task can be polled and deleted. What went wrong."""
    wrong = []
    with httpx2.Client(headers=target.headers(), base_url=target.urls[0], trust_env=False, timeout=20) as client:
        for task_id in list(journal.ids.values())[:-20:7][-1:]:
            polled = client.get(f"/v1/tasks/{task_id}").status_code
            deleted = client.delete(f"/v1/tasks/{task_id}").status_code
            if polled not in (200, 404) or deleted not in (204, 404):
                wrong.append(f"full: a poll answered {polled}, a delete {deleted}")
    return wrong


def finish(host: Host, traffic: Traffic, journal: Journal, wrong: list[str]) -> Verdict:
    """Let the server end what was accepted, stop it, and judge."""
    given = Settings(data=host.data)
    store = open_store(given)
    wait_until_settled(store)
    traffic.stop()
    host.stop()
    verdict = judge(store, open_assets(given), journal.ids, traffic.seen)
    store.close()
    verdict.wrong += wrong + check_sqlite(given.data)
    verdict.changed += [told for told in traffic.changed if not told.endswith("unknown")]  # some were deleted
    for kind, seconds in traffic.slowest.items():
        if kind != "create: 200" and seconds > REFUSAL_SECONDS:
            verdict.wrong.append(f"{kind} took {seconds:.1f} s")
        if kind.endswith("500"):
            verdict.wrong.append(f"answered {kind} {traffic.answers[kind]} times")
    return verdict


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.getuid() != 0:
        print("R5 mounts a small file system; run it as root.")
        return 2
    with tempfile.TemporaryDirectory(prefix="refilm-r05-log-") as scratch:
        verdict, told = run(options.cycles, options.seed, Path(scratch))
        print(verdict.line("R5 sqlite", told))
        print("\n".join(verdict.details()))
    return 0 if verdict.passed() else 1


if __name__ == "__main__":
    sys.exit(main())
