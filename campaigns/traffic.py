"""Clients of a campaign: they create tasks as a careful integration does, and remember what they were told.

Every create carries an Idempotency-Key and is sent until it is answered. What was answered goes to a journal at once,
so that a campaign that is broken off can be judged, and resumed.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, Queue

import httpx2

from refilm.testing import make_clip

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
#: Prompts and how many of a hundred creates have them.
PROMPTS = (("copy", 70), ("wait 0.3 s, copy", 15), ("burn 0.2 s, copy", 6), ("fail", 2), ("crash", 2))
#: The rest are real edits, by the model that the campaign's servers route to the effects engine.
REAL_PROMPT = "Make it black and white"
ROUTES = '{"gen4_aleph": "campaign", "aleph2": "effects"}'
#: How long a client waits before it tries again, in seconds.
PAUSE = 0.2
#: Between two polls of one watcher, in seconds.
POLL_PAUSE = 0.1


def begin(work: Callable[[], None]) -> threading.Thread:
    """A thread at work that nobody has to wait for."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


class Journal:
    """What clients were told, one line each, in the file at once."""

    def __init__(self, path: Path) -> None:
        self.ids: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                told = json.loads(line)
                self.ids[told["key"]] = told["id"]
        self._path = path
        self._lock = threading.Lock()

    def accepted(self, key: str, task_id: str) -> None:
        """A create was answered."""
        with self._lock:
            self.ids[key] = task_id
            with self._path.open("a") as file:
                file.write(json.dumps({"key": key, "id": task_id}) + "\n")


@dataclass
class Target:
    """Where clients send to: any living server, by its base URL, with one key."""

    urls: list[str]
    key: str

    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.key}", "X-Runway-Version": "2024-11-06"}


class Traffic:
    """Threads that create tasks, and threads that poll them."""

    def __init__(
        self,
        target: Target,
        journal: Journal,
        scratch: Path,
        seed: int,
        prompts: Sequence[tuple[str, float]] = PROMPTS,
    ) -> None:
        """prompts: with their shares of a hundred creates; the rest are real edits."""
        self.answers: Counter[str] = Counter()
        #: The longest that any answer of a kind took, in seconds.
        self.slowest: dict[str, float] = {}
        #: Terminal statuses that a poll saw: they must never change.
        self.seen: dict[str, str] = {}
        self.changed: list[str] = []
        self._target, self._journal, self._seed, self._prompts = target, journal, seed, prompts
        self._asked: Queue[int] = Queue()
        clip = make_clip(scratch / "clip.mp4", seconds=2, size=(96, 64), rate=12)
        self._video = "data:video/mp4;base64," + base64.b64encode(clip.read_bytes()).decode()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, *, creators: int = 8, pollers: int = 2, spread: float = 0.0) -> None:
        """Begin to send what is asked for.  spread: seconds between two creates."""
        for _ in range(creators):
            self._threads.append(begin(partial(self._create_all, spread * creators)))
        for at in range(pollers):
            self._threads.append(begin(partial(self._poll, random.Random(self._seed + 1000 + at))))

    def ask(self, numbers: Iterable[int]) -> None:
        """Send creates of these numbers, unless the journal has them. The same number is always the same create."""
        for number in numbers:
            if f"create-{number}" not in self._journal.ids:
                self._asked.put(number)

    @property
    def creating(self) -> bool:
        """Whether creates are left to send, or to be answered."""
        return self._asked.unfinished_tasks > 0

    def stop(self) -> None:
        """End the clients."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _create_all(self, pause: float) -> None:
        with httpx2.Client(trust_env=False, timeout=20) as client:
            while not self._stop.is_set():
                try:
                    number = self._asked.get(timeout=0.1)
                except Empty:
                    continue
                self._create(client, number)
                self._asked.task_done()
                if pause:
                    self._stop.wait(pause)

    def _create(self, client: httpx2.Client, number: int) -> None:
        """Send one create until it is answered; the number decides what it asks for."""
        chance = random.Random(self._seed * 1_000_003 + number)
        drawn, prompt, model = chance.uniform(0, 100), REAL_PROMPT, "aleph2"
        for candidate, share in self._prompts:
            if drawn < share:
                prompt, model = candidate, "gen4_aleph"
                break
            drawn -= share
        key = f"create-{number}"
        body = {"model": model, "videoUri": self._video, "promptText": prompt, "seed": number}
        while not self._stop.is_set():
            url = chance.choice(self._target.urls)
            began = time.monotonic()
            try:
                answer = client.post(
                    f"{url}/v1/video_to_video", json=body, headers={**self._target.headers(), "Idempotency-Key": key}
                )
            except httpx2.TransportError:
                self.answers["create: connection"] += 1
                time.sleep(PAUSE)
                continue
            kind = f"create: {answer.status_code}"
            self.answers[kind] += 1
            self.slowest[kind] = max(self.slowest.get(kind, 0.0), time.monotonic() - began)
            if answer.status_code == 200:
                self._journal.accepted(key, answer.json()["id"])
                return
            time.sleep(PAUSE)

    def _poll(self, chance: random.Random) -> None:
        with httpx2.Client(trust_env=False, timeout=20) as client:
            while not self._stop.wait(POLL_PAUSE):
                ids = list(self._journal.ids.values())
                if ids:
                    self._look(client, chance.choice(self._target.urls), chance.choice(ids))

    def _look(self, client: httpx2.Client, url: str, task_id: str) -> None:
        try:
            answer = client.get(f"{url}/v1/tasks/{task_id}", headers=self._target.headers())
        except httpx2.TransportError:
            self.answers["poll: connection"] += 1
            return
        self.answers[f"poll: {answer.status_code}"] += 1
        if answer.status_code == 200:
            status = answer.json()["status"]
            before = self.seen.get(task_id)
            if before is not None and before != status:
                self.changed.append(f"{task_id}: {before} then {status}")
            elif status in TERMINAL:
                self.seen[task_id] = status
        elif answer.status_code == 404:
            self.changed.append(f"{task_id}: accepted, then unknown")
