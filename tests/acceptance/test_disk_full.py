"""A server on a small disk that fills up and is cleared again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_client import ApiClient
from plain_http import HTTP
from server_process import PATIENCE, ServerProcess

from refilm.testing import make_clip
from small_disk import SmallDisk

MEGABYTE = 1 << 20
#: What the server keeps free.
MARK = 16 * MEGABYTE


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of 64 MB."""
    if not SmallDisk.possible():
        pytest.skip("mounting a small file system is not permitted here")
    with SmallDisk(tmp_path / "disk", 64 * MEGABYTE) as disk:
        yield disk


@pytest.fixture
def server(disk: SmallDisk) -> Iterator[ServerProcess]:
    """A server whose data folder is on it."""
    with ServerProcess(disk.folder / "data", {"REFILM_MIN_FREE_BYTES": str(MARK)}) as server:
        yield server


def until(what: Callable[[], Any], words: str) -> None:
    """Wait until `what` says yes."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if what():
            return
        time.sleep(0.1)
    raise AssertionError(f"waited in vain: {words}")


def is_ready(server: ServerProcess) -> bool:
    """What /ready says."""
    return HTTP.get(f"{server.url}/ready").status_code == 200


def test_a_full_disk_refuses_what_is_large_and_takes_what_is_small(
    disk: SmallDisk, server: ServerProcess, tmp_path: Path
) -> None:
    """Below the mark creates and uploads get 503 at once, with the contract's body; polls and deletes go on, even when
    somebody fills the disk to the brim. With room again everything goes on by itself.
    """
    client = ApiClient(server.url, server.new_key("full"))
    clip = make_clip(tmp_path / "clip.mp4", seconds=1, rate=5, size=(64, 64))
    uri = client.upload(clip)
    slot = client.ask("POST", "uploads", json={"filename": "late.mp4", "type": "ephemeral"}).json()
    tasks = [client.create(uri, "Make it black and white") for _ in range(2)]
    for task in tasks:
        client.wait_for(task, "SUCCEEDED")
    body = {"model": "gen4_aleph", "videoUri": uri, "promptText": "Make it warmer"}

    disk.fill(leaving=MARK // 2)
    until(lambda: not is_ready(server), "a server that says that its disk is full")
    refusals = [
        client.ask("POST", "video_to_video", json=body),
        client.ask("POST", "uploads", json={"filename": "b.mp4", "type": "ephemeral"}),
        HTTP.post(slot["uploadUrl"], data=slot["fields"], files={"file": clip.read_bytes()}),
    ]
    kept = client.task(tasks[0])["status"]
    first = client.ask("DELETE", f"tasks/{tasks[0]}").status_code

    disk.fill()
    until(lambda: not (disk.folder / "data" / "ballast").exists(), "ballast that is given up")
    second = client.ask("DELETE", f"tasks/{tasks[1]}").status_code

    disk.clear()
    until(lambda: is_ready(server), "a server that has room again")
    after = client.wait_for(client.create(client.upload(clip), "Make it warmer"), "SUCCEEDED")

    for refusal in refusals:
        assert refusal.status_code == 503, refusal.text
        assert "room" in refusal.json()["error"]
        assert refusal.headers["retry-after"]
    assert (kept, first, second) == ("SUCCEEDED", 204, 204)
    assert after["output"]
