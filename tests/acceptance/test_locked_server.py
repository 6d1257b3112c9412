"""Where a server lets strangers' bytes in: in children that are locked before, and nowhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from api_client import ApiClient
from material import Material
from server_process import PATIENCE, ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux locks children in full")

#: Parts of the names of libraries that decode pictures, films and sound.
DECODERS = ("libavcodec", "libavformat", "libswscale", "_imaging", "cv2")


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that keeps one child for edits and one for probes."""
    with ServerProcess(tmp_path / "data", {"REFILM_SPARES": "1"}) as server:
        yield server


def is_locked(child: psutil.Process) -> bool:
    """Whether the kernel filters the calls of a process, and lets it gain no rights."""
    try:
        status = Path(f"/proc/{child.pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1"


def until(found: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_servers_children_are_locked_before_there_is_work(keeper: ServerProcess, material: Material) -> None:
    """Children wait, locked; an edit begins in one of them; and the server itself never loads a decoder."""
    client = ApiClient(keeper.url, keeper.new_key("locked"))
    uri = client.upload(material.long_clip)  # which is probed
    until(lambda: len(keeper.children()) == 2 and all(is_locked(child) for child in keeper.children()))
    waiting = {child.pid for child in keeper.children()}

    task_id = client.create(uri, "Turn it into a watercolour painting")
    until(lambda: client.task(task_id).get("progress"))
    at_work = {child.pid for child in keeper.children()} & waiting
    until(lambda: len(keeper.children()) == 3 and all(is_locked(child) for child in keeper.children()))

    maps = Path(f"/proc/{keeper.pid}/maps").read_text()
    assert client.ask("DELETE", f"tasks/{task_id}").status_code == 204
    assert len(at_work) == 1  # the other one did the probe, and is gone
    assert [name for name in DECODERS if name in maps] == []
