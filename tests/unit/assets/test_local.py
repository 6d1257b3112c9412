"""Assets in a folder: what a crash, a full disk and other people's files do to them."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from refilm.assets.base import InvalidKey
from refilm.assets.local import LocalAssets
from refilm.errors import NotFound, StorageFull, Unavailable

#: Writes part of an asset, says so, and waits to be killed.
HALF_WRITER = """
import sys, time
from pathlib import Path
from refilm.assets.local import LocalAssets
with LocalAssets(Path(sys.argv[1])).writer("outputs/half") as file:
    file.write(b"x" * 1_000_000)
    file.flush()
    print("writing", flush=True)
    time.sleep(600)
"""

#: Writes one asset after the other until it is killed.
MANY_WRITER = """
import sys
from pathlib import Path
from refilm.assets.local import LocalAssets
assets = LocalAssets(Path(sys.argv[1]))
for number in range(10**9):
    with assets.writer(f"outputs/{number}") as file:
        for _ in range(4):
            file.write(bytes([number % 256]) * 50_000)
    if number == 3:
        print("writing", flush=True)
"""


@pytest.fixture
def root(tmp_path):
    """Where the assets of a test lie."""
    return tmp_path / "assets"


@pytest.fixture
def start_writer(root):
    """Start a script that writes assets; it is running and has written when this returns, and dead after the test."""
    children = []

    def start(script: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout.readline() == b"writing\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def scratch_files(root) -> list[str]:
    return sorted(path.name for path in (root / ".scratch").iterdir())


def kill(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()


def test_killed_writer_leaves_no_asset_and_its_scratch_is_swept(root, start_writer):
    """Half an output of a killed process is never seen, and the next start gives its room back."""
    kill(start_writer(HALF_WRITER))

    assert len(scratch_files(root)) == 1
    assets = LocalAssets(root)

    assert scratch_files(root) == []
    assert not assets.exists("outputs/half")


def test_sweep_spares_what_another_process_writes(root, start_writer):
    """A sweep takes nothing away from a living writer, however old its file is."""
    start_writer(HALF_WRITER)
    assets = LocalAssets(root)
    (scratch,) = scratch_files(root)
    os.utime(root / ".scratch" / scratch, (0, 0))

    assert assets.sweep_scratch() == 0
    assert scratch_files(root) == [scratch]


def test_sweep_spares_what_is_younger_than_asked(root):
    """A leftover is swept once it is as old as asked, and not before."""
    assets = LocalAssets(root)
    leftover = root / ".scratch" / "leftover"
    leftover.write_bytes(b"x")

    assert assets.sweep_scratch(timedelta(hours=1)) == 0
    os.utime(leftover, (time.time() - 7200,) * 2)
    assert assets.sweep_scratch(timedelta(hours=1)) == 1
    assert scratch_files(root) == []


@pytest.mark.parametrize("round_", range(5))
def test_kill_at_any_moment_leaves_a_whole_asset(root, start_writer, round_):
    """A process that is killed while it writes assets leaves whole ones, and no other."""
    child = start_writer(MANY_WRITER)
    time.sleep(0.01 * round_)  # another moment each round
    kill(child)

    assets = LocalAssets(root)
    written = list(assets.keys("outputs"))

    assert len(written) >= 4
    for key in written:
        with assets.open(key) as file:
            assert file.read() == bytes([int(key.removeprefix("outputs/")) % 256]) * 200_000
    assert scratch_files(root) == []


def test_shared_folder_is_opened_without_taking_from_other_machines(root):
    """A scratch file that seems to be nobody's may be written elsewhere: it stays until it has lain for long."""
    LocalAssets(root)
    leftover = root / ".scratch" / "leftover"
    leftover.write_bytes(b"x")

    LocalAssets(root, sweep_after=timedelta(days=1))
    assert scratch_files(root) == ["leftover"]

    os.utime(leftover, (time.time() - 2 * 86_400,) * 2)
    LocalAssets(root, sweep_after=timedelta(days=1))
    assert scratch_files(root) == []


def test_folder_that_cannot_be_is_told(root, tmp_path):
    """A folder that cannot be made, or that vanished, is said in a sentence that names it."""
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Unavailable, match="file/assets, cannot be made"):
        LocalAssets(tmp_path / "file" / "assets")

    assets = LocalAssets(root)
    assets.check()
    shutil.rmtree(root)
    with pytest.raises(Unavailable, match="not there"):
        assets.check()


def test_failed_write_leaves_no_scratch(root):
    """An exception gives the room back at once."""
    assets = LocalAssets(root)

    def break_off() -> None:
        with assets.writer("a") as file:
            file.write(b"x" * 100_000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()

    assert scratch_files(root) == []


def test_full_disk_is_told_as_such_and_leaves_nothing(root, monkeypatch):
    """No room at the final sync is StorageFull; the old asset stays and no scratch is left."""
    assets = LocalAssets(root)
    with assets.writer("a") as file:
        file.write(b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull), assets.writer("a") as file:
        file.write(b"new")
    monkeypatch.undo()

    with assets.open("a") as file:
        assert file.read() == b"old"
    assert scratch_files(root) == []


def test_full_disk_inside_the_block_is_told_as_such(root):
    """A write that finds no room, on a real device that is always full, is StorageFull too."""
    assets = LocalAssets(root)

    with pytest.raises(StorageFull), assets.writer("a"), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")

    assert scratch_files(root) == []


def test_other_disk_errors_are_not_called_full(root):
    """An error of another kind passes as it is."""
    assets = LocalAssets(root)

    with pytest.raises(OSError, match="broken") as caught, assets.writer("a"):
        raise OSError(errno.EIO, "broken")

    assert caught.value.errno == errno.EIO
    assert not assets.exists("a")


def test_only_the_owner_may_read(root):
    """Files are 0600 and folders 0700, whatever else may run on the machine."""
    assets = LocalAssets(root)
    with assets.writer("uploads/one/two") as file:
        file.write(b"x")

    assert (root / "uploads/one/two").stat().st_mode & 0o777 == 0o600
    for folder in (root, root / ".scratch", root / "uploads", root / "uploads/one"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_link_in_the_folder_is_no_asset(root, tmp_path):
    """A symbolic link is not followed out of the folder."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    assets = LocalAssets(root)
    (root / "link").symlink_to(secret)

    assert not assets.exists("link")
    with pytest.raises(NotFound):
        assets.open("link")
    with pytest.raises(NotFound):
        assets.size("link")


def test_pipe_in_the_folder_is_no_asset(root):
    """Only regular files are assets; a pipe must not make a reader wait."""
    assets = LocalAssets(root)
    os.mkfifo(root / "pipe")

    assert not assets.exists("pipe")
    with pytest.raises(NotFound):
        assets.open("pipe")


def test_asset_cannot_be_the_folder_of_another(root):
    """A file system cannot hold both `a` and `a/b`; that is said, and nothing is left."""
    assets = LocalAssets(root)
    with assets.writer("a/b") as file:
        file.write(b"x")

    for key in ("a", "a/b/c"):
        with pytest.raises(InvalidKey), assets.writer(key) as file:
            file.write(b"x")
    assert scratch_files(root) == []


def test_empty_folders_go_with_their_last_asset(root):
    """Deleting leaves no tree of empty folders behind, and keeps those in use."""
    assets = LocalAssets(root)
    for key in ("tasks/one/1/out.mp4", "tasks/two/1/out.mp4"):
        with assets.writer(key) as file:
            file.write(b"x")

    assets.delete("tasks/one/1/out.mp4")

    assert not (root / "tasks/one").exists()
    assert (root / "tasks/two/1/out.mp4").exists()
