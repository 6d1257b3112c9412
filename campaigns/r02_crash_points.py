"""R2: a server crashes at every named point of a task's way, twenty times each. Nothing may be lost.

    python campaigns/r02_crash_points.py [--database sqlite|postgres] [--rounds 20] [--points N] [--seed 1] [--data DIR]

Each round starts the server armed with the next point, over what the last crash left, so that recoveries crash too.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx2
from crashing import POINTS
from judge import Verdict, check_sqlite, end_of, judge, wait_until_settled
from place import Host, database, end, leave_nothing_behind
from traffic import ROUTES, TERMINAL, Journal, Target, Traffic

from refilm.bootstrap.places import open_assets, open_store
from refilm.config import Settings
from refilm.testing import make_clip

CRASHING = Path(__file__).with_name("crashing.py")
#: Prompts and their shares of a hundred; nearly every round has one that fails.
PROMPTS = (("copy", 50), ("wait 0.3 s, copy", 20), ("fail", 25), ("crash", 3))
#: Ends of the names of points that a round comes by but once.
RARE = ("_keep", "_probed", "hide", "fail", "_delete")
#: Creates of one round, and how long a round waits for its crash, in seconds.
CREATES, PATIENCE = 5, 20.0


class ArmedHost(Host):
    """A server that ends itself at a point."""

    point, count = "", 1

    def command(self) -> list[str | Path]:
        """How it is started: armed, where a point is set."""
        plain = super().command()
        if not self.point:
            return plain
        return [plain[0], CRASHING, self.point, str(self.count), *plain[3:]]


@dataclass
class Wishes:
    """What a run shall do."""

    kind: str
    rounds: int
    seed: int
    data: Path
    points: tuple[str, ...] = POINTS


def run(wishes: Wishes) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    wishes.data.mkdir(parents=True, exist_ok=True)
    with database(wishes.kind) as (more, _):
        settings = {"REFILM_ROUTES": ROUTES, "REFILM_WORKERS": "2", "REFILM_LOG_LEVEL": "error", **more}
        host = ArmedHost(wishes.data / "host", settings)
        journal = Journal(wishes.data / "journal.jsonl")
        clip = make_clip(wishes.data / "upload.mp4", seconds=2, size=(96, 64), rate=12)
        try:
            with host:
                target = Target([host.url], host.new_key("campaign"))
            traffic = Traffic(target, journal, wishes.data, wishes.seed, PROMPTS)
            traffic.start(creators=2, pollers=1)
            crashed, silent = crash_everywhere(wishes, host, traffic, Visitor(target, journal, clip))
            host.point = ""
            host.start()
            while traffic.creating:
                time.sleep(0.1)
            traffic.stop()
            given = Settings(data=wishes.data / "host", database_url=more.get("REFILM_DATABASE_URL"))
            store = open_store(given)
            wait_until_settled(store)
            host.stop()
            verdict = judge(store, open_assets(given), journal.ids, traffic.seen)
            store.close()
            verdict.changed += [told for told in traffic.changed if not told.endswith("unknown")]
            if wishes.kind == "sqlite":
                verdict.wrong += check_sqlite(given.data)
            verdict.wrong += [f"never crashed {point}" for point in sorted(silent)]
            return verdict, f"{crashed} crashes at {len(wishes.points)} points, seed {wishes.seed}"
        finally:
            end([host])


def crash_everywhere(wishes: Wishes, host: ArmedHost, traffic: Traffic, visitor: Visitor) -> tuple[int, set[str]]:
    """Crash at each point `rounds` times. Returns how often, and the points that never crashed."""
    chance = random.Random(wishes.seed)
    crashed, silent = 0, set(wishes.points)
    for number in range(wishes.rounds):
        for at, point in enumerate(chance.sample(wishes.points, len(wishes.points))):
            host.point, host.count = point, 1 if point.endswith(RARE) else chance.choice((1, 1, 2, 3))
            first = (number * len(wishes.points) + at) * CREATES
            if crash_once(host, traffic, visitor, range(first, first + CREATES)):
                crashed += 1
                silent.discard(point)
        print(f"  round {number + 1}: {crashed} crashes", flush=True)
    return crashed, silent


def crash_once(host: ArmedHost, traffic: Traffic, visitor: Visitor, numbers: range) -> bool:
    """Start the armed server and keep it busy until it crashes; whether it did."""
    try:
        host.start()
    except RuntimeError:
        return True  # while it started: its recovery came by the point
    traffic.ask(numbers)
    with ThreadPoolExecutor(1) as other:
        visit = other.submit(visitor.come)
        deadline = time.monotonic() + PATIENCE
        while host.lives() and time.monotonic() < deadline:
            if visit.done() and not traffic.creating and not visitor.sees_work():
                visitor.delete_finished()
                time.sleep(0.2)  # a server that was shot takes a moment to fall
                break
            time.sleep(0.05)
        died = not host.lives()
        if not died:
            host.kill()
    return died


@dataclass
class Visitor:
    """What the plain traffic does not do: an upload, and deletions of a task at work and of a finished one."""

    target: Target
    journal: Journal
    clip: Path

    def come(self) -> None:
        """Once. What a crash breaks off is not tried again."""
        try:
            with self._client() as client:
                slot = client.post("/v1/uploads", json={"filename": "a.mp4", "type": "ephemeral"}).json()
                with self.clip.open("rb") as content:
                    httpx2.post(slot["uploadUrl"], data=slot["fields"], files={"file": content}, trust_env=False)
                for task_id in self._ids()[-1:]:
                    client.delete(f"/v1/tasks/{task_id}")
        except (httpx2.TransportError, KeyError, ValueError):
            return

    def delete_finished(self) -> None:
        """Delete the first of the latest tasks."""
        with contextlib.suppress(httpx2.TransportError), self._client() as client:
            for task_id in self._ids()[-CREATES:][:1]:
                client.delete(f"/v1/tasks/{task_id}")

    def sees_work(self) -> bool:
        """Whether one of the latest tasks is not finished; a server that does not answer is busy crashing."""
        try:
            with self._client() as client:
                answers = [client.get(f"/v1/tasks/{task_id}") for task_id in self._ids()[-CREATES:]]
        except httpx2.TransportError:
            return True
        return any(answer.status_code == 200 and answer.json()["status"] not in TERMINAL for answer in answers)

    def _ids(self) -> list[str]:
        return list(self.journal.ids.values())

    def _client(self) -> httpx2.Client:
        return httpx2.Client(headers=self.target.headers(), base_url=self.target.urls[0], trust_env=False, timeout=10)


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--points", type=int, default=len(POINTS), help="so many of the points, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r02-"))
    points = tuple(random.Random(options.seed).sample(POINTS, options.points))
    verdict, told = run(Wishes(options.database, options.rounds, options.seed, data, points))
    return end_of(f"R2 {options.database}", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
