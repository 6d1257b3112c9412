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

#: How processes that others are forked from are started.
FORKSERVER = ("-m", "refilm.runner.forkserver")
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


def at_work_or_waiting(keeper: ServerProcess) -> list[psutil.Process]:
    """The server's processes that hear of clips: all but the two that these are forked from."""
    *_, module = FORKSERVER
    mine = [child for child in keeper.children() if child.ppid() == keeper.pid and child.cmdline()[-1] == module]
    return [child for child in keeper.children() if child not in mine]


def all_locked(keeper: ServerProcess, count: int) -> bool:
    """Whether so many processes hear of clips, each of them locked."""
    try:
        found = at_work_or_waiting(keeper)
    except psutil.NoSuchProcess:  # one ended while we looked
        return False
    return len(found) == count and all(is_locked(child) for child in found)


def test_a_servers_children_are_locked_before_there_is_work(keeper: ServerProcess, material: Material) -> None:
    """Children wait, locked; an edit begins in one of them; and the server itself never loads a decoder."""
    client = ApiClient(keeper.url, keeper.new_key("locked"))
    uri = client.upload(material.long_clip)  # which is probed
    until(lambda: all_locked(keeper, 2))
    waiting = {child.pid for child in at_work_or_waiting(keeper)}

    task_id = client.create(uri, "Turn it into a watercolour painting")
    until(lambda: client.task(task_id).get("progress"))
    at_work = {child.pid for child in keeper.children()} & waiting
    until(lambda: all_locked(keeper, 3))

    maps = Path(f"/proc/{keeper.pid}/maps").read_text()
    assert client.ask("DELETE", f"tasks/{task_id}").status_code == 204
    assert len(at_work) == 1  # the other one did the probe, and is gone
    assert [name for name in DECODERS if name in maps] == []
