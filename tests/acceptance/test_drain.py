"""What a server that is told to stop does with what runs, and with those who ask it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import ApiClient
from material import one_second
from plain_http import HTTP
from server_process import PATIENCE, UNLOCKED, ServerProcess

from refilm.testing import make_clip

#: Seconds of work on the clip, so that a server can be told to stop in the middle of it.
SLOW = "Turn it into a watercolour painting"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that takes the slow edit some seconds."""
    return make_clip(tmp_path_factory.mktemp("drain") / "clip.mp4", seconds=6, size=(640, 360), content=one_second)


class Busy:
    """A server that is in the middle of an edit."""

    def __init__(self, data: Path, clip: Path, grace_seconds: float) -> None:
        self.server = ServerProcess(data, {**UNLOCKED, "REFILM_GRACE_SECONDS": str(grace_seconds)}).start()
        self.client = ApiClient(self.server.url, self.server.new_key("drain"))
        self.uri = self.client.upload(clip)
        self.task = self.client.create(self.uri, SLOW)
        while not self.client.wait_for(self.task, "RUNNING").get("progress"):
            time.sleep(0.05)

    def told_to_stop(self) -> dict[str, str]:
        """The checks of /ready, once it has heard of the signal."""
        self.server.terminate()
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            ready = HTTP.get(f"{self.server.url}/ready")
            if ready.status_code == 503:
                return dict(ready.json()["checks"])
            time.sleep(0.02)
        raise AssertionError("a server that was told to stop stayed ready")

    def output_after_restart(self) -> str:
        """The URL of the edited clip, on the next server of the same folder."""
        self.server.start()
        (url,) = self.client.wait_for(self.task, "SUCCEEDED")["output"]
        return str(url)


@pytest.fixture
def busy(tmp_path: Path, clip: Path) -> Iterator[Busy]:
    """A server with more grace than an edit takes."""
    busy = Busy(tmp_path / "data", clip, grace_seconds=600)
    yield busy
    busy.server.stop()


def test_a_server_lets_its_edits_end_and_answers_until_then(busy: Busy) -> None:
    """Told to stop it is not ready any more and begins nothing new, yet polls and creates are answered. The edit ends
    well, the process with 0. What was accepted meanwhile runs at the next start.
    """
    checks = busy.told_to_stop()
    polled = busy.client.task(busy.task)["status"]
    accepted = busy.client.create(busy.uri, "Make it black and white")
    code = busy.server.wait()

    busy.server.start()
    before = busy.client.task(busy.task)["status"]
    busy.client.wait_for(accepted, "SUCCEEDED")

    assert (checks["server"], checks["database"]) == ("draining", "ok")
    assert polled in ("RUNNING", "SUCCEEDED")
    assert code == 0, busy.server.told()
    assert before == "SUCCEEDED"


def test_a_second_signal_hands_back_at_once(busy: Busy) -> None:
    """Who cannot wait says so twice: the edit is given up, does not count, and succeeds on the next server."""
    busy.told_to_stop()
    busy.server.terminate()
    code = busy.server.wait()

    assert code == 0, busy.server.told()
    assert "task handed back" in busy.server.told()
    assert "/1.mp4" in busy.output_after_restart()


def test_an_edit_that_outlasts_the_grace_is_handed_back(tmp_path: Path, clip: Path) -> None:
    """After the grace time the edit is given up, does not count, and succeeds on the next server."""
    busy = Busy(tmp_path / "data", clip, grace_seconds=0.5)
    code = busy.server.stop()

    try:
        assert code == 0, busy.server.told()
        assert "task handed back" in busy.server.told()
        assert "/1.mp4" in busy.output_after_restart()
    finally:
        busy.server.stop()
