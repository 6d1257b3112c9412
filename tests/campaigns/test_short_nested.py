"""R8 in short: files that name others, what opens clips without any lock, and the proof that the canary notices."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import httpx2
import pytest
import r08_nested
from canary import Canary
from nested_media import LEAST_BYTES, nested_media

from refilm.errors import InvalidAsset
from refilm.media.picture import read_picture
from refilm.media.probe import probe
from refilm.media.read import FrameReader

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who opens files")

#: What follows references where it is allowed to.
PERMISSIVE = {"safe": "0", "enable_drefs": "1", "use_absolute_path": "1", "protocol_whitelist": "file,http,tcp"}


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """Secret files, and a listener."""
    with Canary(tmp_path / "secrets", "canary-of-the-tests") as canary:
        yield canary


def test_nothing_is_opened_for_files_that_name_others(canary: Canary, tmp_path: Path):
    """Each is refused as a clip and as a picture, by all that reads them, in a process that might open anything."""
    files = nested_media(canary)
    path = tmp_path / "input"
    canary.opened()

    for file in files:
        path.write_bytes(file.content)
        for read in (probe, FrameReader, read_picture):
            with path.open("rb") as source, pytest.raises(InvalidAsset):
                read(source)

    assert canary.opened() == {}
    assert canary.reached == []
    assert len({file.name for file in files}) == len(files) >= 25
    assert min(len(file.content) for file in files) >= LEAST_BYTES


@pytest.mark.parametrize("name", ["concat, a path", "concat, a URL"])
def test_whoever_follows_a_reference_is_noticed(canary: Canary, name: str):
    """The files do lead to the secret, where somebody follows them."""
    (file,) = [each for each in nested_media(canary) if each.name == name]
    canary.opened()

    with av.open(io.BytesIO(file.content), options=PERMISSIVE) as container:
        assert next(container.decode(video=0)).width == 96

    assert canary.opened()
    assert len(canary.reached) == (1 if "URL" in name else 0)


def test_a_secret_is_found_wherever_it_turns_up(canary: Canary, tmp_path: Path):
    """In a file that was left, and in an answer."""
    left = tmp_path / "left"
    left.mkdir()
    (left / "fine").write_bytes(b"nothing")
    found = r08_nested.Found()
    r08_nested.search(canary.secret, left, [b"nothing"], found)
    assert found.wrong == []

    (left / "database").write_bytes(b"a row with " + canary.secret + b" in it")
    r08_nested.search(canary.secret, left, [b"{" + canary.secret + b"}"], found)

    assert found.wrong == ["the secret is in database", "the secret is in an answer"]


def test_the_listener_counts_who_comes(canary: Canary):
    """Every request, with its path."""
    httpx2.get(canary.url("any.ts"), trust_env=False)

    assert canary.reached == [("GET", "/any.ts")]
