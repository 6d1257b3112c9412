"""What every place for assets promises. Another implementation joins by one more entry in PLACES.

The bucket is a real S3 server's.
"""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.assets.base import Assets, InvalidKey, check_key
from refilm.assets.s3 import SINGLE_BYTES
from refilm.bootstrap.places import open_assets
from refilm.config import Settings
from refilm.errors import NotFound

#: By name: what the settings of a place are.
PLACES = {
    "local": lambda request, folder: {},
    "shared folder": lambda request, folder: {"assets_url": (folder / "shared").as_uri()},
    "bucket": lambda request, folder: request.getfixturevalue("s3_settings"),
}

BAD_KEYS = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", ".hidden", "a/.b", ".scratch/x"),
    *("a b", "a\\b", "a\x00b", "a\nb", "a\n", "é", "a/é", "a:b", "a?b", "a%2e", "~a", "a" * 201, "a/" * 501 + "a"),
]


@pytest.fixture(params=sorted(PLACES))
def assets(request, tmp_path) -> Assets:
    """One place for assets of each kind, as the settings open it."""
    return open_assets(Settings(data=tmp_path / "data", **PLACES[request.param](request, tmp_path)))


def break_off(assets: Assets, key: str, content: bytes) -> None:
    with assets.writer(key) as file:
        file.write(content)
        raise ZeroDivisionError


def put(assets: Assets, key: str, content: bytes) -> None:
    with assets.writer(key) as file:
        file.write(content)


def get(assets: Assets, key: str) -> bytes:
    with assets.open(key) as file:
        return file.read()


def test_asset_is_read_as_it_was_written(assets):
    """Bytes come back as they went in, with their size."""
    put(assets, "outputs/task-1/1/clip.mp4", b"moov" * 1000)

    assert get(assets, "outputs/task-1/1/clip.mp4") == b"moov" * 1000
    assert assets.size("outputs/task-1/1/clip.mp4") == 4000
    assert assets.exists("outputs/task-1/1/clip.mp4")


def test_writer_gives_a_real_file(assets):
    """A child process can be given the descriptor, and a muxer can seek, read back and write again."""
    with assets.writer("a/b") as file:
        os.write(file.fileno(), b"0123456789")
        file.seek(2)
        assert file.read(3) == b"234"
        file.seek(0)
        file.write(b"ab")

    assert get(assets, "a/b") == b"ab23456789"


def test_reader_gives_a_real_file(assets):
    """A child process can be given the descriptor of an opened asset, and it cannot write."""
    put(assets, "a", b"content")

    with assets.open("a") as file:
        assert os.pread(file.fileno(), 4, 3) == b"tent"
        with pytest.raises(OSError):
            os.write(file.fileno(), b"x")


def test_asset_appears_only_when_it_is_whole(assets):
    """Nobody sees a part of an asset."""
    with assets.writer("a/b") as file:
        file.write(b"part")
        file.flush()
        assert not assets.exists("a/b")
        with pytest.raises(NotFound):
            assets.open("a/b")

    assert assets.exists("a/b")


def test_failed_write_leaves_nothing(assets):
    """After an exception there is no asset, and the exception passes."""
    with pytest.raises(ZeroDivisionError):
        break_off(assets, "a/b", b"part")

    assert not assets.exists("a/b")


def test_failed_write_keeps_what_was_there(assets):
    """A second write that fails loses nothing."""
    put(assets, "a", b"first")

    with pytest.raises(ZeroDivisionError):
        break_off(assets, "a", b"second")

    assert get(assets, "a") == b"first"


@pytest.mark.parametrize("size", [6, SINGLE_BYTES + 1], ids=["small", "large"])
def test_the_first_asset_under_a_key_stays(assets, size):
    """An asset never changes: what another attempt writes under the same key is dropped, however large."""
    put(assets, "a", b"first")

    put(assets, "a", b"x" * size)

    assert get(assets, "a") == b"first"
    assert list(assets.keys("staging")) == []


def test_large_asset_is_read_as_it_was_written(assets):
    """An asset that goes in and comes out in many parts is the same, and nothing else is left of them."""
    content = os.urandom(1 << 20) * (SINGLE_BYTES // (1 << 20) + 3) + b"end"

    put(assets, "outputs/task/1.mp4", content)

    assert assets.size("outputs/task/1.mp4") == len(content)
    assert get(assets, "outputs/task/1.mp4") == content
    assert list(assets.keys("outputs")) == ["outputs/task/1.mp4"]
    assert list(assets.keys("staging")) == []


def test_open_asset_outlives_its_deletion(assets):
    """Who has an asset open can read it to its end."""
    put(assets, "a", b"content")

    with assets.open("a") as file:
        assets.delete("a")
        assert file.read() == b"content"


def test_asset_is_passed_on_from_any_place(assets):
    """A stream of an asset can be sought in and read a piece at a time."""
    content = os.urandom(5_000_000)
    put(assets, "a", content)

    with assets.stream("a") as stream:
        assert stream.read(3) == content[:3]
        stream.seek(4_900_000)
        rest = b"".join(iter(lambda: stream.read(30_000), b""))
    with pytest.raises(NotFound):
        assets.stream("b")

    assert rest == content[4_900_000:]


def test_copy_is_an_asset_of_its_own(assets):
    """A copy has the same bytes and stays when the original goes; it takes nobody's place."""
    put(assets, "a/b", b"bytes")
    put(assets, "taken", b"others")

    assets.copy("a/b", "c/d")
    assets.copy("a/b", "taken")
    assets.delete("a/b")

    assert get(assets, "c/d") == b"bytes"
    assert get(assets, "taken") == b"others"
    with pytest.raises(NotFound):
        assets.copy("a/b", "e")


def test_keys_are_those_below_a_prefix(assets):
    """Keys come in full, whole segments only, however many there are."""
    keys = {f"inputs/task-{number}/video" for number in range(30)}
    for key in (*keys, "inputs-2/task/video", "outputs/task/1.mp4"):
        put(assets, key, b"x")

    assert set(assets.keys("inputs")) == keys
    assert list(assets.keys("nothing")) == []


def test_deleted_asset_is_gone(assets):
    """Deleting removes one asset, and a missing one is fine."""
    put(assets, "a/b", b"1")
    put(assets, "a/c", b"2")

    assets.delete("a/b")
    assets.delete("a/b")
    assets.delete("never/was")

    assert not assets.exists("a/b")
    assert get(assets, "a/c") == b"2"
    for use in (assets.open, assets.size):
        with pytest.raises(NotFound):
            use("a/b")


def test_folder_of_assets_is_no_asset(assets):
    """The first part of a key names nothing by itself."""
    put(assets, "a/b", b"1")

    assert not assets.exists("a")
    assets.delete("a")
    for use in (assets.open, assets.size):
        with pytest.raises(NotFound):
            use("a")
    assert get(assets, "a/b") == b"1"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_key_is_refused_everywhere(assets, key):
    """No door takes a key that could leave the place or hide in it."""
    uses = (assets.open, assets.size, assets.exists, assets.delete, assets.stream)
    for use in (*uses, lambda key: assets.copy(key, "a"), lambda key: assets.copy("a", key)):
        with pytest.raises(InvalidKey):
            use(key)
    with pytest.raises(InvalidKey), assets.writer(key):
        raise AssertionError("a writer was given out")


@given(st.text())
def test_key_that_passes_stays_inside(key):
    """Whatever passes is a relative path without dots at the beginning of a part, in plain letters."""
    try:
        check_key(key)
    except InvalidKey:
        return

    assert not key.startswith("/")
    assert os.path.normpath(key) == key
    assert key.isascii()
    assert not any(part.startswith(".") for part in key.split("/"))


@given(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,30}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,30}){0,4}", fullmatch=True))
def test_ordinary_key_passes(key):
    """Keys of the promised alphabet are taken."""
    assert check_key(key) == key


def test_many_writers_of_one_key_leave_one_whole_asset(assets):
    """Writers that race never mix their bytes: one of them wins as a whole."""
    contents = [bytes([number]) * 200_000 for number in range(8)]
    barrier = threading.Barrier(len(contents))

    def write(content: bytes) -> None:
        barrier.wait()
        put(assets, "race/winner", content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert get(assets, "race/winner") in contents


def test_writers_and_deleters_do_not_trip_each_other(assets):
    """Writing into a folder that another thread empties at the same moment always ends in an asset or in none."""
    failures: list[BaseException] = []

    def churn(name: str) -> None:
        try:
            for _ in range(60):
                put(assets, f"shared/folder/{name}", b"x")
                assets.delete(f"shared/folder/{name}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(f"asset-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_free_room_is_told_where_it_is_known(assets):
    """The room left is a number of bytes, or unknown."""
    free = assets.free_bytes()

    assert free is None or free > 0
