"""What a create checks of its inputs, and that a refused request leaves nothing behind."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta

import pytest

from refilm.domain.edit import EditRequest, Keyframe, Model, Reference
from refilm.domain.uri import UriLimits
from refilm.errors import InvalidRequest, StorageFull
from refilm.intake import Intake, inputs_of, with_uris

CLIP = b"not really a clip, which nobody looks at before the task does"
VIDEO_URI = "data:video/mp4;base64," + base64.b64encode(CLIP).decode()
IMAGE_URI = "data:image/png;base64," + base64.b64encode(b"nor a picture").decode()


def request(video_uri: str = VIDEO_URI, *, model: Model = Model.GEN4_ALEPH, **members: object) -> EditRequest:
    """A request for that clip."""
    return EditRequest(model, video_uri, "make it warm", seed=1, **members)


def accept(intake: Intake, asked: EditRequest, account: str = "ann"):
    """What the intake says of a request as task "t"."""
    return asyncio.run(intake.accept(account, "t", asked))


def refused(intake: Intake, asked: EditRequest, account: str = "ann"):
    """The issues of a refused request, as (path, code, message)."""
    with pytest.raises(InvalidRequest) as told:
        accept(intake, asked, account)
    return [(issue.path, issue.code, issue.message) for issue in told.value.issues]


def test_data_uris_become_assets(intake, assets, kept):
    """Every data URI's bytes are kept under the task's id and the request names the assets instead."""
    asked = request(
        model=Model.ALEPH2,
        references=(Reference(IMAGE_URI),),
        keyframes=(Keyframe(IMAGE_URI, seconds=1), Keyframe(IMAGE_URI, at=0.5)),
    )

    accepted = accept(intake, asked)

    assert kept() == {f"inputs/t/{name}" for name in ("video", "reference-0", "keyframe-0", "keyframe-1")}
    assert accepted.request.video_uri == "asset:inputs/t/video"
    assert accepted.request.references == (Reference("asset:inputs/t/reference-0"),)
    assert accepted.request.keyframes[1] == Keyframe("asset:inputs/t/keyframe-1", at=0.5)
    assert accepted.info is None
    with assets.open("inputs/t/video") as file:
        assert file.read() == CLIP


def test_an_upload_is_accepted_with_its_facts(intake, new_upload, kept):
    """A probed upload of the caller costs nothing to accept and its length is known at once."""
    uri = new_upload(seconds=12)
    before = kept()

    accepted = accept(intake, request(uri))
    again = accept(intake, request(uri, references=(Reference(IMAGE_URI),)))

    assert accepted.request.video_uri == again.request.video_uri == uri
    assert accepted.info.duration == again.info.duration == 12
    assert kept() - before == {"inputs/t/reference-0"}


@pytest.mark.parametrize(
    ("members", "model", "code", "words"),
    [
        ({"account": "bob"}, Model.ALEPH2, "custom", "no such upload"),
        ({"key": None}, Model.ALEPH2, "custom", "Nothing has been uploaded"),
        ({"problem": "It is a text.", "kind": None, "facts": None}, Model.ALEPH2, "custom", "It is a text."),
        ({"kind": "image", "facts": {}}, Model.ALEPH2, "custom", "image, not video"),
        ({"seconds": 30.5}, Model.ALEPH2, "too_big", "at most 30 s"),
        ({"seconds": 1.5}, Model.ALEPH2, "custom", "at least 2 s"),
        ({"size": (3840, 2160)}, Model.ALEPH2, "custom", "at most 1920x1080"),
        ({"seconds": 601}, Model.GEN4_ALEPH, "too_big", "at most 600 s"),
    ],
)
@pytest.mark.parametrize("company", [(), (Reference(IMAGE_URI),)], ids=["alone", "with a picture"])
def test_uploads_that_cannot_be_used(intake, new_upload, kept, members, model, code, words, company):
    """Foreign, empty, broken, of the wrong kind or outside the model's limits: one issue that says so, nothing kept."""
    uri = new_upload(**members)
    before = kept()

    issues = refused(intake, request(uri, model=model, references=company))

    assert [(path, kind) for path, kind, _ in issues] == [(("video_uri",), code)]
    assert words in issues[0][2]
    assert kept() == before


def test_unknown_foreign_and_expired_uploads_look_the_same(intake, new_upload, clock):
    """Nobody learns from the answer whether an upload of somebody else exists."""
    foreign, expired = new_upload(account="bob"), new_upload(expires_at=clock())

    answers = [refused(intake, request(uri)) for uri in (foreign, expired, "runway://nobody-knows-this")]

    assert answers[0] == answers[1] == answers[2]


def test_an_upload_expires_though_it_was_used_before(intake, new_upload, clock):
    """What is remembered of an upload does not outlive it."""
    uri = new_upload(expires_at=clock() + timedelta(minutes=5))
    accept(intake, request(uri))

    clock.move(minutes=5)

    assert "expired" in refused(intake, request(uri))[0][2]


def test_an_upload_that_arrives_later_is_noticed(intake, store, new_upload):
    """An answer "not yet" is not remembered."""
    uri = new_upload(key=None)
    refused(intake, request(uri))

    token = uri.removeprefix("runway://")
    facts = {"kind": "image", "facts": {}, "problem": None, "key": "k", "size": 1}
    store.write(lambda tx: tx.uploads.complete(token, **facts)).result(10)

    assert "another kind" in refused(intake, request(uri))[0][2]


def test_every_trouble_is_told_at_once_and_nothing_is_kept(intake, new_upload, kept):
    """Several bad inputs give several issues, each at its own path in domain names; the good data URI is not kept."""
    asked = request(
        references=(Reference(IMAGE_URI), Reference("http://example.com/picture.png")),
        keyframes=(Keyframe("data:image/png;base64,%%%%%%", seconds=1), Keyframe("runway://unknown-upload", at=0.1)),
    )

    issues = refused(intake, asked)

    assert [path for path, _, _ in issues] == [
        ("references", 1, "uri"),
        ("keyframes", 0, "uri"),
        ("keyframes", 1, "uri"),
    ]
    assert kept() == set()


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost/clip.mp4",
        "ftp://example.com/clip.mp4",
        "runway://",
        "runway:// space  space",
        "data:text/plain;base64,AAAA",
        "x",
        "",
    ],
)
def test_a_clip_that_cannot_be_asked_for_is_one_issue(intake, kept, uri):
    """Hosts of this machine and odd spellings are issues of the request, never another error."""
    issues = refused(intake, request(uri))

    assert [path for path, _, _ in issues] == [("video_uri",)]
    assert kept() == set()


def test_too_long_a_data_uri_tells_its_limit(store, assets, clock, intake):
    """The limits of data URIs are those of the settings, and the issue carries the number."""
    small = Intake(store, assets, None, lambda _: None, UriLimits(max_video_data_chars=50), clock)

    with pytest.raises(InvalidRequest) as told:
        accept(small, request())

    assert told.value.issues[0].code == "too_big"
    assert told.value.issues[0].extra["maximum"] == 50


def test_a_full_disk_leaves_no_half_of_a_request(store, assets, intake, kept, monkeypatch):
    """Where the second of two inputs does not fit, the first is removed again and the trouble is told."""
    write = assets.writer

    def nearly_full(key: str):
        if key.endswith("reference-0"):
            raise StorageFull("The disk for assets is full.")
        return write(key)

    monkeypatch.setattr(assets, "writer", nearly_full)

    with pytest.raises(StorageFull):
        accept(intake, request(references=(Reference(IMAGE_URI),)))

    assert kept() == set()


def test_inputs_can_be_moved():
    """with_uris puts every input of inputs_of at its new place and leaves the rest of the request alone."""
    asked = request(references=(Reference("a"), Reference("b")), keyframes=(Keyframe("c", seconds=2),))

    moved = with_uris(asked, {item.name: f"new:{item.name}" for item in inputs_of(asked)})

    assert [item.uri for item in inputs_of(moved)] == [f"new:{item.name}" for item in inputs_of(asked)]
    assert with_uris(moved, {item.name: item.uri for item in inputs_of(asked)}) == asked
