"""Hosts that share a PostgreSQL database and a folder of assets, and nothing else, run one queue.

A host is a group of processes with a data directory of its own. Silence counts as death after seconds here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from api_client import ApiClient
from material import one_second
from outputs import download, look_at
from server_process import PATIENCE, UNLOCKED, ServerProcess
from worker_process import WorkerProcess

from refilm.testing import make_clip

#: Seconds of work on the clip, so that a host can be lost in the middle of it.
SLOW = "Turn it into a watercolour painting"
QUICK = "Make it black and white"
#: Short, and yet long enough for a worker of a machine that is busy with other things.
BEAT_SECONDS, DEAD_SECONDS = 0.5, 4
NEXT_CONTRACT = (sys.executable, Path(__file__).with_name("next_contract.py"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes the slow edit several seconds: two of them must be seen at work at once."""
    return make_clip(tmp_path_factory.mktemp("hosts") / "clip.mp4", seconds=9, size=(480, 270), content=one_second)


@dataclass
class Site:
    """What hosts share, and the hosts."""

    folder: Path
    database_url: str
    ending: ExitStack = field(default_factory=ExitStack)
    hosts: list[ServerProcess] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """Of every host."""
        return {
            **UNLOCKED,
            "REFILM_DATABASE_URL": self.database_url,
            "REFILM_ASSETS_URL": (self.folder / "assets").as_uri(),
            "REFILM_BEAT_SECONDS": str(BEAT_SECONDS),
            "REFILM_DEAD_SECONDS": str(DEAD_SECONDS),
            "REFILM_GRACE_SECONDS": "0",
        }

    def server(self, workers: int = 0) -> ServerProcess:
        """A host that answers requests, started, with so many workers in it."""
        settings = {**self.settings, "REFILM_WORKERS": str(workers)}
        server = ServerProcess(self.folder / "server", settings)
        self.hosts.append(server)
        return self.ending.enter_context(server)

    def worker(self, name: str, refilm: tuple[str | Path, ...] = ()) -> WorkerProcess:
        """A host that only works, started."""
        worker = WorkerProcess(self.folder / name, self.settings, *([refilm] if refilm else []))
        self.hosts.append(worker)
        return self.ending.enter_context(worker)

    def workers(self, *names: str) -> list[WorkerProcess]:
        """Several, started side by side."""
        with ThreadPoolExecutor() as threads:
            return list(threads.map(self.worker, names))

    def hear(self, words: str) -> None:
        """Wait until one of the hosts has said it."""
        said = comes_true(lambda: any(words in host.told() for host in self.hosts))
        assert said, [host.told() for host in self.hosts]

    def outputs(self, task_id: str) -> list[Path]:
        """The published outputs of a task."""
        return sorted((self.folder / "assets" / "outputs" / task_id).glob("*"))


@pytest.fixture
def site(tmp_path: Path, postgres_url: str) -> Iterator[Site]:
    """A database and a folder of assets; every process that a test started on them is ended after it."""
    site = Site(tmp_path, postgres_url)
    with site.ending:
        yield site


@pytest.fixture
def client(site: Site) -> ApiClient:
    """A key on a server that works on nothing itself."""
    server = site.server()
    return ApiClient(server.url, server.new_key("hosts"))


def comes_true(asked: Callable[[], bool]) -> bool:
    """Wait until something is so; False where that takes too long."""
    give_up = time.monotonic() + PATIENCE
    while not asked():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def wait_for_running(client: ApiClient, ids: list[str], count: int) -> None:
    """Wait until so many of the tasks run, with progress to show."""
    assert comes_true(lambda: sum(bool(client.task(task_id).get("progress")) for task_id in ids) == count)


def attempts(site: Site, client: ApiClient, ids: list[str], clip: Path) -> list[int]:
    """Wait until all tasks have succeeded with exactly one whole output each; which attempt made it."""
    frames = len(look_at(clip).times)
    made = []
    for task_id in ids:
        (url,) = client.wait_for(task_id, "SUCCEEDED")["output"]
        assert len(look_at(download(url)).times) == frames
        (output,) = site.outputs(task_id)
        made.append(int(output.stem))
    return made


def test_the_tasks_of_a_killed_host_finish_on_the_other(site: Site, client: ApiClient, clip: Path):
    """Two hosts share one queue. One is killed in the middle of an edit: the other takes it for dead after its silence
    and makes it again as the next attempt; nothing is lost, and every task has one output.
    """
    first, _ = site.workers("first", "second")
    uri = client.upload(clip)
    ids = [client.create(uri, SLOW) for _ in range(3)]
    wait_for_running(client, ids, 2)
    first.kill()

    made = attempts(site, client, ids, clip)

    assert sorted(made) == [1, 1, 2]
    site.hear("is dead; what it ran is given to others")
    assert first.told().count("task started") == 1


def test_a_host_that_stood_still_does_no_harm(site: Site, client: ApiClient, clip: Path):
    """One of two hosts is stopped (SIGSTOP) past its lease in the middle of an edit, and goes on when the other has
    begun that edit anew: it is published once, as the second attempt; the first host says that it was taken for dead,
    and takes work again.
    """
    first, second = site.workers("first", "second")
    uri = client.upload(clip)
    ids = [client.create(uri, SLOW) for _ in range(2)]
    wait_for_running(client, ids, 2)
    first.pause()
    site.hear("is dead; what it ran is given to others")
    # Until then an attempt of a host that wakes up is nobody else's, and may rightly finish.
    assert comes_true(lambda: started(second) == set(ids))
    first.go_on()
    site.hear("this worker was taken for dead")

    made = attempts(site, client, ids, clip)
    more = [client.create(uri, SLOW) for _ in range(2)]
    wait_for_running(client, more, 2)

    assert sorted(made) == [1, 2]
    assert sorted(attempts(site, client, more, clip)) == [1, 1]


def test_a_cancel_reaches_a_task_on_another_host(site: Site, client: ApiClient, clip: Path):
    """DELETE on the server ends the edit on the worker, which is free for the next and leaves no output."""
    site.worker("first")
    uri = client.upload(clip)
    task_id = client.create(uri, SLOW)
    wait_for_running(client, [task_id], 1)

    assert client.ask("DELETE", f"tasks/{task_id}").status_code == 204
    site.hear("task not wanted any more")
    next_id = client.create(uri, QUICK)

    assert attempts(site, client, [next_id], clip) == [1]
    assert site.outputs(task_id) == []


def test_an_older_version_makes_way_for_a_newer_one(site: Site, clip: Path):
    """A rolling restart: beside a server with a worker of today a worker of a version with other workflows is started.
    The older one finishes what it runs and takes nothing new, and says so; what is asked of its API runs on the newer.
    When the newer one leaves, the older one takes work again.
    """
    server = site.server(workers=1)
    client = ApiClient(server.url, server.new_key("hosts"))
    uri = client.upload(clip)
    early = [client.create(uri, SLOW) for _ in range(2)]
    wait_for_running(client, early, 1)
    newer = site.worker("newer", NEXT_CONTRACT)
    site.hear("a newer Refilm works on this database (workflow contract 2, here 1)")
    late = [client.create(uri, QUICK) for _ in range(2)]

    assert attempts(site, client, [*early, *late], clip) == [1, 1, 1, 1]
    assert started(newer) >= set(late)
    assert started(server) == {*early} - started(newer)

    assert newer.stop() == 0
    again = client.create(uri, QUICK)

    assert attempts(site, client, [again], clip) == [1]
    site.hear("this process takes new work again")
    assert again in started(server)


def started(process: ServerProcess) -> set[str]:
    """Ids of the tasks that a process has begun."""
    lines = [line for line in process.told().splitlines() if "task started" in line]
    return {word.removeprefix("task_id=") for line in lines for word in line.split() if word.startswith("task_id=")}
