"""Edits under the lock: every operator works, opens nothing, and makes the file that it makes without a lock."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from audited_child import GUIDED
from PIL import Image

from refilm.cli.effects import words_for
from refilm.domain.edit import EditRequest, Keyframe, Model, Reference
from refilm.engines.effects.operators import OPERATORS
from refilm.errors import InvalidAsset
from refilm.media.probe import probe
from refilm.runner.lockdown import Sandbox, available
from refilm.runner.process import Runner
from refilm.runner.spawn import go_on

AUDITED_CHILD = Path(__file__).with_name("audited_child.py")
#: For operators whose own words need something filled in, or come with a picture.
WORDS = {
    "tint": "a red tint",
    "color_transfer": "match the colours of the reference image",
    "patch_style": "paint it in the style of the reference image",
    "text": 'add the text "Once upon a time"',
}
FURTHER = ('add the text "从前" and make it sepia', "make it black and white with film grain", GUIDED, "add a dog")


@pytest.fixture(scope="module")
def keeper() -> Iterator[Runner]:
    """A runner as a server has it."""
    runner = Runner(spares={None: 1, "effects": 1})
    runner.start()
    deadline = time.monotonic() + 120
    while sum(runner.spares().values()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    yield runner
    runner.close()


def line_for(name: str) -> str:
    """Words that mean this operator."""
    return WORDS.get(name) or words_for(name)["en"][0]


def edit_by_all(runner: Runner, clip: Path, picture: Path, lines: list[str]):
    """What the audited child says of all the edits."""
    pictures = {"references": (Reference("local:"),), "keyframes": (Keyframe("local:", at=0.5),)}
    request = EditRequest(Model.GEN4_ALEPH, "local:", "\n".join(lines), seed=1, **pictures)
    with (
        clip.open("rb") as video,
        picture.open("rb") as reference,
        picture.open("rb") as keyframe,
        tempfile.TemporaryFile(buffering=0) as output,
    ):
        info = Runner(sandbox=Sandbox.OFF).probe_clip(video)
        files = [video, reference, keyframe, output]
        return runner.edit("audited", request, info, files, options={}, seconds=600, on_tick=go_on).applied


@pytest.mark.skipif(bool(available().missing()), reason="this machine cannot lock a child in full")
def test_every_operator_works_under_the_lock(make_runner, make_clip, tmp_path):
    """All operators, letters, guiding pictures and refusals: the same bytes as without a lock, and nothing opened.

    In a child that has loaded all by itself, and in one that was forked.
    """
    clip, picture = make_clip(seconds=0.4, rate=10, size=(100, 68)), tmp_path / "picture.png"
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(picture)
    lines = [line_for(name) for name in OPERATORS] + list(FURTHER)

    locked = edit_by_all(make_runner(AUDITED_CHILD, engine="audited"), clip, picture, lines)
    free = edit_by_all(
        Runner(command=(sys.executable, "-I", str(AUDITED_CHILD)), sandbox=Sandbox.OFF), clip, picture, lines
    )

    assert locked["late"] == []
    refused = [line for line, told in locked["digests"].items() if " " in told]
    assert refused == [line_for("stabilise"), "add a dog"]  # a camera that stands still, and what nobody can do
    assert len(set(locked["digests"].values())) == len(lines)
    assert locked["digests"] == free["digests"]


@pytest.mark.skipif(bool(available().missing()), reason="this machine cannot lock a child in full")
@pytest.mark.parametrize(
    ("name", "codec", "audio", "more"),
    [
        ("a.mp4", "libx264", "aac", {}),
        ("a.mov", "prores_ks", "pcm_s16le", {"pixel_format": "yuv422p10le"}),
        ("a.mov", "mjpeg", "alac", {"pixel_format": "yuvj420p"}),
        ("a.mkv", "mpeg4", "flac", {}),
        ("a.webm", "libvpx", "libopus", {"options": {"cpu-used": "8"}}),
        ("a.mkv", "libvpx-vp9", "eac3", {"options": {"cpu-used": "8"}}),
        ("a.mkv", "libsvtav1", "ac3", {"options": {"preset": "12"}}),
        ("a.h264", "libx264", None, {}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_codec_is_read_under_the_lock(keeper, make_clip, name, codec, audio, more):
    """What a clip may consist of is decoded, edited and written by a locked child that was forked."""
    clip = make_clip(name=name, seconds=0.4, size=(96, 64), codec=codec, audio=audio, **more)
    request = EditRequest(Model.GEN4_ALEPH, "local:", "make it sepia", seed=1)
    with clip.open("rb") as video, tempfile.TemporaryFile(buffering=0) as output:
        info = keeper.probe_clip(video)
        done = keeper.edit("effects", request, info, [video, output], options={}, seconds=600, on_tick=go_on)
        output.seek(0)

        assert probe(output).video_codec == "h264"
    assert done.frames == 10


def test_broken_media_is_told_apart_under_the_lock(keeper, tmp_path):
    """Garbage of every sort is an invalid asset for a locked child too, and no error of files."""
    for content in (
        b"",
        b"GIF89a" + bytes(50),
        b"\x89PNG\r\n\x1a\n" + b"x" * 99,
        b"OggS" + bytes(400),
        b"\x1aE\xdf\xa3" * 99,
    ):
        (tmp_path / "x").write_bytes(content)
        with (tmp_path / "x").open("rb") as file, pytest.raises(InvalidAsset):
            keeper.probe(file)
