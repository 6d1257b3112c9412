"""Prompts that say more than they ask for: what only remarks on something changes nothing, and what asks is heard."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt, explain, unread_of
from refilm.engines.effects.plan import Plan

SETS = ("remarks_dev_prompts", "remarks_held_out_prompts")


def prompts(name: str) -> dict[str, Any]:
    """The groups of a set."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def directions(plan: Plan) -> set[str]:
    """The plan's operators, a minus after those that go the other way."""
    return {step.operator + ("-" if float(step.parameters.get("amount", 1)) < 0 else "") for step in plan.steps}


@pytest.mark.parametrize(("name", "least"), [("remarks_dev_prompts", 0.9), ("remarks_held_out_prompts", 0.7)])
def test_prompts_with_remarks_are_understood(name: str, least: float) -> None:
    """Most of them are, and of those that compile at least 93 % have only steps that were meant."""
    plans = [(case, compile_prompt(case["prompt"])) for case in prompts(name)["paraphrase"]]

    accepted = [(case, plan) for case, plan in plans if plan.steps and not plan.refused]
    right = [case for case, plan in accepted if directions(plan) <= set(case["accept"])]

    assert len(right) >= least * len(plans)
    assert len(right) >= 0.93 * len(accepted)


@pytest.mark.parametrize("name", SETS)
def test_no_wish_is_taken_for_a_remark(name: str) -> None:
    """At least 97 % of the prompts that ask for things, people and deeds beside a look have a refused clause."""
    unsupported = prompts(name)["unsupported"]

    missed = [prompt for prompt in unsupported if not compile_prompt(prompt).refused]

    assert len(missed) <= 0.03 * len(unsupported), missed


@pytest.mark.parametrize(
    ("prompt", "remark"),
    [
        ("make it look like night even though we filmed at noon", "we filmed at noon"),
        ("my hands were trembling, please steady the picture", "my hands were trembling"),
        ("slow it down because nobody can follow", "nobody can follow"),
        ("darken the edges so people look at the middle", "look at the middle"),
        ("me temblaban las manos, estabiliza el vídeo", "me temblaban las manos"),
        ("我们是中午拍的，改成夜晚", "我们是中午拍的"),
    ],
)
def test_the_explanation_says_what_was_taken_as_a_remark(prompt: str, remark: str) -> None:
    """A remark changes nothing, and the plan says so in the person's words."""
    plan = compile_prompt(prompt)

    assert len(plan.steps) == 1
    assert plan.refused == ()
    assert f"taken as a remark: {remark}" in explain(plan)[0]


@pytest.mark.parametrize("prompt", ["we filmed at noon", "my hands were trembling", "because nobody can follow"])
def test_a_remark_alone_is_refused(prompt: str) -> None:
    """Where nothing else is wished for, it is what it would be without the rule."""
    plan = compile_prompt(prompt)

    assert plan.steps == ()
    assert plan.refused


def test_nobody_is_asked_about_a_remark() -> None:
    """What is about the shoot is put to no interpreter."""
    assert unread_of("I held my phone sideways, please make it warmer") == ()


def test_where_somebody_filmed_is_no_wish() -> None:
    """The weather and the hour of the shoot are not asked for beside a look."""
    plan = compile_prompt("we filmed in the rain, make it warmer")

    assert directions(plan) == {"warm"}
    assert plan.refused == ()


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("the picture is so flat and grey, give it more punch", {"contrast", "saturation"}),
        ("feels too clinical and blue, make it cozier", {"warm"}),
        ("it looks too yellow and dull", {"cool", "saturation"}),
        ("the picture is grey", {"saturation"}),
        ("less blue", {"warm"}),
        ("colors look dull, make them pop", {"saturation"}),
        ("the colours are weak, make them stronger", {"saturation"}),
    ],
)
def test_a_complaint_is_no_wish(prompt: str, expected: set[str]) -> None:
    """What there is too much of is mended, and "them" are the colours that were spoken of."""
    plan = compile_prompt(prompt)

    assert directions(plan) == expected
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "noir with a detective in a trench coat",
        "the colours of her dress are weak, make them stronger",
        "my dog is old, make them pop",
        "put snow on the roofs",
        "make it dark like she is crying",
        "make it foggy so a ghost can appear",
    ],
)
def test_things_beside_a_look_stay_refused(prompt: str) -> None:
    """A new thing, a part of the picture and what somebody does are no remarks."""
    assert compile_prompt(prompt).refused


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("add background music", "leaves the sound as it is"),
        ("show what happens on the other side of the door", "does not add, replace or change single things"),
        ("what is this", "asks a question"),
    ],
)
def test_the_reason_is_the_true_one(prompt: str, said: str) -> None:
    """What stands first in a clause decides, not a word that it has by chance."""
    assert said in compile_prompt(prompt).refused[0].reason
