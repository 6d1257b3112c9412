"""A lock says that a process lives, and its end that it died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from refilm.errors import Unavailable
from refilm.locks import announce, died, lock_data, retire

HOLD = "import sys; from pathlib import Path; from refilm.locks import announce; "
HOLD += "held = announce(Path(sys.argv[1]), 'ann'); print('held', flush=True); sys.stdin.read()"


def test_a_folder_has_one_server(tmp_path: Path):
    """The second is refused with a sentence until the first lets go."""
    with lock_data(tmp_path), pytest.raises(Unavailable, match="Another Refilm server works on"):
        lock_data(tmp_path)

    lock_data(tmp_path).close()


def test_the_living_are_not_taken_for_dead(tmp_path: Path):
    """A name that can be found is locked until its process lets go; what was taken away is not found."""
    assert died(tmp_path) == []
    with announce(tmp_path, "ann"):
        assert died(tmp_path) == []

    assert died(tmp_path) == ["ann"]
    retire(tmp_path, "ann")
    retire(tmp_path, "ann")
    assert died(tmp_path) == []


def test_a_killed_process_is_known_to_be_dead(tmp_path: Path):
    """SIGKILL lets go of the lock, and leaves the name."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert died(tmp_path) == []

    process.kill()
    process.communicate()

    assert died(tmp_path) == ["ann"]
