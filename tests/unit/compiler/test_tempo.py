"""Speeds in words: how fast, how slow, backwards; and what is about things in the clip and not about the clip."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan


def factors(plan: Plan) -> dict[str, float]:
    """Operator -> its factor, 0 for those that have none."""
    resolved = {step.operator: OPERATORS[step.operator].spec.resolve(step.parameters) for step in plan.steps}
    return {name: float(values.get("factor", 0)) for name, values in resolved.items()}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("make it twice as fast", {"speed": 2}),
        ("3x faster", {"speed": 3}),
        ("play it at 1.5x speed", {"speed": 1.5}),
        ("three times faster", {"speed": 3}),
        ("50% faster", {"speed": 1.5}),
        ("speed it up to 150%", {"speed": 1.5}),
        ("play at 200 % speed", {"speed": 2}),
        ("increase the speed by 20%", {"speed": 1.2}),
        ("it is too slow", {"speed": 2}),
        ("90% speed", {"speed": 0.9}),
        ("step printing", {"speed": 0.5}),
        ("half speed", {"slow_motion": 2}),
        ("slow it down by 50%", {"slow_motion": 2}),
        ("slow down to 25 %", {"slow_motion": 4}),
        ("4x slow motion", {"slow_motion": 4}),
        ("super slow motion", {"slow_motion": 4}),
        ("slightly slower", {"slow_motion": 1.5}),
        ("set the speed to 0.5x", {"slow_motion": 2}),
        ("it's too fast", {"slow_motion": 2}),
        ("reverse the video", {"reverse": 0}),
        ("play it backwards at 2x speed", {"reverse": 0, "speed": 2}),
        ("reverse it in slow motion", {"reverse": 0, "slow_motion": 2}),
        ("acelera el vídeo 3 veces", {"speed": 3}),
        ("a 50% de velocidad", {"slow_motion": 2}),
        ("làm video nhanh hơn 3 lần", {"speed": 3}),
        ("tua ngược video", {"reverse": 0}),
        ("加速3倍", {"speed": 3}),
        ("三倍速播放", {"speed": 3}),
        ("放慢到50%", {"slow_motion": 2}),
    ],
)
def test_words_become_speeds(prompt: str, expected: dict[str, float]) -> None:
    """Multiples, percentages, words of strength and direction give the factor, in four languages."""
    plan = compile_prompt(prompt)

    assert factors(plan) == expected
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "reverse the car",
        "make the man run faster",
        "speed up the dog",
        "the car should drive backwards",
        "loop it three times",
        "make it 2x brighter",
        "change the speed",
        "10x faster",
        "10% speed",
        "slow motion from 2 s to 4 s",
    ],
)
def test_what_is_no_speed_of_the_clip_is_refused(prompt: str) -> None:
    """Speeds of things, speeds that cannot be had, speeds that are not said, and parts of the clip's time."""
    plan = compile_prompt(prompt)

    assert plan.steps == ()
    assert plan.refused


@pytest.mark.parametrize("prompt", ["keep the original speed and make it sepia", "sepia, no slow motion"])
def test_a_speed_that_shall_stay_stays(prompt: str) -> None:
    """Asking for the speed to be kept asks for nothing."""
    assert factors(compile_prompt(prompt)) == {"sepia": 0}


def test_faster_and_slower_contradict_each_other() -> None:
    """The later of the two is refused."""
    plan = compile_prompt("speed it up, slow motion")

    assert factors(plan) == {"speed": 2}
    assert len(plan.refused) == 1


@given(
    st.integers(1, 999),
    st.sampled_from(["{}x faster", "{}% speed", "slow it down by {} %", "{} 倍速", "x{} slow motion"]),
)
def test_any_number_gives_a_speed_in_range_or_a_reason(number: int, form: str) -> None:
    """A factor never leaves its range and is never rounded into it."""
    plan = compile_prompt(form.format(number))

    assert bool(plan.steps) != bool(plan.refused)
    factors(plan)  # resolving checks the range
