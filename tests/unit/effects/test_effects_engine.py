"""What the effects engine makes of a request, and what it records."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from refilm.domain.edit import EditRequest, Keyframe, Model, OutputSpec, Reference
from refilm.engines.base import Inputs
from refilm.engines.effects.engine import EffectsEngine
from refilm.errors import UnsupportedEdit
from refilm.media.probe import probe
from refilm.testing import read_frames

ENGINE = EffectsEngine()


def request(prompt=None, *, model=Model.GEN4_ALEPH, references=0, **members):
    pictures = tuple(Reference(f"https://example.com/{k}.png") for k in range(references))
    return EditRequest(model, "https://example.com/clip.mp4", prompt_text=prompt, references=pictures, **members)


def edit(wanted, clip, tmp_path, *, references=()):
    """The outcome, and the path of the edited clip."""
    output = tmp_path / "edited.mp4"
    with clip.open("rb") as video, output.open("w+b") as file:
        info = probe(video)
        pictures = tuple(path.open("rb") for path in references)
        outcome = ENGINE.edit(wanted, Inputs(video, info, pictures), file, lambda progress: None, {})
        for picture in pictures:
            picture.close()
    return outcome, output


@pytest.fixture
def red_reference(tmp_path):
    path = tmp_path / "red.png"
    Image.fromarray(np.full((60, 80, 3), (200, 40, 30), np.uint8)).save(path)
    return path


def test_plan_is_json_with_every_parameter():
    """A plan names its steps with all parameters, explains them, and survives JSON."""
    planned = ENGINE.plan(request("make it black and white with film grain"), {})

    assert json.loads(json.dumps(planned))["plan"]["steps"]
    steps = {step["operator"]: step["parameters"] for step in planned["plan"]["steps"]}
    assert {"black_and_white", "film_grain"} <= set(steps)
    assert steps["film_grain"] == {"amount": 1.0}
    assert len(planned["explanation"]) >= 2


def test_refusal_names_what_cannot_and_what_could_be_done():
    """A prompt of which a part cannot be done fails whole, and says which part and what else was possible."""
    with pytest.raises(UnsupportedEdit) as caught:
        ENGINE.plan(request("make it sepia and add a dragon in the sky"), {})

    assert any("dragon" in clause for clause, _ in caught.value.refused)
    assert caught.value.possible
    assert "dragon" in str(caught.value)


def test_partial_edits_applies_the_rest_and_records_both():
    """Where the operator allows partial edits, the rest is applied and the refused clause is kept."""
    planned = ENGINE.plan(request("make it sepia and add a dragon in the sky"), {"partial_edits": True})

    assert [step["operator"] for step in planned["plan"]["steps"]] == ["sepia"]
    assert any("dragon" in clause["text"] for clause in planned["plan"]["refused"])


def test_partial_edits_with_nothing_left_is_refused():
    """Partial edits do not turn an impossible request into an unedited clip."""
    with pytest.raises(UnsupportedEdit):
        ENGINE.plan(request("add a dragon in the sky"), {"partial_edits": True})


@pytest.mark.parametrize("prompt", [None, "", "   "])
def test_nothing_asked_is_refused(prompt):
    """A request that asks for nothing is refused: nothing is returned unedited."""
    with pytest.raises(UnsupportedEdit, match="change nothing"):
        ENGINE.plan(request(prompt, model=Model.ALEPH2), {})


def test_keyframes_and_aspect_need_no_words():
    """Keyframes and a shape are edits by themselves; the plan tells what each will do before the clip is known."""
    keyframes = (Keyframe("https://example.com/k.png", at=0.5),)

    coloured = ENGINE.plan(request(model=Model.ALEPH2, keyframes=keyframes), {})
    extended = ENGINE.plan(request(model=Model.ALEPH2, output=OutputSpec(target_aspect_ratio="1:1")), {})

    assert coloured["explanation"] == [
        "keyframes[0], at 50 % of the clip: the clip takes on the colours of this picture throughout."
    ]
    assert "not outpainting" in extended["explanation"][0]


def test_reference_without_a_prompt_gives_its_colours():
    """A picture and no words: the clip takes on the picture's colours."""
    planned = ENGINE.plan(request(references=1), {})

    assert [step["operator"] for step in planned["plan"]["steps"]] == ["color_transfer"]


def test_unused_reference_is_recorded():
    """A picture that no part of the edit uses is named with what to do about it."""
    planned = ENGINE.plan(request("make it sepia", references=2), {})

    assert len(planned["ignored"]) == 2
    assert planned["ignored"][0].startswith("references[0]")


def test_edit_records_what_was_done(make_clip, tmp_path):
    """The outcome holds plan, seed, encoder, audio, size and versions, as JSON values."""
    clip = make_clip(seconds=1, size=(160, 90))

    outcome, output = edit(request("make it sepia", seed=7), clip, tmp_path)

    applied = json.loads(json.dumps(outcome.applied))
    assert applied["engine"]["name"] == "effects"
    assert applied["seed"] == 7
    assert applied["size"] == [160, 90]
    assert applied["encoder"] == {"codec": "h264", "preset": "veryfast", "crf": 20, "threads": 2}
    assert applied["frames"] == outcome.frames == len(read_frames(output))
    assert applied["notes"] == []
    assert {"av", "numpy", "numba"} <= set(applied["versions"])


def test_edit_records_what_had_to_be_done_to_the_clip(make_clip, tmp_path):
    """Whoever looks at the task learns that the colours of a wide-gamut clip were written in another standard."""
    clip = make_clip(seconds=0.5, size=(160, 90), colour="2020")

    outcome, _ = edit(request("make it sepia"), clip, tmp_path)

    assert outcome.applied["notes"] == ["The clip's BT.2020 colours were written as BT.709."]


def test_output_size_is_honoured(make_clip, tmp_path):
    """The size asked for is the size that comes out."""
    clip = make_clip(seconds=1, size=(160, 90))

    _, output = edit(request("let it snow", output=OutputSpec(size=(96, 96))), clip, tmp_path)

    assert read_frames(output)[0].shape == (96, 96, 3)


def test_reference_colours_reach_the_clip(make_clip, tmp_path, red_reference):
    """With a red picture and no words the clip turns red."""
    clip = make_clip(seconds=1, size=(160, 90))

    _, output = edit(request(references=1), clip, tmp_path, references=(red_reference,))

    before, after = (np.mean(read_frames(path), axis=(0, 1, 2)) for path in (clip, output))
    assert after[0] - after[2] > before[0] - before[2] + 30


def test_prompt_about_a_missing_reference_is_refused(make_clip, tmp_path):
    """Words about a picture that was not sent end in a refusal, not in a guess."""
    with pytest.raises(UnsupportedEdit):
        edit(request("match the colours of the reference image"), make_clip(seconds=1, size=(96, 64)), tmp_path)
