"""How well a stranger's commands, roundabout requests and complaints are understood."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt, explain
from refilm.engines.effects.plan import Plan

PROMPTS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent / "roundabout_dev_prompts.toml").read_text(encoding="utf-8")
)


def directions(plan: Plan) -> dict[str, int]:
    """Operator -> the sign of its amount."""
    return {step.operator: -1 if float(step.parameters.get("amount", 1)) < 0 else 1 for step in plan.steps}


def test_direct_commands_give_their_operators() -> None:
    """Every direct command gives exactly the operators of one of its readings, and refuses nothing."""
    for case in PROMPTS["direct"]:
        plan = compile_prompt(case["prompt"], references=case.get("references", 0))

        assert sorted(step.operator for step in plan.steps) in [sorted(want) for want in case["want"]], case
        assert plan.refused == (), case


def test_roundabout_requests_are_understood_rightly_or_not_at_all() -> None:
    """At least 48 of the 60 are understood, and of those that compile at least 95 % rightly."""
    plans = [(case, compile_prompt(case["prompt"])) for case in PROMPTS["paraphrase"]]

    accepted = [(case, plan) for case, plan in plans if plan.steps and not plan.refused]
    wrong = [case["prompt"] for case, plan in accepted if not directions(plan).keys() & set(case["accept"])]

    assert len(accepted) - len(wrong) >= 48
    assert len(wrong) <= 0.05 * len(accepted), wrong


def test_what_cannot_be_done_is_refused() -> None:
    """Every request that the engine cannot carry out has a refused clause."""
    assert [prompt for prompt in PROMPTS["unsupported"] if not compile_prompt(prompt).refused] == []


@pytest.mark.parametrize(
    ("prompt", "signs"),
    [
        ("the clip is overexposed", {"brightness": -1}),
        ("it's way overexposed, take it down", {"brightness": -1}),
        ("it's blown out", {"brightness": -1}),
        ("the shot is a bit underexposed", {"brightness": 1}),
        ("it's badly lit", {"brightness": 1}),
        ("the video is oversaturated", {"saturation": -1}),
        ("the colours are garish", {"saturation": -1}),
        ("take the edge off those garish colours", {"saturation": -1}),
        ("soften the garish colours", {"saturation": -1}),
        ("soften the contrast", {"contrast": -1}),
        ("the picture is dull", {"saturation": 1}),
        ("it's a bit washed out", {"contrast": 1, "saturation": 1}),
        ("the colours look washed out", {"contrast": 1, "saturation": 1}),
        ("it is flat", {"contrast": 1, "saturation": 1}),
        ("it's muddy", {"contrast": 1, "saturation": 1}),
        ("it's overexposed and blurry", {"brightness": -1, "sharpen": 1}),
    ],
)
def test_a_fault_told_of_the_clip_is_mended(prompt: str, signs: dict[str, int]) -> None:
    """Who says that the clip is so wants the opposite."""
    plan = compile_prompt(prompt)

    assert directions(plan) == signs
    assert plan.refused == ()


@pytest.mark.parametrize(
    ("prompt", "signs"),
    [
        ("make it overexposed", {"brightness": 1}),
        ("I want it to be overexposed", {"brightness": 1}),
        ("it should look underexposed", {"brightness": -1}),
        ("an overexposed look", {"brightness": 1}),
        ("make it oversaturated", {"saturation": 1}),
        ("make it look washed out", {"fade": 1}),
        ("it should be blurry", {"blur": 1}),
    ],
)
def test_a_fault_that_is_wished_for_is_a_look(prompt: str, signs: dict[str, int]) -> None:
    """Who asks for it gets it."""
    plan = compile_prompt(prompt)

    assert directions(plan) == signs
    assert plan.refused == ()


@pytest.mark.parametrize(
    ("prompt", "signs"),
    [
        ("video bị dư sáng", {"brightness": -1}),
        ("video bị tối", {"brightness": 1}),
        ("video này tối quá", {"brightness": 1}),
        ("cảnh quay thiếu sáng", {"brightness": 1}),
        ("hình bị mờ", {"sharpen": 1}),
        ("video bị rung", {"stabilise": 1}),
        ("video bị ngả vàng", {"cool": 1}),
        ("làm cho nó thiếu sáng", {"brightness": -1}),
        ("làm mờ video", {"blur": 1}),
        ("画面过曝", {"brightness": -1}),
        ("曝光不足", {"brightness": 1}),
        ("太暗了", {"brightness": 1}),
        ("颜色太淡", {"saturation": 1}),
        ("画面有点模糊", {"sharpen": 1}),
        ("画面偏黄", {"cool": 1}),
        ("让画面过曝", {"brightness": 1}),
        ("模糊一点", {"blur": 1}),
        ("el video está sobreexpuesto", {"brightness": -1}),
        ("está muy oscuro", {"brightness": 1}),
        ("demasiado claro", {"brightness": -1}),
        ("los colores son chillones", {"saturation": -1}),
        ("la imagen está borrosa", {"sharpen": 1}),
        ("está muy amarillo", {"cool": 1}),
        ("la cámara tiembla", {"stabilise": 1}),
        ("hazlo sobreexpuesto", {"brightness": 1}),
        ("más oscuro", {"brightness": -1}),
    ],
)
def test_faults_are_told_in_every_language(prompt: str, signs: dict[str, int]) -> None:
    """In Vietnamese, Chinese and Spanish too a fault told of the clip is mended, and one asked for is made."""
    plan = compile_prompt(prompt)

    assert directions(plan) == signs
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "it's noisy",
        "the footage is noisy",
        "it's overexposed and noisy",
        "video bị nhiễu",
        "噪点太多",
        "tiene mucho ruido",
    ],
)
def test_a_fault_that_cannot_be_mended_is_refused(prompt: str) -> None:
    """Noise that somebody complains of is not answered with grain."""
    plan = compile_prompt(prompt)

    assert "denoising" in plan.refused[-1].reason
    assert "film_grain" not in directions(plan)


@pytest.mark.parametrize(
    "prompt",
    [
        "summer look, not too strong",
        "not too strong summer look",
        "summer, nothing too heavy",
        "summer, don't overdo it",
    ],
)
def test_not_too_strong_weakens_a_look(prompt: str) -> None:
    """The look has less than its usual strength, and the explanation says so."""
    plan = compile_prompt(prompt)

    assert [dict(step.parameters) for step in plan.steps] == [{"strength": 0.6}]
    assert "strength 0.6" in explain(plan)[0]
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    ["add cherry blossoms", "add cats and dogs", "the sky is overexposed", "the man is underexposed", "muddy boots",
     "a bird should fly by", "put them at the beach in summer", "make it fit the sofa", "make the dog so slow"],
)  # fmt: skip
def test_single_things_stay_refused(prompt: str) -> None:
    """What is wrong with one thing of the scene, or is to come into it, is beyond a look."""
    plan = compile_prompt(prompt)

    assert plan.steps == ()
    assert plan.refused
