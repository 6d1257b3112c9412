"""Steps that work on a part of the clip's time, and leave the rest alone."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Inputs
from refilm.engines.effects.compiler import explain
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.executor import Executor, resolve_steps
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.spans import Window, check, on_clip, told
from refilm.errors import UnsupportedEdit
from refilm.media.probe import probe
from refilm.testing import read_frames, ssim

SIZE = (160, 96)
#: Of twelve frames at 25 per second, the fourth to the eighth.
SPAN = (0.12, 0.32)
INSIDE = range(3, 8)
SPANNING = sorted(name for name, operator in OPERATORS.items() if operator.spec.spans)
TIMES = st.floats(-20, 20).map(lambda value: round(value, 2))


def edited(frames, plan, red_picture):
    """What an executor hands to the encoder for these frames."""
    colours = np.random.default_rng(5).uniform(0.1, 0.9, (2000, 3))
    executor = Executor(plan, Setting(SIZE, seed=3, references=(red_picture,), samples=lambda: colours))
    results = []
    for frame in frames:
        results.append(Buffer.empty(SIZE))
        executor.process(frame, results[-1])
    return results


def same(one, two):
    pairs = ((one.y, two.y), (one.u, two.u), (one.v, two.v))
    return all(np.array_equal(first, second) for first, second in pairs)


@pytest.fixture(scope="module")
def frames(real_frames):
    return real_frames(SIZE, 12)


@pytest.mark.parametrize("name", SPANNING)
def test_outside_its_span_a_step_leaves_every_pixel(name, frames, red_picture):
    """At the seam to the encoder the frames outside the span are those of the plan without the step, bit for bit."""
    others = (Step("fade"), Step("vignette"))

    with_step = edited(frames, Plan((Step(name, span=SPAN), *others)), red_picture)
    without = edited(frames, Plan(others), red_picture)

    changed = [place for place, pair in enumerate(zip(with_step, without, strict=True)) if not same(*pair)]
    assert changed == list(INSIDE)


def test_a_lone_step_passes_the_decoders_frames(frames, red_picture):
    """With nothing else in the plan the frames outside are the decoder's own."""
    results = edited(frames, Plan((Step("watercolour", span=(0.2, None)),)), red_picture)

    assert [same(*pair) for pair in zip(frames, results, strict=True)] == [True] * 5 + [False] * 7


@pytest.mark.parametrize("name", ["watercolour", "oil", "claymation", "pixel_art"])
def test_a_step_enters_its_span_with_nothing_remembered(name, frames, red_picture):
    """Its first frame is the one that it would make of a clip that begins there, beside steps that do look back."""
    entering = edited(frames, Plan((Step(name, span=SPAN),)), red_picture)
    begun = edited(frames[3:], Plan((Step(name),)), red_picture)

    assert same(entering[3], begun[0])


def test_colour_steps_are_one_table_only_where_their_spans_are_one(frames, red_picture):
    """Sepia at the beginning and blue at the end do not touch each other; where both work, both are seen."""
    sepia, fade = Step("sepia", span=(0.0, 0.2)), Step("fade", span=(0.12, None))

    results = edited(frames, Plan((sepia, fade)), red_picture)
    alone = [edited(frames, Plan((step,)), red_picture) for step in (sepia, fade)]

    assert [same(*pair) for pair in zip(results, alone[0], strict=True)] == [True] * 3 + [False] * 9
    assert [same(*pair) for pair in zip(results, alone[1], strict=True)] == [False] * 5 + [True] * 7


@given(TIMES, st.none() | TIMES)
def test_a_span_holds_time_or_is_refused(start, end):
    """A span that holds no moment of any clip is refused; any other survives JSON and is placed on a clip."""
    duration = Fraction(10)
    try:
        check((start, end))
    except ValueError as error:
        assert "ends before it begins" in str(error)  # noqa: PT017
        assert end is not None
        return
    plan = Plan((Step("sepia", span=(start, end)),))

    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    for step in on_clip(plan.steps, duration):
        assert step.span is not None
        window = Window.of(step.span)
        assert 0 <= window.start < duration
        assert window.end is None or window.start < window.end
        assert on_clip([step], duration) == (step,)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ((2.0, 4.0), "from 2 s to 4 s"),
        ((0.0, 2.5), "from 0 s to 2.5 s"),
        ((5.0, None), "from 5 s on"),
        ((-3.0, None), "in the last 3 s"),
        ((0.0, -2.0), "from 0 s to 2 s before the end"),
    ],
)
def test_spans_are_told(span, words):
    """The explanation of a step says when it works."""
    assert told(span) == words
    assert f", {words}" in explain(Plan((Step("sepia", span=span),)))[0]


def test_times_from_the_end_need_the_clips_length():
    """The last three seconds of a ten second clip begin at the seventh; of a clip of two seconds they are all of it."""
    step = Step("sepia", span=(-3.0, None))

    assert on_clip([step], Fraction(10))[0].span == (7.0, None)
    assert on_clip([step], Fraction(2))[0].span == (0.0, None)
    with pytest.raises(ValueError, match="length of the clip"):
        Window.of((-3.0, None))


def test_spans_that_cannot_be_are_refused_before_any_frame():
    """A span that runs backwards is told in a sentence."""
    with pytest.raises(ValueError, match="from 4 s to 2 s ends before it begins"):
        resolve_steps(Plan((Step("sepia", span=(4.0, 2.0)),)))


@pytest.fixture
def edit(make_clip, tmp_path):
    """edit(prompt, seconds): the outcome for a clip of that length, the clip and the edited clip."""

    def run(prompt, seconds):
        clip, edited_clip = make_clip(seconds=seconds, size=(96, 64)), tmp_path / "edited.mp4"
        with clip.open("rb") as video, edited_clip.open("w+b") as file:
            wanted = EditRequest(Model.GEN4_ALEPH, "asset:v", prompt, 7)
            outcome = EffectsEngine().edit(wanted, Inputs(video, probe(video)), file, lambda progress: None, {})
        return outcome, clip, edited_clip

    return run


def test_a_prompt_with_times_edits_only_them(edit):
    """Black and white in the last second of a two second clip: colours before, none after."""
    outcome, clip, edited_clip = edit("black and white in the last second", 2)

    before, after = read_frames(clip), read_frames(edited_clip)
    colour = [np.ptp(frame.astype(int), axis=-1).mean() for frame in after]
    half = len(after) // 2
    assert max(colour[half:]) < 4 < min(colour[:half])
    assert min(ssim(one, two) for one, two in zip(before[:half], after[:half], strict=True)) > 0.95
    assert outcome.applied["plan"]["steps"][0]["span"] == (1.0, None)
    assert "from 1 s on" in outcome.applied["explanation"][0]


def test_a_plan_outside_the_clip_is_refused(edit):
    """Where every span begins after the clip's end, nothing would change, and the request is refused."""
    with pytest.raises(UnsupportedEdit, match=r"lasts 1\.00 s and nothing of it lies from 5 s to 6 s"):
        edit("sepia from 5 s to 6 s", 1)


def test_a_step_outside_the_clip_is_told(edit):
    """Beside steps that do work, one that lies outside the clip is left out, and the record says so."""
    outcome, *_ = edit("sepia until 0:01. Let it snow from 5 s to 6 s.", 2)

    applied = json.loads(json.dumps(outcome.applied))
    assert [step["operator"] for step in applied["plan"]["steps"]] == ["sepia"]
    assert applied["plan"]["steps"][0]["span"] == [0.0, 1.0]
    assert "was left out" in applied["notes"][0]
