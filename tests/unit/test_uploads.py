"""Uploads over a real database and real files: who may fill a slot, with what, how often, and what a failure leaves."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest

from refilm.accounts import Caller
from refilm.assets.local import LocalAssets
from refilm.assets.signing import Signer
from refilm.domain.clip import ClipInfo
from refilm.errors import EngineCrash, InvalidAsset, InvalidRequest, Refused, StorageFull
from refilm.runner.process import Runner
from refilm.store.sqlite import SqliteStore
from refilm.uploads import UploadRules, Uploads

ALICE = Caller(account="alice", key_id="key-1")
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACTS = {"kind": "video", "facts": {"width": 320}}
CLIP = bytes(range(256)) * 8
BASE = "https://refilm.example/"


class Clock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock():
    """The time of the test."""
    return Clock()


@pytest.fixture
def store(tmp_path):
    """A real database."""
    opened = SqliteStore(tmp_path / "refilm.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def assets(tmp_path):
    """Real files."""
    return LocalAssets(tmp_path / "assets")


@pytest.fixture
def uploads_with(store, assets, clock):
    """Make the uploads with a probe."""

    def make(probe=None, **rules) -> Uploads:
        async def is_a_clip(file):
            return FACTS

        signer = Signer([("1", b"0123456789abcdef")])
        return Uploads(store, assets, signer, probe or is_a_clip, clock, rules=UploadRules(**rules))

    return make


@pytest.fixture
def uploads(uploads_with):
    """Uploads whose probe finds a clip in everything."""
    return uploads_with()


@pytest.fixture
def left(tmp_path):
    """Every file below the assets' folder, finished or not."""
    return lambda: [path for path in (tmp_path / "assets").rglob("*") if path.is_file()]


async def parts(content: bytes, size: int = 500):
    for start in range(0, len(content), size):
        yield content[start : start + size]


def create(uploads, caller=ALICE, filename="clip.mp4"):
    return asyncio.run(uploads.create(caller, filename, BASE))


def receive(uploads, fields, content=CLIP):
    return asyncio.run(uploads.receive(fields, parts(content)))


def row(store, slot):
    return store.read(lambda tx: tx.uploads.get(slot.runway_uri.removeprefix("runway://")))


def test_slot_is_an_address_a_form_and_a_uri(uploads, store):
    """A slot tells where to POST what, and the URI to use afterwards; its row is there when it is told."""
    slot = create(uploads)

    assert slot.upload_url == "https://refilm.example/uploads"
    assert set(slot.fields) == {"key", "expires", "key_id", "signature"}
    assert all(isinstance(value, str) for value in slot.fields.values())
    assert 13 <= len(slot.runway_uri) <= 5000
    found = row(store, slot)
    assert (found.account, found.filename, found.uri) == ("alice", "clip.mp4", slot.runway_uri)
    assert (found.created_at, found.expires_at) == (START, START + timedelta(hours=24))
    assert not found.arrived


def test_uris_cannot_be_guessed(uploads):
    """Each URI carries at least 128 random bits, and no two are alike."""
    uris = {create(uploads).runway_uri for _ in range(20)}

    assert len(uris) == 20
    assert all(len(uri.removeprefix("runway://")) * 6 >= 128 for uri in uris)


def test_file_arrives_bit_for_bit_with_its_facts(uploads, store, assets):
    """What was sent is what is kept, and what the probe found is kept with it."""
    slot = create(uploads)
    content = os.urandom(3_000_000)  # more than is collected before a write

    told = receive(uploads, slot.fields, content)

    kept = row(store, slot)
    assert kept == told
    assert (kept.size, kept.kind, kept.facts, kept.problem) == (3_000_000, "video", {"width": 320}, None)
    with assets.open(kept.key) as file:
        assert file.read() == content


def test_probe_gets_the_whole_file_from_its_beginning(uploads_with):
    """The probe's child can read the descriptor from where it stands: everything is flushed, nothing is skipped."""
    seen = []

    async def probe(file):
        seen.append((os.lseek(file.fileno(), 0, os.SEEK_CUR), os.read(file.fileno(), 10**6)))
        return FACTS

    uploads = uploads_with(probe)
    receive(uploads, create(uploads).fields)

    assert seen == [(0, CLIP)]


def test_real_clip_is_probed_by_the_real_runner(uploads_with, store, make_clip):
    """The facts of a real clip come from a real child process and read back as a ClipInfo."""

    async def probe(file):
        return await asyncio.to_thread(Runner().probe, file)

    uploads = uploads_with(probe)
    slot, path = create(uploads), make_clip(seconds=1)

    receive(uploads, slot.fields, path.read_bytes())

    kept = row(store, slot)
    assert kept.kind == "video"
    assert (ClipInfo.from_json(kept.facts).width, ClipInfo.from_json(kept.facts).height) == (320, 180)


@pytest.mark.parametrize("failure", [InvalidAsset("The file is no clip."), EngineCrash("The file is no clip.")])
def test_unreadable_file_is_kept_as_a_problem(uploads_with, store, failure):
    """A file that nothing can be made of, or that kills its prober, still arrives; its problem is told when used."""

    async def probe(file):
        raise failure

    uploads = uploads_with(probe)
    slot = create(uploads)

    receive(uploads, slot.fields)

    kept = row(store, slot)
    assert (kept.arrived, kept.kind, kept.facts, kept.problem) == (True, None, None, "The file is no clip.")


def test_broken_probe_leaves_nothing_and_the_slot_free(uploads_with, uploads, store, left):
    """Trouble of our own is not blamed on the file: nothing is kept, and the same slot works later."""

    async def probe(file):
        raise RuntimeError("no child could be started")

    slot = create(uploads)
    with pytest.raises(RuntimeError):
        receive(uploads_with(probe), slot.fields)

    assert (left(), row(store, slot).arrived) == ([], False)
    receive(uploads, slot.fields)
    assert row(store, slot).arrived


def test_second_file_is_refused_and_the_first_one_kept(uploads, store, assets, left):
    """A slot is filled once."""
    slot = create(uploads)
    receive(uploads, slot.fields)

    with pytest.raises(Refused, match="already filled"):
        receive(uploads, slot.fields, b"x" * 1000)

    with assets.open(row(store, slot).key) as file:
        assert file.read() == CLIP
    assert len(left()) == 1


def test_of_racing_files_one_is_kept_whole(uploads, store, assets, left):
    """Files that arrive in one slot at the same time: one wins with its own size, the others are refused and gone."""
    slot = create(uploads)
    contents = [bytes([number]) * (1000 + number) for number in range(5)]

    async def race():
        return await asyncio.gather(
            *(uploads.receive(slot.fields, parts(content)) for content in contents), return_exceptions=True
        )

    outcomes = asyncio.run(race())

    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 4
    kept = row(store, slot)
    with assets.open(kept.key) as file:
        content = file.read()
    assert content in contents
    assert len(content) == kept.size
    assert len(left()) == 1


def test_slot_closes_after_its_time(uploads, clock):
    """A slot takes bytes up to its hour, and not at its end."""
    early, late = create(uploads), create(uploads)

    clock.time = START + timedelta(minutes=59, seconds=59)
    receive(uploads, early.fields)
    clock.time = START + timedelta(hours=1)
    with pytest.raises(Refused, match="expired"):
        receive(uploads, late.fields)


@pytest.mark.parametrize("name", ["key", "expires", "key_id", "signature"])
@pytest.mark.parametrize("change", [lambda value: None, lambda value: value + "0", lambda value: "", lambda value: "é"])
def test_changed_form_is_refused(uploads, left, name, change):
    """No field of a slot's form can be left out or changed."""
    fields = create(uploads).fields
    value = change(fields[name])
    changed = {**fields, name: value} if value is not None else {n: v for n, v in fields.items() if n != name}

    with pytest.raises(Refused):
        receive(uploads, changed)
    assert left() == []


def test_form_of_one_slot_does_not_open_another(uploads):
    """A signature goes with its own slot only."""
    mine, other = create(uploads), create(uploads, Caller(account="bob", key_id="key-2"))

    with pytest.raises(Refused):
        receive(uploads, {**mine.fields, "key": other.fields["key"]})


@pytest.mark.parametrize(("size", "code"), [(0, "too_small"), (511, "too_small"), (4097, "too_big")])
def test_size_outside_the_limits_is_refused(uploads_with, store, left, size, code):
    """A file that is too small or too large leaves nothing, and says what is wrong."""
    uploads = uploads_with(max_bytes=4096)
    slot = create(uploads)

    with pytest.raises(InvalidRequest) as caught:
        receive(uploads, slot.fields, b"x" * size)

    assert [issue.code for issue in caught.value.issues] == [code]
    assert (left(), row(store, slot).arrived) == ([], False)


@pytest.mark.parametrize("size", [512, 4096])
def test_size_at_the_limits_is_taken(uploads_with, store, size):
    """The limits themselves are inside."""
    uploads = uploads_with(max_bytes=4096)
    slot = create(uploads)

    receive(uploads, slot.fields, b"x" * size)

    assert row(store, slot).size == size


def test_too_large_file_is_not_read_to_its_end(uploads_with):
    """A flood is cut off at the limit."""
    uploads = uploads_with(max_bytes=4096)
    slot, read = create(uploads), []

    async def flood():
        while True:
            read.append(1)
            yield b"x" * 1000

    with pytest.raises(InvalidRequest):
        asyncio.run(uploads.receive(slot.fields, flood()))

    assert len(read) == 5


def test_broken_connection_leaves_nothing(uploads, store, left):
    """What the sender's end raises passes, nothing is kept, and the slot may be tried again."""
    slot = create(uploads)

    async def breaks():
        yield CLIP
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(uploads.receive(slot.fields, breaks()))

    assert (left(), row(store, slot).arrived) == ([], False)
    receive(uploads, slot.fields)


def test_cancelled_upload_leaves_nothing(uploads, store, left):
    """A request that is cancelled in the middle of its bytes leaves no file, not even an unfinished one."""
    slot = create(uploads)

    async def hang_up():
        begun = asyncio.Event()

        async def stalls():
            yield CLIP
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(uploads.receive(slot.fields, stalls()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(hang_up())

    assert (left(), row(store, slot).arrived) == ([], False)


def test_hanging_up_after_the_last_byte_leaves_file_and_row_in_step(uploads, store, assets, left, monkeypatch):
    """A client that goes while the file is published cannot part the bytes from their row."""
    slot = create(uploads)

    async def hang_up():
        publishing = asyncio.Event()
        loop = asyncio.get_running_loop()
        publish = assets._publish

        def tell_and_publish(scratch, target):
            loop.call_soon_threadsafe(publishing.set)
            publish(scratch, target)

        monkeypatch.setattr(assets, "_publish", tell_and_publish)
        task = asyncio.create_task(uploads.receive(slot.fields, parts(CLIP)))
        await publishing.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for other in asyncio.all_tasks() - {asyncio.current_task()}:
            await other

    asyncio.run(hang_up())

    kept = row(store, slot)
    assert kept.arrived
    assert assets.size(kept.key) == kept.size
    assert len(left()) == 1


def test_full_disk_is_told_and_leaves_nothing(uploads, store, left, monkeypatch):
    """No room for the file is StorageFull, and the slot may be tried again when there is room."""
    slot = create(uploads)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("refilm.assets.local.os.fsync", full)
        with pytest.raises(StorageFull):
            receive(uploads, slot.fields)

    assert (left(), row(store, slot).arrived) == ([], False)
    receive(uploads, slot.fields)


def test_row_that_cannot_be_written_leaves_no_file(uploads, store, left, monkeypatch):
    """Bytes whose row was not committed are given back."""
    slot = create(uploads)

    def broken(tx, arrived):
        raise StorageFull("The database is full.")

    monkeypatch.setattr("refilm.uploads._complete", broken)
    with pytest.raises(StorageFull):
        receive(uploads, slot.fields)

    assert (left(), row(store, slot).arrived) == ([], False)
