"""How well the lexicon alone understands people who know nothing of it: by films, moods, decades, weather, filters."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.language.lexicon import lexicon, read_table, rows
from refilm.engines.effects.language.text import spell
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan

SETS = ("strangers_dev_prompts", "strangers_held_out_prompts")
Case = dict[str, Any]


def cases(name: str, group: str) -> list[Case]:
    table = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    found: list[Case] = table[group]
    return found


def right(case: Case, plan: Plan) -> bool:
    """Whether each need is met, and every step is one that the writer wants or would not mind."""
    steps = {step.operator + ("-" if float(step.parameters.get("amount", 1)) < 0 else "") for step in plan.steps}
    needs = [set(need.split("|")) for need in case["need"]]
    return all(need & steps for need in needs) and steps <= set(case.get("may", ())).union(*needs)


@pytest.mark.parametrize("name", SETS)
def test_the_sets_speak_of_operators(name: str) -> None:
    """What a prompt needs exists, or will."""
    coming = {"spring", "summer"}
    for case in cases(name, "paraphrase"):
        named = {each.removesuffix("-") for need in case["need"] for each in need.split("|")}
        assert named | {each.removesuffix("-") for each in case.get("may", ())} <= set(OPERATORS) | coming, case


@pytest.mark.parametrize(("name", "least"), [("strangers_dev_prompts", 0.85), ("strangers_held_out_prompts", 0.5)])
def test_strangers_are_understood_rightly_or_not_at_all(name: str, least: float) -> None:
    """At least half of the paraphrases are understood, and of those that compile at least 90 % are right."""
    paraphrases = cases(name, "paraphrase")
    plans = [(case, compile_prompt(case["prompt"])) for case in paraphrases]

    accepted = [(case, plan) for case, plan in plans if plan.steps and not plan.refused]
    understood = [case for case, plan in accepted if right(case, plan)]

    assert len(understood) >= least * len(paraphrases)
    assert len(understood) >= 0.9 * len(accepted)


@pytest.mark.parametrize("name", SETS)
def test_what_strangers_cannot_have_is_refused(name: str) -> None:
    """At least 97 % of the requests that the engine cannot carry out have a refused clause."""
    unsupported = cases(name, "unsupported")

    missed = [case["prompt"] for case in unsupported if not compile_prompt(case["prompt"]).refused]

    assert len(missed) <= 0.03 * len(unsupported), missed


def test_names_stand_for_looks_that_say_how_they_are_understood() -> None:
    """No name stands twice, none is a phrase of English already, and each belongs to a look."""
    taken = {spell(phrase)[1] for phrase, entry in rows(read_table("en")) if entry.kind != "companion"}
    names = [spell(phrase)[1] for phrase, _ in rows(read_table("names"))]

    assert len(names) == len(set(names))
    assert not taken & set(names)
    assert {entry.value for _, entry in rows(read_table("names"))} <= set(lexicon().looks)


@pytest.mark.parametrize(
    ("prompt", "note"),
    [
        ("like Van Gogh", "the manner of one painter is not imitated"),
        ("Blade Runner and the Godfather", "warm, dim light"),
        ("in the style of Studio Ghibli", "characters and backgrounds stay those of the clip"),
        ("The Matrix", "a green tint"),
        ("make it cheerful", "brighter, warmer and more colourful"),
    ],
)
def test_a_name_says_what_it_was_taken_for(prompt: str, note: str) -> None:
    """The step of a name carries the words that tell what it became."""
    plan = compile_prompt(prompt)

    assert plan.refused == ()
    assert note in " ".join(step.note for step in plan.steps)


@pytest.mark.parametrize(
    "prompt",
    ["add Mickey Mouse", "add a gladiator", "make the princess brighter", "make the sunset more red",
     "make the snow blue", "the sunset should be warmer", "加一只龙猫", "thêm Totoro", "add fairies"],
)  # fmt: skip
def test_names_and_sights_are_no_looks_where_they_are_things(prompt: str) -> None:
    """Whoever bears a name is not added or changed, and what the picture shows gets no colour of its own."""
    plan = compile_prompt(prompt)

    assert plan.steps == ()
    assert plan.refused


@pytest.mark.parametrize(("prompt", "hue"), [("đỏ", 0), ("phủ màu đỏ", 0), ("hồng", 340), ("đỏ hơn một chút", 0)])
def test_vietnamese_letters_are_no_english_words(prompt: str, hue: int) -> None:
    """ "đỏ" is red, and no "do" with ornaments."""
    assert [step.parameters["hue"] for step in compile_prompt(prompt).steps] == [hue]
