"""Text, shape and steadiness from a prompt to the finished clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from refilm.domain.edit import EditRequest, Model, OutputSpec
from refilm.engines.base import Inputs
from refilm.engines.effects.camera_path import find_path
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.planes import copy
from refilm.errors import Cancelled, UnsupportedEdit
from refilm.media.probe import probe
from refilm.media.stream import edit_frames
from refilm.testing import read_frames, ssim
from refilm.testing.rendering import shake_of, shifted

SIZE = (480, 270)


def edit(prompt: str, clip: Path, target: Path, on_event=lambda event: None, **members):
    """The record of an edit, and the frames of the result as (n, h, w, 3) RGB."""
    wanted = EditRequest(Model.GEN4_ALEPH, "https://example.com/clip.mp4", prompt_text=prompt, **members)
    with clip.open("rb") as video, target.open("w+b") as file:
        outcome = EffectsEngine().edit(wanted, Inputs(video, probe(video)), file, on_event, {})
    return outcome.applied, read_frames(target)


@pytest.fixture(scope="module")
def shaky(bunny, tmp_path_factory) -> Path:
    """Big Buck Bunny, small, filmed by a trembling hand."""
    path, places = tmp_path_factory.mktemp("shaky") / "shaky.mp4", shake_of(200, SIZE)

    def tremble(before, after):
        copy(shifted(before, places[before.index]), after)

    with bunny.open("rb") as source, path.open("w+b") as output:
        edit_frames(source, output, tremble, size=SIZE, preset="ultrafast", crf=18)
    return path


def jitter(frames) -> float:
    """The standard deviation of the camera's acceleration, pixels across and down."""
    path = find_path(np.arange(len(frames)) / 25, [frame[..., 1] for frame in frames])
    return float((np.diff(path.places, n=2, axis=0).std(0)[:2] * SIZE).mean())


def test_a_shaky_clip_is_steadied_and_the_record_says_how_much(shaky, tmp_path):
    """From the prompt to the file: a fifth of the shake is left or less, and what was corrected is told."""
    applied, frames = edit("stabilise the shaky footage", shaky, tmp_path / "out.mp4")

    assert jitter(read_frames(shaky)) >= 5 * jitter(frames)
    assert any("The camera was steadied: it shook by" in note for note in applied["notes"])


def test_a_steady_clip_is_not_steadied(bunny, tmp_path):
    """Where nothing shakes the task says so and is refused; beside another edit only the sentence is left."""
    with pytest.raises(UnsupportedEdit, match="The camera is steady already"):
        edit("stabilise it", bunny, tmp_path / "out.mp4", output=OutputSpec(SIZE))

    applied, _ = edit("stabilise it and make it sepia", bunny, tmp_path / "out.mp4", output=OutputSpec(SIZE))
    assert any("steady already" in note for note in applied["notes"])


def test_measuring_the_path_can_be_cancelled(shaky, tmp_path):
    """The first reading of the clip reports in as it goes, and stops when it is told to."""
    events = []

    def count_then_cancel(event):
        events.append(event)
        if len(events) == 6:
            raise Cancelled

    with pytest.raises(Cancelled):
        edit("stabilise it", shaky, tmp_path / "out.mp4", count_then_cancel)
    assert all(event.fraction == 0 for event in events)


def test_text_is_written_in_its_time(make_clip, tmp_path):
    """Words stand in the frames of their span and leave the others alone."""
    clip = make_clip(seconds=2, size=(320, 180))
    applied, frames = edit('add the text "Hi there" from 1 s to 2 s', clip, tmp_path / "out.mp4")
    source = read_frames(clip)

    (step,) = applied["plan"]["steps"]
    assert step["parameters"] == {"words": "Hi there", "position": "bottom", "size": "medium"}
    assert step["span"] == (1.0, 2.0)
    assert (frames[-5][130:] > 225).all(-1).sum() > (source[-5][130:] > 225).all(-1).sum() + 100
    assert ssim(frames[5], source[5]) > 0.97


@pytest.mark.parametrize(
    ("prompt", "size", "told"),
    [
        ("crop it to a square", (180, 180), "the middle was kept"),
        ("make it vertical 9:16", (102, 180), "the middle was kept"),
        ("letterbox it", (320, 180), "black bars"),
        ("make it square with black bars", (320, 320), "black bars"),
        ("make it square with blurred bars", (320, 320), "blurred edges"),
        ("rotate it 90 degrees clockwise", (180, 320), "turned by 90 degrees"),
        ("rotate it 90 degrees clockwise and crop it to a square", (180, 180), "turned by 90 degrees"),
    ],
)
def test_clips_get_the_shape_that_the_prompt_asks_for(prompt, size, told, make_clip, tmp_path):
    """The file has that size, shows the right part of the source the right way round, and the record tells it."""
    clip = make_clip(seconds=1, size=(320, 180))
    applied, frames = edit(prompt, clip, tmp_path / "out.mp4")
    source = read_frames(clip)[10]

    assert (frames[10].shape[1], frames[10].shape[0]) == size
    assert applied["size"] == list(size)
    assert any(told in note for note in applied["notes"])
    if told == "the middle was kept":
        left = (320 - size[0]) // 2
        assert ssim(frames[10], source[:, left : left + size[0]]) > 0.9
    if prompt.startswith("rotate it 90 degrees clockwise") and size == (180, 320):
        assert ssim(frames[10], np.rot90(source, -1)) > 0.9
    if "black bars" in prompt:
        assert frames[10][:60].max() < 25
        assert ssim(frames[10][70:250], source) > 0.9


def test_a_shape_that_cannot_be_had_is_refused(make_clip, tmp_path):
    """The shape that the clip has already, and one that contradicts the request's ratio, are refused by a sentence."""
    clip = make_clip(seconds=1, size=(320, 180))

    with pytest.raises(UnsupportedEdit, match="has the shape already"):
        edit("crop it to 16:9", clip, tmp_path / "out.mp4")
    with pytest.raises(UnsupportedEdit, match="ratio asks for 320x180"):
        edit("crop it to a square", clip, tmp_path / "out.mp4", output=OutputSpec((320, 180)))
