"""Everyday commands, the things and people that they name, and the reasons that come with them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Span

PROMPTS: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent / "commands_dev_prompts.toml").read_text(encoding="utf-8")
)


def operators(plan: Plan) -> set[str]:
    return {step.operator for step in plan.steps}


def right(case: dict[str, Any]) -> bool:
    plan = compile_prompt(case["prompt"], references=case.get("references", 0))
    return bool(plan.steps) and not plan.refused and operators(plan) <= set(case["accept"])


def test_the_set_speaks_of_operators() -> None:
    """What its commands want exists, and every operator is wanted by some."""
    assert {name for case in PROMPTS["direct"] for name in case["accept"]} == set(OPERATORS)


def test_everyday_commands_are_understood() -> None:
    """At least 95 % of them give operators that the writer wants, and nothing of them is refused."""
    wrong = [case["prompt"] for case in PROMPTS["direct"] if not right(case)]

    assert len(wrong) <= 0.05 * len(PROMPTS["direct"]), wrong


def test_what_comes_close_is_refused() -> None:
    """At least 97 % of what names a part, adds, removes or moves something has a refused clause."""
    missed = [prompt for prompt in PROMPTS["unsupported"] if not compile_prompt(prompt).refused]

    assert len(missed) <= 0.03 * len(PROMPTS["unsupported"]), missed


@pytest.mark.parametrize(
    ("prompt", "operator"),
    [
        ("turn the wedding dance into b&w", "black_and_white"),
        ("make my cat look like a watercolor", "watercolour"),
        ("cartoonify me and my brother", "cartoon"),
        ("slow-mo of the skateboard jump", "slow_motion"),
        ("add light rain over the football pitch", "rain"),
        ("make the colours of the market stalls more vivid", "saturation"),
        ("give my grandma's birthday a warmer colour temperature", "warm"),
        ("strong vignette around the skater", "vignette"),
        ("make the sunset look like an oil painting", "oil"),
        ("teal and orange, for the chase", "teal_orange"),
        ("convierte a mi perro en dibujo animado", "cartoon"),
        ("把我的猫变成水彩画", "watercolour"),
        ("biến gia đình tôi thành hoạt hình", "cartoon"),
        ("turn my parents' wedding dance into b&w", "black_and_white"),
        ("run my son's dive into the pool in reverse, sound and all", "reverse"),
        ("Cho tuyết rơi trong clip sinh nhật của bé nhà mình nhé", "snow"),
        ("chong rung cho clip di xe may cua minh", "stabilise"),
        ("给我家猫的视频加上慢动作", "slow_motion"),
        ("turn our garden to springtime would ya", "spring"),
    ],
)
def test_what_a_clip_shows_is_the_whole_picture(prompt: str, operator: str) -> None:
    """A look of the whole frame may be asked for by naming what the clip shows."""
    plan = compile_prompt(prompt)

    assert operators(plan) == {operator}
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "make only the cat a cartoon",
        "cartoonify just the guy on the left",
        "turn the dress red",
        "make the car black and white",
        "brighten her face",
        "pixelate the license plate",
        "make the dog run faster",
        "slow down the ball",
        "snow on her hair",
        "let the dog play in the snow",
        "give the girl a comic",
        "turn the statue into an oil painting",
        "make the soup steam",
        "give the room new furniture in oil colours",
        "a little cartoon cat sitting on my shoulder",
        "add grain to the bowl",
        "make the colours of her dress more vivid",
        "make my daughter's dress red",
        "snow on my wife's umbrella",
        "turn the bride's bouquet into an oil painting",
        "make my son's face brighter",
        "thêm con chó vào clip sinh nhật của bé nhà mình",
        "đổi áo của mẹ tôi thành màu đỏ",
        "chong rung cho con cho",
        "给我家猫加上帽子",
        "cambia el vestido de mi abuela a rojo",
        "turn my garden into a jungle would ya",
    ],
)
def test_a_part_of_the_picture_stays_refused(prompt: str) -> None:
    """Who picks out a part, a thing or an act asks for what no look of the whole frame can do."""
    assert compile_prompt(prompt).refused


@pytest.mark.parametrize(
    ("prompt", "operator"),
    [
        ("tone the colours down, they are too strong", "saturation"),
        ("reduce the contrast slightly, it looks harsh", "contrast"),
        ("cooler white balance, the office lamp is too yellow", "cool"),
        ("flip horizontally, the selfie camera got the sign the wrong way round", "mirror"),
        ("reverse the dive so he jumps out of the water", "reverse"),
        ("the room was dark, make it brighter please", "brightness"),
    ],
)
def test_a_reason_asks_for_nothing(prompt: str, operator: str) -> None:
    """Why a look is wanted and what comes of it adds no operator, and the plan notes the words."""
    plan = compile_prompt(prompt)

    assert operators(plan) == {operator}
    assert plan.refused == ()
    assert "taken as a remark" in plan.steps[-1].note


@pytest.mark.parametrize(
    "prompt",
    [
        "make it night, and a wolf howls",
        "make it snow so the road gets covered",
        "blur it because the logo must go",
        "the sky is too dark, make it blue",
        "make it warmer, a dragon was flying by",
        "darker, because the monster is coming out of the cellar",
    ],
)
def test_a_second_request_is_no_reason(prompt: str) -> None:
    """What is to happen, to come in or to go stays refused beside a wish."""
    assert compile_prompt(prompt).refused


@pytest.mark.parametrize(
    ("prompt", "spans"),
    [
        (
            "blur it between 1 and 3 seconds, then sharpen the rest",
            {("blur", (1.0, 3.0)), ("sharpen", (0.0, 1.0)), ("sharpen", (3.0, None))},
        ),
        (
            "sepia for the first 3 seconds, black and white for the rest",
            {("sepia", (0.0, 3.0)), ("black_and_white", (3.0, None))},
        ),
        ("blur the last 3 s and warm up the rest", {("blur", (-3.0, None)), ("warm", (0.0, -3.0))}),
    ],
)
def test_the_rest_behind_a_time_is_the_rest_of_the_time(prompt: str, spans: set[tuple[str, Span]]) -> None:
    """Without a time before it, "the rest" is a part of the picture and stays refused."""
    plan = compile_prompt(prompt)

    assert {(step.operator, step.span) for step in plan.steps} == spans
    assert plan.refused == ()
    assert compile_prompt("make the cat red and blur the rest").refused


@pytest.mark.parametrize(
    ("prompt", "operator", "factor"),
    [
        ("can u make it faster, like 1.5 times", "speed", 1.5),
        ("play the cooking video at 1.25x", "speed", 1.25),
        ("gấp ba tốc độ", "speed", 3.0),
        ("three times slower, smooth", "slow_motion", 3.0),
    ],
)
def test_bare_amounts_are_of_the_speed(prompt: str, operator: str, factor: float) -> None:
    """A multiple counts behind a comma, behind "like" and beside "play"."""
    (step,) = compile_prompt(prompt).steps

    assert (step.operator, step.parameters) == (operator, {"factor": factor})


@pytest.mark.parametrize(
    ("prompt", "operator"),
    [
        ("copy the brush strokes and colors of the attached artwork", "patch_style"),
        ("copy the colors of the attached artwork", "color_transfer"),
        ("make it look painted like the attached painting", "patch_style"),
    ],
)
def test_the_brush_strokes_of_a_reference_bring_its_colours(prompt: str, operator: str) -> None:
    """Strokes and colours of a picture are its style; its colours alone are its colours."""
    assert operators(compile_prompt(prompt, references=1)) == {operator}


@pytest.mark.parametrize(
    "prompt", ['put "Hello Grandma" on the video', "put 'hi' over my clip at the bottom", 'place "GO" in the middle']
)
def test_marked_words_put_on_the_picture_are_written(prompt: str) -> None:
    """Words in quotation marks that are put on the picture need no name of text; other quoted words stay words."""
    assert operators(compile_prompt(prompt)) == {"text"}
    assert operators(compile_prompt('add "snow" to the video')) == {"snow"}


@pytest.mark.parametrize(
    ("prompt", "operator"),
    [
        ("snow over the town square", "snow"),
        ("tilt shift so the town square looks like a miniature", "tilt_shift"),
        ("make the snow boots video sepia", "sepia"),
        ("turn my rain jacket video into a cartoon", "cartoon"),
        ("slow motion of our cool down", "slow_motion"),
        ("speed up the warm-up", "speed"),
        ("turn our comic con trip into black and white", "black_and_white"),
        ("turn the leaves orange and red like in autumn", "autumn"),
        ("Give the office tour a cooler, bluish white balance", "cool"),
    ],
)
def test_names_made_of_words_of_looks_ask_for_none(prompt: str, operator: str) -> None:
    """A town square is no frame and a warm-up is no colour; a colour told of a season or a light is that look's own."""
    plan = compile_prompt(prompt)

    assert operators(plan) == {operator}
    assert plan.refused == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "make the rain jacket red",
        "add snow boots to the man",
        "draw a pencil case",
        "turn the fog lights red",
        "add a fountain to the town square",
        "turn the town square into a lake",
        "make the leaves orange and the sky red",
        "blurry bars in the background",
    ],
)
def test_things_named_with_words_of_looks_stay_refused(prompt: str) -> None:
    """Who wants a jacket, a case or a square itself changed or added asks for no look."""
    assert compile_prompt(prompt).refused


def test_what_is_left_of_a_measure_is_told_apart_from_what_goes() -> None:
    """Down to a third takes two thirds; down by a third takes one."""
    about, left, gone = (
        compile_prompt(f"turn the saturation down {share}").steps[0].parameters["amount"]
        for share in ("to about half", "to a third", "by a third")
    )

    assert (about, left, gone) == (-0.5, -0.67, -0.33)


def test_bars_are_filled_as_the_last_word_says() -> None:
    """The whole picture with blurry bars is one frame, not two."""
    (step,) = compile_prompt("make it square but keep the whole picture, with blurry bars at the sides").steps

    assert step.parameters == {"shape": "1:1", "mode": "fill"}
