"""What every engine keeps in every format that it writes: frames, times, colours, and the same file again.

Runs over every installed engine of group `refilm.engines`, and each of the formats that its capabilities name.
"""

from __future__ import annotations

import io
import json
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from refilm.domain.edit import EditRequest, OutputFormat, OutputSpec
from refilm.engines.base import Inputs, Outcome, check_format
from refilm.engines.registry import Registry
from refilm.errors import UnsupportedEdit
from refilm.media.probe import probe
from refilm.testing import decode_times, ssim

REGISTRY = Registry()
PROMPT = "make it black and white"
WRITTEN = [
    pytest.param(name, kind, id=f"{name}-{kind}")
    for name in REGISTRY.names()
    for kind in REGISTRY.get(name).capabilities.formats
    if "cpu" in REGISTRY.get(name).capabilities.devices
]


def edit(name: str, kind: OutputFormat, clip: Path, output: Path, prompt: str = PROMPT) -> Outcome:
    """An edit of the clip into that kind of file."""
    engine = REGISTRY.get(name)
    with clip.open("rb") as video, output.open("w+b") as file:
        request = EditRequest(
            engine.capabilities.models[-1], "asset:in", prompt, seed=5, output=OutputSpec(format=kind)
        )
        return engine.edit(request, Inputs(video, probe(video)), file, lambda progress: None, {})


def shown(path: Path) -> tuple[list[Fraction], list[np.ndarray]]:
    """When each frame is shown, in seconds, and what: (height, width, 3) RGB."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("timing.json"))
            frames = [np.asarray(Image.open(io.BytesIO(archive.read(frame["name"])))) for frame in told["frames"]]
            return [frame["pts"] * Fraction(told["time_base"]) for frame in told["frames"]], frames
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(container.streams.video[0])]
    return decode_times(path), frames


@pytest.mark.parametrize(("name", "kind"), WRITTEN)
def test_every_format_holds_the_same_edit(name, kind, make_clip, tmp_path):
    """The source's times, as many frames as told, and the pictures of the MP4."""
    clip, playable, output = make_clip(seconds=0.6, size=(128, 96)), tmp_path / "a.mp4", tmp_path / f"b{kind.suffix}"
    edit(name, OutputFormat.MP4, clip, playable)

    outcome = edit(name, kind, clip, output)

    times, pictures = shown(output)
    assert times == decode_times(clip)
    assert outcome.frames == len(pictures)
    assert min(ssim(one, two) for one, two in zip(shown(playable)[1], pictures, strict=True)) > 0.97
    assert json.loads(json.dumps(outcome.applied))


@pytest.mark.parametrize(("name", "kind"), WRITTEN)
def test_every_format_repeats_itself(name, kind, make_clip, tmp_path):
    """The same request gives the same bytes."""
    clip = make_clip(seconds=0.4, size=(128, 96), audio="aac")
    outputs = [tmp_path / f"{run}{kind.suffix}" for run in ("one", "two")]
    for output in outputs:
        edit(name, kind, clip, output)

    assert outputs[0].read_bytes() == outputs[1].read_bytes()


@pytest.mark.parametrize("name", REGISTRY.names())
def test_what_an_engine_does_not_write_is_refused(name):
    """Every other format is refused before the engine is asked, with the formats that there are."""
    engine = REGISTRY.get(name)
    for kind in OutputFormat:
        request = EditRequest(engine.capabilities.models[-1], "asset:in", PROMPT, output=OutputSpec(format=kind))
        if kind in engine.capabilities.formats:
            check_format(engine, request)
        else:
            with pytest.raises(UnsupportedEdit, match=str(engine.capabilities.formats[0])):
                check_format(engine, request)


@pytest.mark.parametrize("kind", OutputFormat)
def test_effects_tells_what_it_wrote(kind, make_clip, tmp_path):
    """The record names codec and bits, says that the edit was computed in 8, and knows the length of a retimed clip."""
    clip, output = make_clip(seconds=1, size=(128, 96), audio="aac"), tmp_path / f"out{kind.suffix}"

    applied = edit("effects", kind, clip, output, "black and white, twice as fast").applied

    codecs = {OutputFormat.PRORES: "prores", OutputFormat.PNG_SEQUENCE: "png"}
    assert applied["encoder"]["codec"] == codecs.get(kind, "h264")
    assert any("computed with 8" in note for note in applied["notes"]) == (applied["encoder"].get("bits") == 10)
    assert abs(applied["time"]["seconds"]["after"] - 0.5) <= 0.04
    assert len(shown(output)[1]) == applied["frames"]
