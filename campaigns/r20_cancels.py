"""R20: tasks are deleted at random moments: waiting, starting, at work, finishing, finished. Each is gone for good.

    python campaigns/r20_cancels.py [--database sqlite|postgres] [--cancels 5000] [--seed 1] [--data DIR]

Every DELETE is answered 204 and the task is unknown from then on; a cancelled one has no output and costs nothing, and
its work stops within five seconds: most tasks would last a minute, and no child process grows older than the last
moment of a DELETE and those seconds. Ends with one line of verdict and exit code 0 for a pass. With --data a run
on SQLite can be broken off and resumed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
from api_client import ApiClient
from books import count_credits, unbalanced
from judge import Verdict, end_of, judge, wait_until_settled
from place import Host, database, end, leave_nothing_behind
from traffic import TERMINAL, Journal, begin

from refilm.assets.local import LocalAssets
from refilm.bootstrap.places import open_store
from refilm.config import Settings
from refilm.testing import make_clip

#: The longest time between the answer to a create and its DELETE, in seconds; and for some that end by themselves.
LATEST, MUCH_LATER = 1.5, 8.0
#: What the contract grants between DELETE and the end of the work, in seconds.
SECONDS_TO_STOP = 5.0
#: Prompts and how many of a hundred creates have them. Those of a minute end by their DELETE only.
PROMPTS = (("wait 60 s, copy", 50), ("burn 60 s, copy", 10), ("wait 0.2 s, copy", 15), ("copy", 25))
WORKERS, CLIENTS = 3, 5
ACCOUNT, CREDITS = "campaign", 10_000_000
SETTINGS = {
    "REFILM_ROUTES": '{"gen4_aleph": "campaign"}',
    "REFILM_PRICES": '{"gen4_aleph": 5}',
    "REFILM_WORKERS": str(WORKERS),
    "REFILM_SPARES": "0",  # every child is one at work
    "REFILM_LOG_LEVEL": "error",
}


@dataclass
class Wishes:
    """What a run shall do."""

    kind: str
    cancels: int
    seed: int
    data: Path


@dataclass
class Seen:
    """What clients and the watcher saw."""

    before: Counter[str] = field(default_factory=Counter)
    ends: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    oldest_child: float = 0.0


class Watch:
    """Looks how old the server's children grow, ten times a second."""

    def __init__(self, host: Host, seen: Seen) -> None:
        self._host, self._seen = host, seen
        self._resident = {child.pid for child in host.children()}
        self._stop = threading.Event()
        self._thread = begin(self._look)

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self._seen.oldest_child = max([self._seen.oldest_child, *self._ages()])

    def _ages(self) -> list[float]:
        """Of the children at work, in seconds."""
        ages = []
        for child in self._host.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.pid not in self._resident:
                    ages.append(time.time() - child.create_time())
        return ages

    def stop_when_idle(self, seconds: float) -> None:
        """Look no more once no child is at work, or that time is over."""
        deadline = time.monotonic() + seconds
        while self._ages() and time.monotonic() < deadline:
            time.sleep(0.1)
        self._stop.set()
        self._thread.join()
        self._seen.oldest_child = max([self._seen.oldest_child, *self._ages()])


class Canceller:
    """A client that creates tasks and deletes each at a random moment."""

    def __init__(self, client: ApiClient, video_uri: str, journal: Journal, seen: Seen, seed: int) -> None:
        self._client, self._uri, self._journal, self._seen, self._seed = client, video_uri, journal, seen, seed
        # The server hangs up on who is silent for five seconds, perhaps just when it is asked again.
        limits = httpx2.Limits(keepalive_expiry=2)
        self._session = httpx2.Client(headers=client.headers, trust_env=False, timeout=60, limits=limits)

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def life(self, number: int) -> None:
        """Create, wait, look, delete, look."""
        chance = random.Random(self._seed * 1_000_003 + number)
        (prompt,) = chance.choices([prompt for prompt, _ in PROMPTS], [share for _, share in PROMPTS])
        body = {"model": "gen4_aleph", "videoUri": self._uri, "promptText": prompt, "seed": number}
        answer = self._session.post(f"{self._client.url}/v1/video_to_video", json=body)
        if answer.status_code != 200:
            self._seen.wrong.append(f"create {number}: {answer.status_code} {answer.text}")
            return
        task_id = answer.json()["id"]
        self._journal.accepted(f"create-{number}", task_id)
        late = "60" not in prompt and chance.random() < 0.4
        time.sleep((MUCH_LATER if late else LATEST) * chance.random())
        self._delete(f"{self._client.url}/v1/tasks/{task_id}", task_id)

    def _delete(self, url: str, task_id: str) -> None:
        status = self._session.get(url).json().get("status", "unknown")
        self._seen.before[status] += 1
        if status in TERMINAL:
            self._seen.ends[task_id] = status
        answers = (self._session.delete(url), self._session.get(url), self._session.delete(url))
        codes = [answer.status_code for answer in answers]
        if codes != [204, 404, 404]:
            self._seen.wrong.append(f"{task_id} was {status}: DELETE, GET, DELETE gave {codes}")


def run(wishes: Wishes) -> tuple[Verdict, str]:
    """The whole campaign: the verdict, and what was done."""
    wishes.data.mkdir(parents=True, exist_ok=True)
    seen = Seen()
    with database(wishes.kind) as (more, _):
        given = Settings(data=wishes.data / "host", database_url=more.get("REFILM_DATABASE_URL"))
        host = Host(given.data, SETTINGS | more)
        if wishes.kind == "postgres":  # its database went with the run that was broken off
            (wishes.data / "journal.jsonl").unlink(missing_ok=True)
        journal = Journal(wishes.data / "journal.jsonl")
        try:
            host.start()
            client = ApiClient(host.url, host.new_key(ACCOUNT))
            count_credits(given, ACCOUNT, CREDITS)
            cancel_all(wishes, host, client, journal, seen)
            verdict = settle(given, host, journal, seen)
        finally:
            end([host])
    found = ", ".join(f"{count} {status}" for status, count in sorted(seen.before.items()))
    told = f"deleted when {found}; oldest child {seen.oldest_child:.1f} s of {LATEST + SECONDS_TO_STOP:.1f}"
    return verdict, f"{told}; seed {wishes.seed}"


def cancel_all(wishes: Wishes, host: Host, client: ApiClient, journal: Journal, seen: Seen) -> None:
    """Every task that the journal has not, and those of an earlier part that were left."""
    uri = client.upload(make_clip(wishes.data / "clip.mp4", seconds=2, size=(96, 64), rate=12))
    for task_id in list(journal.ids.values()):
        client.ask("DELETE", f"tasks/{task_id}")
    left = [number for number in range(wishes.cancels) if f"create-{number}" not in journal.ids]
    watch, canceller = Watch(host, seen), Canceller(client, uri, journal, seen, wishes.seed)
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done, _ in enumerate(clients.map(canceller.life, left), start=1):
            if done % 250 == 0:
                print(f"  {done} of {len(left)} deleted, {dict(seen.before)}, {len(seen.wrong)} wrong", flush=True)
    watch.stop_when_idle(SECONDS_TO_STOP)
    canceller.close()


def settle(given: Settings, host: Host, journal: Journal, seen: Seen) -> Verdict:
    """Stop the server and judge what is there: nothing at all but rows."""
    store = open_store(given)
    wait_until_settled(store)
    host.stop()
    verdict = judge(store, LocalAssets(given.data / "assets"), journal.ids, seen.ends)
    verdict.wrong += seen.wrong + unbalanced(store, ACCOUNT, CREDITS)
    if seen.oldest_child > LATEST + SECONDS_TO_STOP:
        verdict.wrong.append(f"work went on: a child was {seen.oldest_child:.1f} s old")
    store.close()
    return verdict


def main() -> int:
    leave_nothing_behind()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--cancels", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    data = options.data or Path(tempfile.mkdtemp(prefix="refilm-r20-"))
    verdict, told = run(Wishes(options.database, options.cancels, options.seed, data))
    return end_of(f"R20 {options.database}", verdict, told, data, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
