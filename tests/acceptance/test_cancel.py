"""Deleting a running task stops the work, not only the record of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from api_client import ApiClient
from material import Material
from server_process import ServerProcess

#: What the contract grants between DELETE and the end of the work.
SECONDS_TO_STOP = 5.0


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server without spare children: every child of it is at work."""
    with ServerProcess(tmp_path / "data", {"REFILM_SPARES": "0"}) as server:
        yield server


def test_the_work_of_a_cancelled_task_stops(bare: ServerProcess, material: Material) -> None:
    """The processes that an edit has started are gone within five seconds of its DELETE, and the server edits on."""
    server, client = bare, ApiClient(bare.url, bare.new_key("cancel"))
    idle = set(server.children())
    task_id = client.create(client.upload(material.long_clip), "Turn it into a watercolour painting")
    while not client.wait_for(task_id, "RUNNING").get("progress"):
        time.sleep(0.1)
    working = [child for child in server.children() if child not in idle]

    deleted = client.ask("DELETE", f"tasks/{task_id}")
    _, alive = psutil.wait_procs(working, timeout=SECONDS_TO_STOP)

    assert deleted.status_code == 204
    assert working
    assert alive == []
    assert set(server.children()) <= idle
    assert client.ask("GET", f"tasks/{task_id}").status_code == 404
    next_id = client.create(client.upload(material.clip), "Make it black and white")
    client.wait_for(next_id, "SUCCEEDED")


def test_a_waiting_task_is_cancelled_before_it_starts(server: ServerProcess, key: str, material: Material) -> None:
    """DELETE on a task that waits behind another one answers 204, and it never runs."""
    client = ApiClient(server.url, key)
    uri = client.upload(material.long_clip)
    first = client.create(uri, "Turn it into a watercolour painting")
    client.wait_for(first, "RUNNING")
    second = client.create(uri, "Turn it into a watercolour painting")

    waiting = client.task(second)["status"]
    deleted = client.ask("DELETE", f"tasks/{second}")
    after = client.ask("GET", f"tasks/{second}")
    client.ask("DELETE", f"tasks/{first}")

    assert waiting in ("PENDING", "THROTTLED")
    assert deleted.status_code == 204
    assert after.status_code == 404
