"""Uploads that go to the bucket itself: as strict as those that come through us, and looked at when first used."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from refilm.accounts import Caller
from refilm.assets.fetch import Fetcher, FetchLimits
from refilm.assets.signing import Signer
from refilm.bootstrap.places import open_assets
from refilm.config import Settings
from refilm.domain.edit import EditRequest, Model
from refilm.domain.uri import UriLimits
from refilm.errors import InvalidAsset, InvalidRequest, Unavailable
from refilm.intake import Intake
from refilm.net.policy import Policy
from refilm.retention import Keep, Sweeper, Swept
from refilm.runner.process import Runner
from refilm.uploads import UploadRules, Uploads, UploadSlot

ANN = Caller(account="ann", key_id="key-1")
CLIP = bytes(range(256)) * 8
FACTS = {"kind": "video", "facts": {"width": 320}}


@pytest.fixture
def assets(s3_settings, tmp_path):
    """Assets in a bucket."""
    return open_assets(Settings(data=tmp_path / "data", **s3_settings))


@pytest.fixture
def uploads_with(store, assets, clock):
    """Make the uploads with a probe, which finds a clip in everything unless told otherwise."""

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
def row(store):
    """row(slot): the slot's upload as it is stored."""
    return lambda slot: store.read(lambda tx: tx.uploads.get(slot.runway_uri.removeprefix("runway://")))


def create(uploads) -> UploadSlot:
    return asyncio.run(uploads.create(ANN, "clip.mp4", "https://refilm.example"))


def send(slot: UploadSlot, content: bytes = CLIP) -> int:
    """Fill the slot's form as an SDK does; the status of the answer."""
    file = {"file": ("clip.mp4", content, "video/mp4")}
    return httpx2.post(slot.upload_url, data=slot.fields, files=file, trust_env=False).status_code


def collect(uploads, upload) -> None:
    asyncio.run(uploads.collect(upload))


def test_slot_is_a_form_of_the_bucket(uploads, s3_server, row):
    """The bytes go to the bucket and not through us; the row is there when the slot is told."""
    slot = create(uploads)

    assert slot.upload_url == f"{s3_server.endpoint}/refilm"
    assert slot.fields["key"].endswith(row(slot).posted_key)
    assert not row(slot).arrived


def test_file_is_taken_over_bit_for_bit_with_its_facts(uploads, assets, row):
    """What the form brought is looked at once, and then the upload is as if it had come through us."""
    slot = create(uploads)
    assert send(slot) == 204

    collect(uploads, row(slot))

    kept = row(slot)
    assert (kept.size, kept.kind, kept.facts, kept.problem) == (len(CLIP), "video", {"width": 320}, None)
    with assets.open(kept.key) as file:
        assert file.read() == CLIP
    assert list(assets.keys("uploads")) == [kept.key]


def test_real_clip_is_probed_by_the_real_runner(uploads_with, row, make_clip):
    """A clip from the bucket is read by the same child as any other."""
    runner = Runner()

    async def probe(file):
        return await asyncio.to_thread(runner.probe, file)

    uploads = uploads_with(probe)
    slot = create(uploads)
    send(slot, make_clip(seconds=1, size=(320, 180)).read_bytes())
    collect(uploads, row(slot))

    assert row(slot).kind == "video"
    assert (row(slot).facts["width"], row(slot).facts["height"]) == (320, 180)


def test_unreadable_file_is_kept_as_a_problem(uploads_with, row):
    """What is no clip is told when it is used, in the probe's words."""

    async def refuses(file):
        raise InvalidAsset("This is not a clip.")

    uploads = uploads_with(refuses)
    slot = create(uploads)
    send(slot)
    collect(uploads, row(slot))

    assert (row(slot).arrived, row(slot).kind, row(slot).problem) == (True, None, "This is not a clip.")


def test_empty_slot_stays_empty(uploads, row):
    """Looking before anything has come changes nothing."""
    slot = create(uploads)

    collect(uploads, row(slot))

    assert not row(slot).arrived


def test_bytes_that_come_after_the_first_look_change_nothing(uploads, assets, row):
    """Who still has the form cannot put other bytes under a URI that was accepted."""
    slot = create(uploads)
    send(slot)
    collect(uploads, row(slot))
    before = row(slot)

    assert send(slot, b"x" * 4096) == 204
    collect(uploads, before)

    assert row(slot) == before
    with assets.open(before.key) as file:
        assert file.read() == CLIP


def test_two_first_uses_at_once_take_over_one_copy(uploads, assets, row):
    """Creates that race for a new upload see the same one, and no second copy is left."""
    slot = create(uploads)
    send(slot)

    async def race():
        await asyncio.gather(*(uploads.collect(row(slot)) for _ in range(6)))

    asyncio.run(race())

    assert list(assets.keys("uploads")) == [row(slot).key]


def test_size_is_judged_again(uploads_with, row):
    """A bucket that does not keep to the form's limits lets nobody past ours."""
    slot = create(uploads_with())
    send(slot)

    collect(uploads_with(max_bytes=1000), row(slot))

    assert "larger than 1000" in row(slot).problem


def test_broken_look_leaves_the_slot_as_it_was(uploads_with, assets, row):
    """Where the probe itself breaks, nothing is noted, no copy stays, and the next use looks again."""

    async def breaks(file):
        raise Unavailable("No child could be started.")

    slot = create(uploads_with())
    send(slot)
    with pytest.raises(Unavailable):
        collect(uploads_with(breaks), row(slot))
    assert (row(slot).arrived, list(assets.keys("uploads"))) == (False, [row(slot).posted_key])

    collect(uploads_with(), row(slot))
    assert row(slot).arrived


# used by a create


@pytest.fixture
def intake(store, assets, clock):
    """intake(uploads): what a create checks, with these uploads."""
    fetcher = Fetcher(Policy(), FetchLimits(answer_seconds=2))
    yield lambda uploads: Intake(store, assets, fetcher, Settings().limits, UriLimits(), clock, uploads.collect)
    fetcher.close()


def accept(intake, slot, account: str = "ann"):
    asked = EditRequest(Model.GEN4_ALEPH, slot.runway_uri, "make it warm", seed=1)
    return asyncio.run(intake.accept(account, "t", asked))


def test_create_takes_the_upload_when_it_is_there(uploads_with, intake, make_clip):
    """Before the bytes a create is told to send them; after, the clip's length is known at once."""
    runner = Runner()

    async def probe(file):
        return await asyncio.to_thread(runner.probe, file)

    uploads = uploads_with(probe)
    asked, slot = intake(uploads), create(uploads)
    with pytest.raises(InvalidRequest, match="Nothing has been uploaded"):
        accept(asked, slot)

    send(slot, make_clip(seconds=2, size=(320, 180)).read_bytes())

    assert round(float(accept(asked, slot).info.duration)) == 2


def test_stranger_cannot_make_us_look(uploads, intake, row):
    """A create of another account gets the answer for no such upload, and the bytes stay as they are."""
    slot = create(uploads)
    send(slot)

    with pytest.raises(InvalidRequest, match="no such upload"):
        accept(intake(uploads), slot, account="bob")

    assert not row(slot).arrived


def test_picture_is_no_clip(uploads_with, intake):
    """The kind is held against the place where the upload is used, as for any other."""

    async def is_a_picture(file):
        return {"kind": "image", "facts": {}}

    uploads = uploads_with(is_a_picture)
    slot = create(uploads)
    send(slot)

    with pytest.raises(InvalidRequest, match="another kind"):
        accept(intake(uploads), slot)


# swept


@pytest.fixture
def sweeper(store, assets, clock):
    """A sweeper of expired uploads and orphans."""
    return Sweeper(store, assets, lambda ids: None, Keep(), clock)


def test_bytes_of_a_slot_that_nobody_used_expire_with_it(uploads, assets, sweeper, clock):
    """Until the URI expires the bytes wait; then they go, though no row ever named them."""
    send(create(uploads))
    for _ in range(3):
        assert sweeper.sweep_orphans() == Swept()

    clock.move(hours=25)

    assert sweeper.sweep().uploads == 1
    assert list(assets.keys("uploads")) == []


def test_used_upload_expires_with_everything_it_left(uploads, assets, sweeper, clock, row):
    """The copy goes, and so do bytes that were sent again."""
    slot = create(uploads)
    send(slot)
    collect(uploads, row(slot))
    send(slot)

    clock.move(hours=25)
    sweeper.sweep()

    assert list(assets.keys("uploads")) == []


def test_bytes_sent_again_or_too_late_are_orphans(uploads, store, assets, sweeper, row):
    """What the form brings after its upload was taken over, or after the row is gone, goes at the second look."""
    used, gone = create(uploads), create(uploads)
    send(used)
    collect(uploads, row(used))
    send(used)
    send(gone)
    store.write(lambda tx: tx.uploads.remove([row(gone).id])).result(10)

    assert sweeper.sweep_orphans().orphans == 0
    assert sweeper.sweep_orphans().orphans == 2
    assert list(assets.keys("uploads")) == [row(used).key]
