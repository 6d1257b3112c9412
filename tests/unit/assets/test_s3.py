"""Assets in the bucket of a real S3 server: links, forms, what an interruption leaves, what trouble is told."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from refilm.assets.bucket import Bucket
from refilm.assets.s3 import PART_BYTES, SINGLE_BYTES, S3Assets
from refilm.bootstrap.places import bucket_of
from refilm.config import Settings
from refilm.errors import NotFound, StorageFull, Unavailable

CLIP = bytes(range(256)) * 40

#: Writes part of an asset, says so, and waits to be killed.
HALF_WRITER = """
import json, sys, time
from pathlib import Path
from refilm.bootstrap.places import open_assets
from refilm.config import Settings
with open_assets(Settings(data=Path(sys.argv[1]), **json.loads(sys.argv[2]))).writer("outputs/half") as file:
    file.write(b"x" * 1_000_000)
    file.flush()
    print("writing", flush=True)
    time.sleep(600)
"""


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def bucket(s3_settings) -> Bucket:
    """An empty part of a bucket."""
    return bucket_of(Settings(**s3_settings))


@pytest.fixture
def assets(bucket, tmp_path) -> S3Assets:
    """Assets in it."""
    return S3Assets(bucket, tmp_path / "scratch", now)


@pytest.fixture
def client():
    """A stranger."""
    with httpx2.Client(trust_env=False) as client:
        yield client


def put(assets, key: str, content: bytes = CLIP) -> str:
    with assets.writer(key) as file:
        file.write(content)
    return key


def changed(bucket: Bucket, **members) -> Bucket:
    return Bucket(**{**vars(bucket), **members})


def test_link_gives_the_output_as_a_download_with_ranges(assets, client):
    """A stranger with the link gets the bytes, a part of them too, named and typed as our own route would."""
    url = assets.url_for(put(assets, "outputs/task-1/2.mp4"), 600)

    whole, part = client.get(url), client.get(url, headers={"range": "bytes=1000-1999"})

    assert (whole.status_code, whole.content) == (200, CLIP)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["content-disposition"] == 'attachment; filename="task-1.mp4"'
    assert (part.status_code, part.content) == (206, CLIP[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(CLIP)}"


def test_large_output_has_its_type_and_name_too(assets, client):
    """What went up in parts is served like the rest."""
    url = assets.url_for(put(assets, "outputs/task-1/1.mov", b"x" * (SINGLE_BYTES + 1)), 600)

    told = client.get(url, headers={"range": "bytes=0-0"}).headers

    assert (told["content-type"], told["content-disposition"]) == (
        "video/quicktime",
        'attachment; filename="task-1.mov"',
    )


def test_link_opens_nothing_else(assets, client):
    """Another key, a changed or missing signature, a longer time and another verb are refused."""
    put(assets, "outputs/task-2/1.mp4")
    url = assets.url_for(put(assets, "outputs/task-1/1.mp4"), 600)

    tried = [
        client.get(url.replace("task-1", "task-2")),
        client.get(url[:-1] + ("0" if url[-1] != "0" else "1")),
        client.get(url.replace("Expires=600", "Expires=6000")),
        client.get(url.partition("?")[0]),
        client.delete(url),
        client.put(url, content=b"mine"),
    ]

    assert [answer.status_code for answer in tried] == [403] * len(tried)
    assert assets.size("outputs/task-1/1.mp4") == len(CLIP)


def test_link_ends(assets, client):
    """After its time a link gives nothing."""
    url = assets.url_for(put(assets, "outputs/task-1/1.mp4"), 1)

    give_up = time.monotonic() + 30
    while (answer := client.get(url)).status_code == 200 and time.monotonic() < give_up:
        time.sleep(0.2)

    assert answer.status_code == 403


def test_link_never_lasts_longer_than_a_bucket_allows(assets):
    """A longer wish is cut to seven days, because the bucket would refuse it."""
    assert "X-Amz-Expires=604800&" in assets.url_for("outputs/a/1.mp4", 10_000_000)


def test_links_are_made_with_our_own_keys_only(bucket, tmp_path, monkeypatch):
    """Keys of the environment may die before a link does: then, and where the operator says so, we serve ourselves."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.secret_key)
    for other in (changed(bucket, access_key=None, secret_key=None), changed(bucket, links=False)):
        assets = S3Assets(other, tmp_path, now)

        assert assets.url_for("outputs/a/1.mp4", 600) is None
        assert assets.form_for("uploads/a/posted", 600, (1, 9)) is None
        put(assets, f"outputs/{other.links}/1.mp4")


def test_our_keys_take_nothing_from_the_environment(bucket, tmp_path, monkeypatch):
    """A session token that lies around there is not mixed with our own keys."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")

    assets = S3Assets(bucket, tmp_path, now)

    assert assets.size(put(assets, "a")) == len(CLIP)


def test_links_name_the_address_that_clients_reach(bucket, tmp_path):
    """Where the bucket has another address outside, links and forms are for that one."""
    assets = S3Assets(changed(bucket, link_endpoint="https://s3.example"), tmp_path, now)

    assert assets.url_for("a", 600).startswith("https://s3.example/refilm/")
    assert assets.form_for("a", 600, (1, 9)).url == "https://s3.example/refilm"


# forms


def send(client, form, content: bytes = CLIP, **other: str) -> int:
    """The status of a POST of a form, with some of its fields changed."""
    fields = {**form.fields, **other}
    return client.post(form.url, data=fields, files={"file": ("a.mp4", content, "video/mp4")}).status_code


@pytest.fixture
def form(assets):
    """A form for 512 to 20,000 bytes."""
    return assets.form_for("uploads/u/posted", 600, (512, 20_000))


def test_form_stores_one_file_whatever_its_name(assets, client, form):
    """A stranger fills the form, and the bytes are the asset; no browser will take them for a page."""
    assert send(client, form) == 204

    with assets.open("uploads/u/posted") as file:
        assert file.read() == CLIP
    told = client.get(assets.url_for("uploads/u/posted", 60))
    assert told.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("size", [512, 20_000])
def test_form_takes_sizes_at_the_limits(assets, client, form, size):
    """The limits themselves are inside."""
    assert send(client, form, b"x" * size) == 204
    assert assets.size("uploads/u/posted") == size


@pytest.mark.parametrize("size", [0, 511, 20_001, 3_000_000])
def test_form_takes_no_other_size(assets, client, form, size):
    """The bucket counts for itself."""
    assert send(client, form, b"x" * size) == 400
    assert not assets.exists("uploads/u/posted")


@pytest.mark.parametrize(
    "other",
    [
        {"key": "uploads/u/other"},
        {"Content-Type": "text/html"},
        {"success_action_status": "201"},
        {"x-amz-signature": "0" * 64},
        {"x-amz-date": "20200101T000000Z"},
        {"x-amz-credential": "somebody/20261122/us-east-1/s3/aws4_request"},
        {"policy": "eyJleHBpcmF0aW9uIjogIjIwOTktMDEtMDFUMDA6MDA6MDBaIiwgImNvbmRpdGlvbnMiOiBbXX0="},
    ],
    ids=lambda other: next(iter(other)),
)
def test_changed_form_is_refused(assets, client, form, other):
    """No field can be changed: not the key, the type, the signer, the time, nor the policy itself."""
    if "key" in other:
        other = {"key": form.fields["key"].replace("posted", "other")}

    assert send(client, form, **other) == 403
    assert list(assets.keys("uploads")) == []


def test_form_ends(bucket, tmp_path, client):
    """A form that was good until a second ago is refused."""
    assets = S3Assets(bucket, tmp_path, lambda: now() - timedelta(seconds=602))

    assert send(client, assets.form_for("uploads/u/posted", 600, (512, 20_000))) == 403
    assert list(assets.keys("uploads")) == []


def test_stranger_without_a_form_stores_and_reads_nothing(assets, client, form):
    """The bucket itself is closed: no key and no form, no bytes."""
    target = f"{form.url}/{form.fields['key']}"
    bare = client.post(form.url, data={"key": form.fields["key"]}, files={"file": ("a", CLIP, "video/mp4")})

    assert bare.status_code in (400, 403)
    assert client.put(target, content=CLIP).status_code == 403
    assert client.get(target).status_code == 403
    assert client.get(form.url).status_code == 403
    assert list(assets.keys("uploads")) == []


# interruptions


class Breaking(io.FileIO):
    """A file that cannot be read beyond a point."""

    def read(self, size: int = -1) -> bytes:
        if self.tell() > SINGLE_BYTES - PART_BYTES:
            raise OSError(errno.EIO, "read error")
        return super().read(size)


def test_upload_that_breaks_off_between_parts_leaves_nothing(assets, s3_server, tmp_path, monkeypatch):
    """Neither an asset nor parts that nobody will ever complete."""
    source = tmp_path / "source"
    monkeypatch.setattr(assets, "_new_scratch", lambda: Breaking(source, "w+"))

    with pytest.raises(OSError, match="read error"), assets.writer("outputs/task/1.mp4") as file:
        file.truncate(SINGLE_BYTES + PART_BYTES)

    assert list(assets.keys("outputs")) == list(assets.keys("staging")) == []
    give_up = time.monotonic() + 30
    while s3_server.unfinished_uploads() and time.monotonic() < give_up:
        time.sleep(0.1)  # the server clears away after it has answered
    assert s3_server.unfinished_uploads() == []


def test_killed_writer_leaves_nothing(s3_settings, assets, tmp_path):
    """Half an output of a killed process is neither in the bucket nor on the disk."""
    command = [sys.executable, "-c", HALF_WRITER, str(tmp_path), json.dumps(dict(s3_settings))]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"writing\n"

    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert list((tmp_path / "scratch").iterdir()) == []
    assert not assets.exists("outputs/half")


def test_nothing_of_a_closed_asset_stays_on_the_disk(assets, tmp_path):
    """What passes through the disk has no name there, so it ends with its use, however that ends."""
    put(assets, "a")

    with assets.open("a") as file, assets.writer("b") as other:
        assert file.read() == CLIP
        other.write(CLIP)
        assert list((tmp_path / "scratch").iterdir()) == []


def test_full_disk_is_told(assets, monkeypatch):
    """No room for what passes through is StorageFull, on the way in and on the way out, and leaves nothing."""
    put(assets, "a")

    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFull), assets.writer("b"):
        full()
    monkeypatch.setattr("refilm.assets.s3.tempfile.mkstemp", full)
    with pytest.raises(StorageFull):
        assets.open("a")

    assert not assets.exists("b")


def test_bucket_that_goes_away_while_one_writes_costs_nothing(assets, s3_server):
    """Who can wait keeps what was written until the bucket is back; who cannot is told, and nothing is left."""
    told = []

    def wait(away: Unavailable) -> None:
        told.append(str(away))
        s3_server.start()

    try:
        s3_server.stop()
        with pytest.raises(Unavailable):
            put(assets, "outputs/a/1.mp4")
        with assets.writer("outputs/a/2.mp4", retry=wait) as file:
            file.write(CLIP)
    finally:
        s3_server.start()

    assert len(told) == 1
    assert list(assets.keys("outputs")) == ["outputs/a/2.mp4"]
    assert assets.size("outputs/a/2.mp4") == len(CLIP)


# trouble


def uses(assets):
    """Every verb that must ask the bucket."""
    return {
        "open": lambda: assets.open("a"),
        "stream": lambda: assets.stream("a"),
        "size": lambda: assets.size("a"),
        "exists": lambda: assets.exists("a"),
        "copy": lambda: assets.copy("a", "b"),
        "delete": lambda: assets.delete("a"),
        "keys": lambda: list(assets.keys("a")),
        "check": assets.check,
        "writer": lambda: put(assets, "a"),
    }


@pytest.fixture
def impatient(monkeypatch):
    """Without tries over seconds."""
    monkeypatch.setattr("refilm.assets.bucket._TRIES", {"max_retries": 0})


def test_bucket_that_is_away_is_unavailable(bucket, tmp_path, impatient):
    """Every verb says so, in a sentence for people, and none says that an asset does not exist."""
    assets = S3Assets(changed(bucket, endpoint="http://127.0.0.1:1"), tmp_path, now)

    for name, use in uses(assets).items():
        with pytest.raises(Unavailable, match="cannot be reached"):
            pytest.fail(f"{name} returned {use()!r}")


def test_keys_that_are_refused_are_told(bucket, tmp_path):
    """A wrong secret is not taken for an absent asset."""
    assets = S3Assets(changed(bucket, secret_key="wrong"), tmp_path, now)

    for name, use in uses(assets).items():
        with pytest.raises(Unavailable):
            pytest.fail(f"{name} returned {use()!r}")
    with pytest.raises(Unavailable, match="s3_access_key"):
        assets.check()


def test_bucket_that_does_not_exist_is_told(bucket, tmp_path):
    """A misspelt bucket is told at the start."""
    assets = S3Assets(changed(bucket, name="no-such-bucket"), tmp_path, now)

    with pytest.raises(Unavailable, match="no such bucket"):
        assets.check()


def test_missing_package_is_named(bucket, tmp_path, monkeypatch):
    """Without the extra one sentence says what to install."""
    monkeypatch.setitem(sys.modules, "obstore.store", None)

    with pytest.raises(Unavailable, match=r"refilm\[s3\]"):
        S3Assets(bucket, tmp_path, now)


def test_secret_is_not_shown(bucket):
    """What is logged of a bucket names no secret."""
    assert bucket.secret_key not in repr(bucket) + repr(bucket.signature)


def test_other_prefixes_are_not_seen(bucket, assets, tmp_path):
    """Two installations in one bucket do not see each other's assets."""
    other = S3Assets(changed(bucket, prefix=bucket.prefix + "-2"), tmp_path, now)
    put(other, "outputs/a/1.mp4")

    assert list(assets.keys("outputs")) == []
    with contextlib.suppress(NotFound):
        pytest.fail(f"opened {assets.open('outputs/a/1.mp4')!r}")


def test_room_is_that_of_the_disk_that_bytes_pass_through(assets, tmp_path):
    """The bucket has room; what can run out is the scratch folder's disk."""
    facts = os.statvfs(Path(tmp_path))

    assert 0 < assets.free_bytes() <= facts.f_blocks * facts.f_frsize
