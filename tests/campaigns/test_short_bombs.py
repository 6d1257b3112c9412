"""R10 in short: every clip and picture is probed, bodies go to a real server, and bombs are what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import r10_bombs
from body_bombs import body_bombs
from clip_bombs import Parts, changed, clip_bombs, h264, repeated
from picture_bombs import picture_bombs

from refilm.errors import InvalidAsset
from refilm.media.picture import probe_picture
from refilm.media.probe import probe
from refilm.testing import read_frames

#: What costs most to make or to send; the long version has them all.
BODIES = (
    "arrays in arrays",
    "objects in objects",
    "gzip of gzip",
    "brotli",
    "zstd",
    "a data URI of padding",
    "a header without end",
)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> list[r10_bombs.Bomb]:
    """Clips and pictures."""
    return [*clip_bombs(tmp_path_factory.mktemp("parts")), *picture_bombs()]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """What bombs are made from."""
    return Parts(tmp_path)


def test_bombs_are_refused_unless_they_are_legal_all_the_same(bombs: list[r10_bombs.Bomb], tmp_path: Path):
    """Nothing but our own error comes of any of them, and those that nobody can use are refused by the probe."""
    path, accepted = tmp_path / "bomb", []

    for bomb in bombs:
        path.write_bytes(bomb.content)
        with path.open("rb") as file:
            try:
                facts = probe(file) if bomb.place == "clip" else probe_picture(file)
            except InvalidAsset:
                continue
        inside = bomb.place != "clip" or (facts.duration <= 600 and max(facts.width, facts.height) <= 3840)
        accepted += [bomb.name] if inside and not bomb.may_pass else []

    assert accepted == []
    assert len({bomb.name for bomb in bombs}) == len(bombs) >= 30


def test_bombs_are_small(bombs: list[r10_bombs.Bomb]):
    """Each takes a few megabytes to send at most."""
    assert max(len(bomb.content) for bomb in bombs) < 16_000_000


def test_a_repeated_frame_is_a_clip(parts: Parts, tmp_path: Path):
    """Tables that are written by hand are right: what they tell of a few frames is decoded."""
    path = tmp_path / "repeated.mp4"
    path.write_bytes(repeated(parts.silent, 7, 512))
    assert len(list(read_frames(path))) == 7

    path.write_bytes(changed(parts.silent, {b"ctts": b"", b"edts": b""}))
    assert len(list(read_frames(path))) == 10

    path.with_suffix(".h264").write_bytes(h264(64, 64, 3))
    assert len(list(read_frames(path.with_suffix(".h264")))) == 3


def test_a_server_refuses_bodies_and_goes_on(tmp_path: Path):
    """Bodies that unpack, nest or never end are refused by a real server, and an edit beside them succeeds."""
    bodies = [body for body in body_bombs() if body.name in BODIES]

    found, told = r10_bombs.run(tmp_path, r10_bombs.Wishes(60, 1), [], [], bodies, largest=False)

    assert found.wrong == []
    assert found.ends["refused"] == len(BODIES), told
