"""File objects over one descriptor, each with its own position."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from refilm.media.descriptor import Descriptor


def test_two_readers_of_one_descriptor_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each has its own position, and the descriptor's own is left where it was."""
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(100)))

    with path.open("rb") as file:
        one, other = Descriptor(file), Descriptor(file)
        first = one.read(10)
        other.seek(-10, os.SEEK_END)

        assert (first, other.read(), one.read(1)) == (bytes(range(10)), bytes(range(90, 100)), b"\x0a")
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0


def test_what_is_written_can_be_read_back_through_a_second_one(tmp_path: Path) -> None:
    """Writing at an offset and reading it through another object on the same descriptor works without a flush."""
    with (tmp_path / "bytes").open("w+b") as file:
        writer = Descriptor(file)
        writer.write(b"index comes last")
        writer.seek(0)
        writer.write(b"INDEX")

        assert Descriptor(file).read() == b"INDEX comes last"
        assert (writer.tell(), writer.size) == (5, 16)


def test_reading_past_the_end_gives_nothing(tmp_path: Path) -> None:
    """At and beyond the end a read is empty, and a position before the start is refused."""
    path = tmp_path / "bytes"
    path.write_bytes(b"abc")

    with path.open("rb") as file:
        reader = Descriptor(file)
        reader.seek(10)

        assert reader.read(5) == reader.read() == b""
        with pytest.raises(ValueError, match="before"):
            reader.seek(-1)


def test_positions_beyond_all_files_are_ends_too(tmp_path: Path) -> None:
    """A damaged clip may send its reader anywhere; there is nothing there, and that is no error."""
    with (tmp_path / "clip").open("w+b") as file:
        reader = Descriptor(file)
        reader.write(b"short")
        for position in (2**63 - 1, 2**63, 2**64 + 8):
            reader.seek(position)
            assert reader.read(16) == b""
            assert reader.read() == b""


def test_a_file_without_a_descriptor_is_refused() -> None:
    """Bytes in memory have no descriptor."""
    with pytest.raises(io.UnsupportedOperation):
        Descriptor(io.BytesIO(b"x"))


def test_closing_leaves_the_descriptor_open(tmp_path: Path) -> None:
    """The descriptor is the caller's."""
    with (tmp_path / "bytes").open("w+b") as file:
        Descriptor(file).close()

        os.fstat(file.fileno())
