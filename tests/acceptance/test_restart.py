"""A server that dies loses no task and finishes none twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_client import ApiClient
from material import Material
from outputs import download, look_at
from server_process import ServerProcess

from refilm.testing import make_clip

#: Seconds of work on the clip of `medium`, so that a server can be ended in the middle of it.
SLOW = "Turn it into a watercolour painting"


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes the slow edit some seconds."""
    return make_clip(tmp_path_factory.mktemp("restart") / "medium.mp4", seconds=6, size=(640, 360))


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_an_edit_survives_the_end_of_its_server(end: str, medium: Path, tmp_path: Path) -> None:
    """Ended in the middle of an edit, by SIGKILL or SIGTERM, and started again: one SUCCEEDED, one published output."""
    server = ServerProcess(tmp_path / "data").start()
    client = ApiClient(server.url, server.new_key("restart"))
    task_id = client.create(client.upload(medium), SLOW)
    client.wait_for(task_id, "RUNNING")

    getattr(server, end)()
    with server.start():
        before = client.task(task_id)
        done = client.wait_for(task_id, "SUCCEEDED")
        (url,) = done["output"]
        shown = look_at(download(url))

    assert before["status"] in ("PENDING", "RUNNING")
    assert len(shown.times) == len(look_at(medium).times)
    assert len(published(server.data, task_id)) == 1


def test_an_answered_create_survives_an_immediate_kill(material: Material, tmp_path: Path) -> None:
    """A create that was answered is there after SIGKILL and runs to its end; a fresh id can be polled at once."""
    server = ServerProcess(tmp_path / "data").start()
    client = ApiClient(server.url, server.new_key("restart"))
    uri = client.upload(material.clip)

    ids = [client.create(uri, "Make it black and white") for _ in range(3)]
    server.kill()
    with server.start():
        for task_id in ids:
            client.wait_for(task_id, "SUCCEEDED")
        fresh = client.create(uri, "Make it black and white")
        assert client.task(fresh)["status"] in ("PENDING", "THROTTLED", "RUNNING", "SUCCEEDED")
        client.wait_for(fresh, "SUCCEEDED")

    assert all(len(published(server.data, task_id)) == 1 for task_id in ids)


def test_nothing_is_left_running_after_the_end(medium: Path, tmp_path: Path) -> None:
    """SIGTERM in the middle of an edit ends the server's children too, and is not an error."""
    server = ServerProcess(tmp_path / "data").start()
    client = ApiClient(server.url, server.new_key("restart"))
    client.wait_for(client.create(client.upload(medium), SLOW), "RUNNING")
    children = server.children()

    code = server.stop()

    assert code == 0, server.told()
    assert children
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]


def published(data: Path, task_id: str) -> list[Path]:
    """The outputs of a task in a data directory."""
    return [path for path in data.rglob("*.mp4") if task_id in str(path) and "outputs" in path.parts]
