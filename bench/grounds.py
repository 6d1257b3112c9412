"""Where a bench of scale takes place: databases, servers with the campaign's engine, workers, creates.

Talks to Refilm as an operator does, and looks into its database only to put rows there and to read times.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from peers import COUNTED, Call, Postgres, ask, free_port, running, serving, upload

from refilm.config import Settings
from refilm.testing import make_clip

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("campaigns", "tests/acceptance")]
from place import campaign_python  # noqa: E402

#: Of a core: what a process takes that only waits.
RESTING_SHARE = 0.15
KINDS = ("sqlite", "postgres")
#: Both engines are served: what is asked of aleph2 is a real edit.
ROUTES = {"REFILM_ROUTES": '{"gen4_aleph": "campaign", "aleph2": "effects"}', "REFILM_LOG_LEVEL": "warning"}


def environment_of(kind: str, postgres: Postgres) -> dict[str, str]:
    """The settings that name a new database of that kind."""
    return {"REFILM_DATABASE_URL": postgres.new()} if kind == "postgres" else {}


def settings_of(data: Path, environment: Mapping[str, str]) -> Settings:
    """The same for our own process."""
    named: dict[str, Any] = {"database_url": environment.get("REFILM_DATABASE_URL")}
    return Settings(data=data, **named)


@contextmanager
def campaign_server(data: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """`refilm serve` where the campaign's engine is installed: its base URL and process."""
    port = free_port()
    command = [campaign_python(), "-m", "refilm", "serve", "--host", "127.0.0.1", "--port", str(port), "--data", data]
    base = f"http://127.0.0.1:{port}"
    with serving(command, f"{base}/ready", data.with_suffix(".log"), {**COUNTED, **settings}) as pid:
        yield f"{base}/v1", pid


@contextmanager
def worker(data: Path, settings: Mapping[str, str]) -> Iterator[int]:
    """`refilm worker` of the pool cpu: its process."""
    command = [campaign_python(), "-m", "refilm", "worker", "--pool", "cpu", "--data", data]
    with running(command, data.with_suffix(".log"), settings) as process:
        yield process.pid


def rest(pids: Iterable[int]) -> None:
    """Wait until these processes and their children have loaded what they load ahead, and do nothing any more."""
    before, now = -1.0, 0.0
    while now - before > RESTING_SHARE:
        time.sleep(1)
        before, now = now, sum(cpu_seconds(each) for pid in pids for each in family(pid))


def family(pid: int) -> list[psutil.Process]:
    """A process and whatever descends from it."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def cpu_seconds(process: psutil.Process) -> float:
    """What it has used, with those of its children that are gone."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0


def create_call(base: str, key: str, scratch: Path, prompt: str, model: str = "gen4_aleph", **clip: Any) -> Call:
    """A create of that prompt, for a clip that was uploaded."""
    headers = (f"authorization: Bearer {key}", "x-runway-version: 2024-11-06")
    source = make_clip(scratch / "clip.mp4", **{"seconds": 2, "size": (96, 64), "rate": 12, **clip})
    uri = upload(base, headers, source)
    return Call(f"{base}/video_to_video", headers, {"model": model, "promptText": prompt, "videoUri": uri, "seed": 7})


def work_off(create: Call, ids: list[str]) -> None:
    """Wait until these tasks succeeded; anything else ends the bench."""
    base = create.url.rpartition("/")[0]
    for task_id in ids:
        while (task := ask(Call(f"{base}/tasks/{task_id}", create.headers)))["status"] != "SUCCEEDED":
            if task["status"] in ("FAILED", "CANCELLED"):
                raise SystemExit(f"a task of the bench did not succeed: {task}")
            time.sleep(0.3)
