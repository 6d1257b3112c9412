"""How much the lexicon alone understands of what people type who were told nothing."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.plan import Plan

SETS = ("everyday_dev_prompts", "everyday_held_out_prompts")


def prompts(name: str) -> dict[str, Any]:
    """The groups of a set."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def understood(case: dict[str, Any], plan: Plan) -> bool:
    """Whether one of the accepted operators is in the plan, in its direction."""
    steps = {step.operator + ("-" if float(step.parameters.get("amount", 1)) < 0 else "") for step in plan.steps}
    return bool(steps & set(case["accept"]))


@pytest.mark.parametrize(("name", "least"), [("everyday_dev_prompts", 0.75), ("everyday_held_out_prompts", 0.6)])
def test_everyday_requests_are_understood_rightly_or_not_at_all(name: str, least: float) -> None:
    """At least three in five are understood, and of those that compile at least 93 % rightly."""
    plans = [(case, compile_prompt(case["prompt"])) for case in prompts(name)["paraphrase"]]

    accepted = [(case, plan) for case, plan in plans if plan.steps and not plan.refused]
    right = [case for case, plan in accepted if understood(case, plan)]

    assert len(right) >= least * len(plans)
    assert len(right) >= 0.93 * len(accepted)


@pytest.mark.parametrize("name", SETS)
def test_what_comes_close_and_cannot_be_done_is_refused(name: str) -> None:
    """At least 97 % of the requests for things, people, places, camera moves and the like have a refused clause."""
    unsupported = prompts(name)["unsupported"]

    missed = [prompt for prompt in unsupported if not compile_prompt(prompt).refused]

    assert len(missed) <= 0.03 * len(unsupported), missed


@pytest.mark.parametrize(
    ("prompt", "operator"),
    [
        ("as if Rembrandt had held the camera", "oil"),
        ("give it the mood of a rainy Thursday", "rain"),
        ("it should look like a Lichtenstein, you know", "comic"),
    ],
)
def test_words_around_a_comparison_or_a_mood_are_embroidery(prompt: str, operator: str) -> None:
    """Who held the camera, and on which day it rains, says nothing beside what is compared with."""
    plan = compile_prompt(prompt)

    assert [step.operator for step in plan.steps] == [operator]
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "like an oil painting of Napoleon",
        "as if she wore a red dress",
        "neutralise the gremlin look",
        "give the sofa a vintage look",
        "make him look like a comic hero",
    ],
)
def test_what_a_comparison_shows_is_no_embroidery(prompt: str) -> None:
    """What a picture is of, who wears what, and what a look is to be given to."""
    assert compile_prompt(prompt).refused
