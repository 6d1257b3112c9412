"""Arrays kept beside what they were made from."""

from pathlib import Path

import numpy as np
import pytest

from refilm.engines.effects.interpreters.kept import Arrays, digest, kept


class Maker:
    """Makes the same arrays each time, and counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> Arrays:
        self.made += 1
        return {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_made_once(tmp_path: Path) -> None:
    """The second time they come from the file, bit for bit, and nothing else lies beside it."""
    make = Maker()

    first, second = kept(tmp_path, "x", make), kept(tmp_path, "x", make)

    assert make.made == 1
    assert first["a"].tobytes() == second["a"].tobytes()
    assert [file.name for file in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_spoilt_file_is_made_again(tmp_path: Path, content: bytes) -> None:
    """What cannot be read is replaced."""
    (tmp_path / "x.npz").write_bytes(content)
    make = Maker()

    kept(tmp_path, "x", make)
    kept(tmp_path, "x", make)

    assert make.made == 1


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    """The arrays come all the same."""
    make = Maker()

    assert kept(tmp_path / "missing", "x", make)["a"].shape == (2, 3)
    assert kept(tmp_path / "missing", "x", make)["a"].shape == (2, 3)
    assert make.made == 2


def test_a_digest_is_of_files_and_texts(tmp_path: Path) -> None:
    """Another file or another text gives another name; texts do not run together."""
    file = tmp_path / "weights"
    file.write_bytes(b"1")
    names = {digest([file], ["a", "b"]), digest([file], ["ab"]), digest([], ["a", "b"])}
    file.write_bytes(b"2")

    assert len({*names, digest([file], ["a", "b"])}) == 4
