"""What every engine keeps: the clip's time, its sound, its promise to stop, and its honesty.

Runs over every installed engine of group `refilm.engines`; a third party that installs its own runs it too. An engine
that needs an accelerator or a network which is not here is told apart by its devices and skipped.
"""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import pytest

from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Inputs, Outcome
from refilm.engines.registry import Registry
from refilm.errors import Cancelled, EditFailure, UnsupportedEdit
from refilm.media.probe import probe
from refilm.testing import audio_packets, decode_times, frame_hash

REGISTRY = Registry()
PROMPT = "make it black and white"
SEEDED_PROMPTS = ("add film grain", "make it a watercolour painting")


@pytest.fixture(params=REGISTRY.names())
def engine(request):
    engine = REGISTRY.get(request.param)
    if "cpu" not in engine.capabilities.devices:
        pytest.skip(f"engine {engine.name} runs on {engine.capabilities.devices}, not here")
    return engine


def edit(engine, clip, output, *, prompt=PROMPT, seed=5, on_event=lambda progress: None) -> Outcome:
    with clip.open("rb") as video, output.open("w+b") as file:
        info = probe(video)
        model = engine.capabilities.models[0]
        return engine.edit(EditRequest(model, "asset:in", prompt, seed), Inputs(video, info), file, on_event, {})


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(12)])
def test_engine_keeps_the_time(engine, rate, make_clip, tmp_path):
    """Frame count, timestamps, frame rate and duration are the source's."""
    source, output = make_clip(seconds=1, size=(128, 96), rate=rate), tmp_path / "out.mp4"

    outcome = edit(engine, source, output)

    with source.open("rb") as one, output.open("rb") as two:
        before, after = probe(one), probe(two)
    assert decode_times(output) == decode_times(source)
    assert outcome.frames == len(decode_times(source))
    assert after.frame_rate == before.frame_rate
    assert abs(after.duration - before.duration) <= 1 / rate
    assert (after.width, after.height) == (before.width, before.height)
    assert after.video_codec == "h264"
    assert after.pixel_format == "yuv420p"


def test_engine_keeps_the_sound(engine, bunny, tmp_path):
    """AAC comes through packet by packet, at the same times."""
    output = tmp_path / "out.mp4"

    edit(engine, bunny, output)

    before, after = audio_packets(bunny), audio_packets(output)
    assert [packet for _, packet in after] == [packet for _, packet in before]
    assert all(abs(one - two) < Fraction(1, 100) for (one, _), (two, _) in zip(before, after, strict=True))


def test_engine_reports_progress(engine, make_clip, tmp_path):
    """Progress never goes back, never leaves 0..1, and ends at 1."""
    events = []

    outcome = edit(engine, make_clip(seconds=2, size=(128, 96)), tmp_path / "out.mp4", on_event=events.append)

    fractions, frames = [event.fraction for event in events], [event.frames for event in events]
    assert len(events) > 2
    assert all(0 <= one <= two <= 1 for one, two in itertools.pairwise(fractions))
    assert fractions[-1] == 1
    assert frames == sorted(frames)
    assert frames[-1] == outcome.frames


def test_engine_stops_when_told(engine, make_clip, tmp_path):
    """Cancelled, raised from the callback, comes out as it is, and at once: nothing more is reported."""
    calls = []

    def cancel(progress):
        calls.append(progress)
        if len(calls) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        edit(engine, make_clip(seconds=4, size=(128, 96)), tmp_path / "out.mp4", on_event=cancel)

    assert len(calls) == 3


@pytest.mark.parametrize("prompt", SEEDED_PROMPTS)
def test_engine_repeats_itself(engine, prompt, make_clip, tmp_path):
    """Same clip, same words, same seed: the same pixels, also after an edit that was cancelled half-way."""
    clip, first, second = make_clip(seconds=1, size=(192, 108)), tmp_path / "one.mp4", tmp_path / "two.mp4"

    def cancel(progress):
        raise Cancelled("not yet")

    edit(engine, clip, first, prompt=prompt)
    with pytest.raises(Cancelled):
        edit(engine, clip, second, prompt=prompt, on_event=cancel)
    edit(engine, clip, second, prompt=prompt)

    assert frame_hash(first) == frame_hash(second)


def test_engine_returns_nothing_unedited(engine, make_clip, tmp_path):
    """What comes back is not what came in, and what was done is told in JSON values."""
    clip, output = make_clip(seconds=1, size=(128, 96)), tmp_path / "out.mp4"

    outcome = edit(engine, clip, output)

    assert frame_hash(output) != frame_hash(clip)
    assert json.loads(json.dumps(outcome.applied))


def test_engine_refuses_what_it_cannot_do(engine, make_clip, tmp_path):
    """An engine that cannot invent content refuses to, when planning and when editing, and names the clause."""
    if engine.capabilities.generative:
        pytest.skip("this engine can invent content")
    prompt = "add a purple dragon next to the tree"
    wanted = EditRequest(engine.capabilities.models[0], "asset:in", prompt)

    with pytest.raises(UnsupportedEdit, match="dragon"):
        engine.plan(wanted, {})
    with pytest.raises(UnsupportedEdit, match="dragon"):
        edit(engine, make_clip(seconds=1, size=(128, 96)), tmp_path / "out.mp4", prompt=prompt)


def test_engine_refuses_an_empty_wish(engine):
    """A request that asks for nothing is not answered with the clip as it was."""
    if engine.capabilities.generative:
        pytest.skip("this engine may have a taste of its own")
    with pytest.raises(UnsupportedEdit):
        engine.plan(EditRequest(engine.capabilities.models[-1], "asset:in"), {})


def test_engine_fails_clearly_on_a_broken_clip(engine, make_clip, tmp_path):
    """A file that stops being a clip after it was probed ends in an EditFailure, never in a bare library error."""
    whole = make_clip(seconds=1, size=(128, 96))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole.read_bytes()[:200])
    with whole.open("rb") as file:
        info = probe(file)

    with broken.open("rb") as video, (tmp_path / "out.mp4").open("w+b") as output, pytest.raises(EditFailure):
        engine.edit(
            EditRequest(engine.capabilities.models[0], "asset:in", PROMPT),
            Inputs(video, info),
            output,
            lambda progress: None,
            {},
        )


def test_engine_says_what_it_is(engine):
    """Name, models, devices and an honest sentence."""
    capabilities = engine.capabilities

    assert engine.name
    assert capabilities.models
    assert all(isinstance(model, Model) for model in capabilities.models)
    assert capabilities.summary.strip().endswith(".")
