"""R16: one key and three addresses flood a server; another key does not notice.

    python campaigns/r16_flood.py [--database sqlite|postgres] [--seconds 30] [--slow 500] [--polls 2000]
                                  [--creates 5000]

At the same time: slow connections (some say nothing, some never end a head, some a body, some are idle), polls of one
key, and creates of that key. Beside them an honest client polls and creates with a key of its own, first alone and
then under the flood. The server has its usual settings and no workers: this is about the door, and edits would take
the processor from both sides. Clients and server share the machine's cores, so the rates that were reached are
printed. Ends with one line of verdict and exit code 0 for a pass.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
from api_client import ApiClient
from flooding import BODY, Flood, Modesty, Told, be_modest, flood
from place import database, leave_nothing_behind
from server_process import ServerProcess

#: What another key may notice: milliseconds, 99 of 100 answers. And what the server may grow by.
POLL_P99, CREATE_P99, GROWTH_BYTES = 100.0, 300.0, 64 << 20
#: How long the flood has to build up before anything is measured: seconds.
BUILD_UP = 3.0
SETTINGS = {"REFILM_WORKERS": "0", "REFILM_LOG_LEVEL": "warning"}


@dataclass(frozen=True)
class Wishes:
    """What a run shall do. settings: of the server, beside the campaign's own."""

    kind: str
    seconds: float
    slow: int
    polls: float
    creates: int
    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Found:
    """What was seen. alone, beside: the honest client, without and with the flood.  memory: resident bytes at the
    beginning, at most, and at the end.  worked: seconds of one core that the server took meanwhile.
    """

    alone: Told
    beside: Told
    flood: Told
    missing: list[str]
    memory: tuple[int, int, int]
    worked: float

    def lost(self) -> list[str]:
        """Honest requests that were not answered as they should be, and tasks that are not there."""
        answers = {(kind, status): n for kind, all_of in self.beside.answers.items() for status, n in all_of.items()}
        odd = [f"{n} honest {kind}s: {status}" for (kind, status), n in answers.items() if status != "200"]
        return odd + [f"task {task_id} is gone" for task_id in self.missing]

    def late(self) -> list[str]:
        """What another key noticed, beyond what it may."""
        measured = {"poll": POLL_P99, "create": CREATE_P99}
        p99 = {kind: self.beside.quantile(kind, 0.99) for kind in measured}
        return [f"p99 of {kind}s: {p99[kind]:.1f} ms" for kind, most in measured.items() if not p99[kind] < most]

    def grown(self) -> list[str]:
        """What memory was not given back, or taken beyond measure."""
        growth = self.memory[1] - self.memory[0]
        return [f"the server grew by {growth >> 20} MiB"] if growth > GROWTH_BYTES else []

    def told(self, wishes: Wishes) -> str:
        """Everything in one line."""
        pairs = (f"{kind} p50 {self._times(kind, 0.5)}, p99 {self._times(kind, 0.99)}" for kind in ("poll", "create"))
        asked, held = self.beside.answers, sorted(self.flood.held[1:])
        honest = sum(count for all_of in asked.values() for count in all_of.values())
        polls, creates = self.flood.answers["poll"], self.flood.answers["create"]
        slow: Counter[str] = Counter()
        for kind in ("silent", "slow head", "slow body", "idle"):
            slow += self.flood.answers.get(kind, Counter())
        reached = sum(polls.values()) / (wishes.seconds + BUILD_UP)
        begun, most, left = (size / 2**20 for size in self.memory)
        return (
            f"{len(self.lost())} of {honest} honest requests lost, {'; '.join(pairs)} (alone in brackets), beside "
            f"{held[len(held) // 2] if held else 0} slow connections ({_counts(slow)} ended), "
            f"{reached:,.0f} polls/s of {wishes.polls:,.0f} ({_counts(polls)}) and {sum(creates.values())} creates "
            f"({_counts(creates)}) of one key; server {begun:.0f} MiB, at most {most:.0f}, then {left:.0f}, and "
            f"{self.worked:.0f} s of a core in {wishes.seconds + BUILD_UP:.0f} s"
        )

    def _times(self, kind: str, share: float) -> str:
        return f"{self.beside.quantile(kind, share):.1f} ms ({self.alone.quantile(kind, share):.1f})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


class Toll:
    """What the flood costs the server: resident memory, looked at twice a second, and time of the processor."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.begun = self.most = server.resident_bytes
        self.process = psutil.Process(server.pid)
        self.worked = sum(self.process.cpu_times()[:2])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.most = max(self.most, self._server.resident_bytes)

    def end(self) -> tuple[tuple[int, int, int], float]:
        """Memory at the beginning, at most, and now; seconds of one core."""
        self._over.set()
        self._thread.join()
        worked = sum(self.process.cpu_times()[:2]) - self.worked
        return (self.begun, self.most, self._server.resident_bytes), worked


def run(wishes: Wishes) -> Found:
    """The whole campaign."""
    with database(wishes.kind) as (more, _):
        settings = {**SETTINGS, **more, **wishes.settings}
        with ServerProcess(wishes.data / "server", settings) as server:
            return besiege(wishes, server)


def besiege(wishes: Wishes, server: ServerProcess) -> Found:
    """The honest client alone, then beside the flood."""
    keys = {name: server.new_key(name) for name in ("honest", "greedy")}
    ids = {name: first_task(server, key) for name, key in keys.items()}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as honest, ProcessPoolExecutor(1, spawn) as greedy:
        modest = Modesty(server.port, keys["honest"], ids["honest"], min(wishes.seconds, 10.0))
        alone = honest.submit(be_modest, modest).result()
        toll = Toll(server)
        siege = Flood(
            server.port,
            keys["greedy"],
            ids["greedy"],
            wishes.seconds + BUILD_UP,
            wishes.slow,
            wishes.polls,
            wishes.creates,
        )
        flooding = greedy.submit(flood, siege)
        threading.Event().wait(BUILD_UP)
        modest = Modesty(server.port, keys["honest"], ids["honest"], wishes.seconds)
        beside = honest.submit(be_modest, modest).result()
        flooded = flooding.result()
        memory, worked = toll.end()
    missing = gone(server, keys["honest"], [*alone.task_ids, *beside.task_ids])
    return Found(alone, beside, flooded, missing, memory, worked)


def first_task(server: ServerProcess, key: str) -> str:
    """A task to poll."""
    headers = {**ApiClient(server.url, key).headers, "Content-Type": "application/json"}
    made = httpx2.post(f"{server.url}/v1/video_to_video", content=BODY, headers=headers, trust_env=False)
    return str(made.raise_for_status().json()["id"])


def gone(server: ServerProcess, key: str, task_ids: list[str]) -> list[str]:
    """Those of the tasks that are not there."""
    with httpx2.Client(headers=ApiClient(server.url, key).headers, trust_env=False) as client:
        return [each for each in task_ids if client.get(f"{server.url}/v1/tasks/{each}").status_code != 200]


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--slow", type=int, default=500)
    parser.add_argument("--polls", type=float, default=2000.0)
    parser.add_argument("--creates", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refilm-r16-") as folder:
        wishes = Wishes(options.database, options.seconds, options.slow, options.polls, options.creates, Path(folder))
        found = run(wishes)
    wrong = [*found.lost(), *found.late(), *found.grown()]
    print(f"R16 {options.database}: {'FAIL' if wrong else 'PASS'}  {found.told(wishes)}")
    for fault in wrong[:20]:
        print(f"  wrong: {fault}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
