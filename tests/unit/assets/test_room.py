"""The low-water mark and the ballast, on a clock that goes when told and on a disk that can be filled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refilm.assets.room import FRESH_SECONDS, Ballast, Room, free_bytes
from refilm.errors import StorageFull
from small_disk import SmallDisk

MEGABYTE = 1 << 20


class Disk:
    """A place that has what it is told, and counts how often it is asked."""

    def __init__(self, free: int | None) -> None:
        self.free, self.asked = free, 0

    def __call__(self) -> int | None:
        self.asked += 1
        return self.free


class Seconds:
    """A clock that goes when told."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize(("free", "short"), [(99, True), (100, False), (0, True), (None, False), (10**15, False)])
def test_below_the_mark_is_refused(free: int | None, short: bool):
    """Less than the mark is too little, the mark itself is enough, and where nobody can tell there is room."""
    room = Room([Disk(free)], least=100)

    assert room.is_short() is short
    if short:
        with pytest.raises(StorageFull, match="room"):
            room.check()
    else:
        room.check()


def test_the_fullest_place_decides():
    """Rows and bytes may lie on different disks, and both are needed."""
    assert Room([Disk(500), Disk(99), Disk(None)], least=100).is_short()


def test_a_share_of_the_mark_is_the_last_reserve():
    """What runs may use half of what new work may not."""
    room = Room([Disk(60)], least=100)

    assert room.is_short()
    assert not room.is_short(0.5)


def test_no_mark_is_no_refusal():
    """A mark of 0 turns the check off, and asks no disk."""
    disk = Disk(0)

    assert not Room([disk], least=0).is_short()
    assert disk.asked == 0


def test_a_disk_is_asked_once_a_second():
    """However many requests come, and a change is seen within a second."""
    disk, clock = Disk(500), Seconds()
    room = Room([disk], least=100, now=clock)
    for _ in range(1000):
        room.check()
    asked = disk.asked

    disk.free = 1
    clock.at += FRESH_SECONDS / 2
    before = room.is_short()
    clock.at += FRESH_SECONDS
    after = room.is_short()

    assert (asked, before, after, disk.asked) == (1, False, True, 2)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of 16 MB."""
    if not SmallDisk.possible():
        pytest.skip("mounting a small file system is not permitted here")
    with SmallDisk(tmp_path / "disk", 16 * MEGABYTE) as disk:
        yield disk


def test_ballast_makes_room_on_a_full_disk(disk: SmallDisk):
    """It is there while there is room, gone within a look when somebody fills the disk, and there again afterwards."""
    ballast = disk.folder / "ballast"
    room = Room([lambda: free_bytes(disk.folder)], 2 * MEGABYTE, Ballast(ballast, 4 * MEGABYTE))
    room.look()
    held = ballast.stat().st_blocks * 512

    disk.fill()
    full = disk.free
    room.look()
    relieved, short = disk.free, room.is_short()
    (disk.folder / "small change").write_bytes(bytes(MEGABYTE))
    for _ in range(3):
        room.look()
    still = ballast.exists()
    disk.clear()
    room.look()

    assert held == 4 * MEGABYTE
    assert full < 4096
    assert relieved >= 4 * MEGABYTE - 4096
    assert not short
    assert not still
    assert ballast.exists()


def test_no_ballast_where_it_would_take_the_room_that_it_is_for(disk: SmallDisk):
    """On a disk that is nearly full from the start none is taken."""
    disk.fill(leaving=5 * MEGABYTE)
    Room([lambda: disk.free], 2 * MEGABYTE, Ballast(disk.folder / "ballast", 4 * MEGABYTE)).look()

    assert not (disk.folder / "ballast").exists()
