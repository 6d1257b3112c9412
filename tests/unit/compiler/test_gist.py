"""What a prompt hints at as a whole, where its clauses cannot be read one by one."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.compiler import compile_prompt, gist_asked_of
from refilm.engines.effects.language.gist import gist_of
from refilm.engines.effects.language.interpreted import Interpretation
from refilm.engines.effects.language.lexicon import lexicon, read_table
from refilm.engines.effects.language.stems import stem
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan

PROMPTS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "gist_dev_prompts.toml").read_text(encoding="utf-8"))


def operators(plan: Plan) -> set[str]:
    return {step.operator for step in plan.steps}


def right(case: dict[str, Any], plan: Plan) -> bool:
    """Whether nothing is refused, every step is one that the writer wants, and none that he needs is missing."""
    wanted = operators(plan) <= set(case["accept"]) and set(case.get("all", ())) <= operators(plan)
    return bool(plan.steps) and not plan.refused and wanted


def plans(group: str) -> list[tuple[dict[str, Any], Plan]]:
    return [(case, compile_prompt(case["prompt"], references=case.get("references", 0))) for case in PROMPTS[group]]


def test_the_set_speaks_of_operators() -> None:
    """What its prompts want exists."""
    assert {name for group in ("direct", "paraphrase") for case in PROMPTS[group] for name in case["accept"]} <= set(
        OPERATORS
    )


def test_direct_commands_are_understood() -> None:
    """At least nine in ten, and nothing wrong among more than 2 % of them."""
    told = plans("direct")
    good = [case for case, plan in told if right(case, plan)]
    accepted = [case for case, plan in told if not plan.refused]

    assert len(good) >= 0.9 * len(told)
    assert len(good) >= 0.98 * len(accepted)


def test_paraphrases_are_understood_rightly_or_not_at_all() -> None:
    """At least half of them, and of those that compile at least 90 % are right."""
    told = plans("paraphrase")
    good = [case for case, plan in told if right(case, plan)]
    accepted = [case for case, plan in told if plan.steps and not plan.refused]

    assert len(good) >= 0.55 * len(told)
    assert len(good) >= 0.9 * len(accepted)


def test_what_cannot_be_done_is_refused() -> None:
    """At least 97 % of what the engine cannot do has a refused clause."""
    missed = [prompt for prompt in PROMPTS["unsupported"] if not compile_prompt(prompt).refused]

    assert len(missed) <= 0.03 * len(PROMPTS["unsupported"]), missed


def test_a_gist_says_which_words_it_goes_by() -> None:
    """The step is marked as interpreted, quotes the prompt, and tells the words."""
    prompt = "put the sun to bed, I would like some stars over the barn"

    plan = compile_prompt(prompt)

    assert [(step.operator, step.clause) for step in plan.steps] == [("night", prompt)]
    assert "interpreted from the words “put the sun to bed”, “star over”" in plan.steps[0].note
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "make it night, and a wolf howls",
        "noir with a detective in a trench coat",
        "snow on her hair",
        "a black and white cat",
        "the moonlight should say “midnight” like in the small hours under the stars",
        "midnight, moonlight, starry, like under the stars from 2 s to 4 s and from 6 s",
        "speed it up 20x",
    ],
)
def test_hints_do_not_overrule_rules(prompt: str) -> None:
    """Things, second requests, words to be written, times and speeds are read clause by clause or not at all."""
    assert compile_prompt(prompt).refused


@pytest.mark.parametrize(
    ("prompt", "operator"),
    [
        ("here is a canvas, I want the same brushwork all over my clip", "patch_style"),
        ("see the jpg, my beach should have those colours", "color_transfer"),
    ],
)
def test_a_picture_sent_along_is_meant(prompt: str, operator: str) -> None:
    """Words about a picture and its colours or its brushwork are of the reference, where there is one."""
    assert operators(compile_prompt(prompt, references=1)) == {operator}
    assert operator not in operators(compile_prompt(prompt))


def test_interpreters_are_asked_for_the_gist() -> None:
    """All of a refused prompt is a question of its own, and its answer counts before the words' hints."""
    prompt = "put the sun to bed, I would like some stars over the barn"

    (question,) = gist_asked_of(prompt)
    plan = compile_prompt(prompt, interpretations=[Interpretation(question.text, "interpreted", "fog", whole=True)])

    assert question.text == prompt
    assert operators(plan) == {"fog"}
    assert gist_asked_of("sepia and snow") == ()


@given(st.text(max_size=300))
def test_any_text_has_a_gist_or_none(text: str) -> None:
    """Its look is of the lexicon, its certainty a probability, and it is the same every time."""
    gist = gist_of(text)

    assert gist == gist_of(text)
    assert gist is None or (gist.look in lexicon().looks and 0 <= gist.certainty <= 1 and gist.hints)


def test_every_hint_is_at_a_look() -> None:
    """The looks of the table exist, and no list says a hint twice."""
    table = read_table("cues")

    for group in ("strong", "colours", "weak"):
        assert set(table[group]) <= set(lexicon().looks), group
        for look, hints in table[group].items():
            assert len(hints) == len(set(hints)), look
    assert json.dumps(table)


@pytest.mark.parametrize(
    ("word", "same"), [("glowing", "glows"), ("trembled", "trembling"), ("Leaves", "leaves"), ("misted", "mist")]
)
def test_words_of_one_stem(word: str, same: str) -> None:
    """Endings do not tell words apart; short words have none."""
    assert stem(word) == stem(same)
    assert stem("is") == "is"
