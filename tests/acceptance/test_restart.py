"""A server that dies loses no task and finishes none twice."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from api_client import ApiClient
from material import Material, one_second
from outputs import download, look_at
from server_process import UNLOCKED, ServerProcess

from refilm.testing import make_clip

#: Seconds of work on the clip of `medium`, so that a server can be ended in the middle of it.
SLOW = "Turn it into a watercolour painting"


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes the slow edit some seconds."""
    return make_clip(tmp_path_factory.mktemp("restart") / "medium.mp4", seconds=6, size=(640, 360), content=one_second)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a server whose rows are there."""
    return {} if request.param == "sqlite" else {"REFILM_DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_an_edit_survives_the_end_of_its_server(
    end: str, medium: Path, database: dict[str, str], tmp_path: Path
) -> None:
    """Ended in the middle of an edit, by SIGKILL or SIGTERM, and started again: one SUCCEEDED, one published output.

    No process of the ended server goes on working.
    """
    server = ServerProcess(tmp_path / "data", {**UNLOCKED, **database, "REFILM_GRACE_SECONDS": "0"})
    with server:
        client = ApiClient(server.url, server.new_key("restart"))
        task_id = client.create(client.upload(medium), SLOW)
        while not client.wait_for(task_id, "RUNNING").get("progress"):
            time.sleep(0.1)
        children = server.children()
        getattr(server, end)()
    _, orphans = psutil.wait_procs(children, timeout=10)

    with server:
        before = client.task(task_id)
        done = client.wait_for(task_id, "SUCCEEDED")
        (url,) = done["output"]
        shown = look_at(download(url))

    assert children
    assert orphans == []
    assert before["status"] in ("PENDING", "RUNNING")
    assert len(shown.times) == len(look_at(medium).times)
    assert len(published(server.data, task_id)) == 1


def test_an_answered_create_survives_an_immediate_kill(
    material: Material, database: dict[str, str], tmp_path: Path
) -> None:
    """A create that was answered is there after SIGKILL and runs to its end; a fresh id can be polled at once."""
    server = ServerProcess(tmp_path / "data", {**UNLOCKED, **database})
    with server:
        client = ApiClient(server.url, server.new_key("restart"))
        uri = client.upload(material.clip)
        ids = [client.create(uri, "Make it black and white") for _ in range(3)]
        server.kill()

    with server:
        for task_id in ids:
            client.wait_for(task_id, "SUCCEEDED")
        fresh = client.create(uri, "Make it black and white")
        first_poll = client.task(fresh)["status"]
        client.wait_for(fresh, "SUCCEEDED")

    assert first_poll in ("PENDING", "THROTTLED", "RUNNING", "SUCCEEDED")
    assert all(len(published(server.data, task_id)) == 1 for task_id in [*ids, fresh])


def test_a_stopped_server_says_that_it_was_told_to(tmp_path: Path) -> None:
    """SIGTERM is not an error: the server hands back what runs and ends with exit code 0."""
    with ServerProcess(tmp_path / "data") as server:
        code = server.stop()

    assert code == 0, server.told()


def published(data: Path, task_id: str) -> list[Path]:
    """The outputs of a task in a data directory."""
    return [path for path in data.rglob("*.mp4") if task_id in str(path) and "outputs" in path.parts]
