"""Looks that depend on guesses are offered by name only, and whoever asks for one learns what it cannot do."""

from __future__ import annotations

import json

import pytest

from refilm.cli.effects import words_for
from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Inputs
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.language.lexicon import LANGUAGES, lexicon
from refilm.media.probe import probe

#: What is said of each.
LIMITS = {
    "night": "only where a clear blue sky is found",
    "fog": "how far things are away is guessed",
    "rain": "the ground does not get wet",
}


def asked(prompt):
    return EditRequest(Model.GEN4_ALEPH, "asset:v", prompt, 1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LIMITS)
def test_the_plan_tells_the_limits(name, language):
    """In every language, before anything is edited."""
    planned = EffectsEngine().plan(asked(words_for(name)[language][0]), {})

    assert LIMITS[name] in planned["explanation"][0]
    assert LIMITS[name] in planned["plan"]["steps"][0]["note"]


@pytest.mark.parametrize("name", LIMITS)
def test_the_record_keeps_the_limits(name, make_clip, tmp_path):
    """What is kept with the task says so, too."""
    clip = make_clip(seconds=0.2, size=(96, 64))

    with clip.open("rb") as video, (tmp_path / "out.mp4").open("w+b") as output:
        wanted = asked(words_for(name)["en"][0])
        outcome = EffectsEngine().edit(wanted, Inputs(video, probe(video)), output, lambda progress: None, {})

    applied = json.loads(json.dumps(outcome.applied))
    assert LIMITS[name] in applied["explanation"][0]
    assert LIMITS[name] in applied["plan"]["steps"][0]["note"]


@pytest.mark.parametrize("name", ["night", "fog"])
def test_no_other_look_brings_them_along(name):
    """Nobody gets a guessed depth or sky who did not ask for fog or night by name."""
    others = {
        look: [step.operator for step in each.steps] for look, each in lexicon().looks.items() if len(each.steps) > 1
    }

    assert [look for look, operators in others.items() if name in operators] == []
