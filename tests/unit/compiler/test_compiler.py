"""What single prompts compile to: strengths, directions, negation, conflicts, references, notes."""

from typing import Any

import pytest

from refilm.engines.effects.compiler import compile_prompt, explain
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan


def needs(*operators: str) -> pytest.MarkDecorator:
    """Skip where the registry lacks one of the operators: their words come before them."""
    missing = sorted(set(operators) - set(OPERATORS))
    return pytest.mark.skipif(bool(missing), reason=f"not in the registry: {missing}")


def parameters(plan: Plan) -> dict[str, dict[str, Any]]:
    return {step.operator: step.parameters for step in plan.steps}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("sepia", {"sepia": {}}),
        ("slightly darker", {"brightness": {"amount": -0.175}}),
        ("darker, but only slightly", {"brightness": {"amount": -0.175}}),
        ("very warm", {"warm": {"strength": 1.35}}),
        ("it is snowing heavily at night", {"night": {}, "snow": {"density": 1.35}}),
        ("a blizzard, extremely dense", {"snow": {"density": 2.5}}),
        ("20% darker", {"brightness": {"amount": -0.2}}),
        ("raise contrast by 900 %", {"contrast": {"amount": 1.0}}),
        ("sepia at 50% strength", {"sepia": {"strength": 0.5}}),
        ("50 % sepia", {"sepia": {"strength": 0.5}}),
        ("purple tint", {"tint": {"hue": 275}}),
        ("强烈的暗角", {"vignette": {"amount": 0.81}}),
        ("un poco más cálido", {"warm": {"strength": 0.5}}),
        ("tuyết rơi rất nhiều", {"snow": {"density": 1.35}}),
    ],
)
def test_strength_words_scale_the_default(prompt: str, expected: dict[str, dict[str, Any]]) -> None:
    """Only what the prompt says is set; strengths scale the operator's default and stay in its range."""
    plan = compile_prompt(prompt)

    assert parameters(plan) == expected
    assert plan.refused == ()


@pytest.mark.parametrize(
    ("prompt", "amounts"),
    [
        ("less contrast and saturation", {"contrast": -1, "saturation": -1}),
        ("less contrast and more saturation", {"contrast": -1, "saturation": 1}),
        ("it's too bright", {"brightness": -1}),
        ("turn down the brightness", {"brightness": -1}),
        ("take the contrast down", {"contrast": -1}),
        ("less dark", {"brightness": 1}),
        ("The clip is dark. Brighten it.", {"brightness": 1}),
    ],
)
def test_directions(prompt: str, amounts: dict[str, int]) -> None:
    """More and less, complaints and particles end in the right sign."""
    plan = compile_prompt(prompt)

    signs = {step.operator: -1 if step.parameters.get("amount", 1) < 0 else 1 for step in plan.steps}
    assert signs == amounts
    assert plan.refused == ()


def test_steps_work_in_stage_order_whatever_the_word_order() -> None:
    """Grade, light, weather, style, lens, medium."""
    plan = compile_prompt("grain, a vignette, watercolour, snow, night, warm")

    order = [step.operator for step in plan.steps]
    assert order == ["warm", "night", "snow", "watercolour", "vignette", "film_grain"]


@pytest.mark.parametrize(
    ("prompt", "kept"),
    [
        ("watercolour and cartoon", "watercolour"),
        ("warm and cool", "warm"),
        ("brighter and darker", "brightness"),
        ("red tint, blue tint", "tint"),
        ("black and white, more saturation", "black_and_white"),
    ],
)
def test_contradictions_keep_the_first_and_refuse_the_second(prompt: str, kept: str) -> None:
    """Of two looks that cannot be had together the later is refused, naming the earlier."""
    plan = compile_prompt(prompt)

    assert [step.operator for step in plan.steps] == [kept]
    assert len(plan.refused) == 1
    assert plan.steps[0].clause in plan.refused[0].reason


def test_what_another_look_contains_is_left_out_with_a_note() -> None:
    """Sepia contains black and white."""
    plan = compile_prompt("black and white, sepia")

    assert [step.operator for step in plan.steps] == ["sepia"]
    assert "black and white" in plan.steps[0].note


def test_a_look_named_by_itself_overrides_an_ingredient() -> None:
    """In "vintage with heavy grain, cool" the grain is heavy and the warmth of vintage gives way."""
    plan = compile_prompt("vintage with heavy grain, cool")

    assert parameters(plan)["film_grain"] == {"amount": 1.35}
    assert "warm" not in parameters(plan)
    assert plan.refused == ()


def test_repeating_a_wish_is_one_step() -> None:
    """The stronger of two equal wishes stays, with both clauses."""
    plan = compile_prompt("snow. Heavy snow!")

    assert parameters(plan) == {"snow": {"density": 1.35}}
    assert "snow; " in plan.steps[0].clause


def test_negated_looks_are_left_out_with_a_note() -> None:
    """ "No snow" beside other wishes asks for nothing, and says so."""
    plan = compile_prompt("make it night, without snow and grain")

    assert [step.operator for step in plan.steps] == ["night"]
    assert plan.refused == ()
    assert "left out as asked" in plan.steps[0].note


def test_taking_away_is_refused_with_all_that_follows_it() -> None:
    """ "Remove the dog and snow" wants both gone, and adds no snow."""
    plan = compile_prompt("remove the dog and snow")

    assert plan.steps == ()
    assert len(plan.refused) == 2


def test_a_place_confines_the_clause_beside_it() -> None:
    """ "In the left half, make it blue" tints nothing."""
    for prompt in ("in the left half, make it blue", "make it blue, at the end"):
        plan = compile_prompt(prompt)

        assert plan.steps == (), prompt
        assert len(plan.refused) == 2


def test_keeping_the_colours_contradicts_a_grade_but_not_snow() -> None:
    """A promise that the steps would break is refused; one that costs nothing is noted."""
    kept, broken = compile_prompt("add snow, keep the colours"), compile_prompt("sepia, keep the colours")

    assert kept.refused == ()
    assert "kept anyway" in kept.steps[0].note
    assert [clause.text for clause in broken.refused] == ["keep the colours"]


def test_a_typing_error_is_read_and_noted() -> None:
    """One slip in a look word of five letters and more is read as that word; words of their own are not."""
    plan = compile_prompt("make it watercolr")

    assert [step.operator for step in plan.steps] == ["watercolour"]
    assert "read as" in plan.steps[0].note
    assert compile_prompt("add a carton").refused


def test_references() -> None:
    """The colours of a reference need one, a prompt speaks of one, and no words mean its colours."""
    assert "send a reference picture" in compile_prompt("match @ref").refused[0].reason
    assert [step.operator for step in compile_prompt(" \n", references=1).steps] == ["color_transfer"]
    assert compile_prompt("use the colours of @image2", references=2).refused


def test_of_two_named_references_the_second_is_refused() -> None:
    """Only the first picture is used; a second name in the prompt is not taken for the first."""
    plan = compile_prompt("the colours of @sunset, then the colours of @beach", references=2)

    assert [step.clause for step in plan.steps] == ["the colours of @sunset"]
    assert "only the first" in plan.refused[0].reason


@needs("patch_style")
@pytest.mark.parametrize("prompt", ["in the style of the reference image", "paint it like @ref", "with @ref's texture"])
def test_the_style_of_a_reference_repaints_the_clip(prompt: str) -> None:
    """Style, brushwork and painting verbs mean the reference's style; without a reference they are refused."""
    assert parameters(compile_prompt(prompt, references=1)) == {"patch_style": {}}
    assert "send a reference picture" in compile_prompt(prompt).refused[0].reason


def test_an_empty_prompt_asks_for_nothing() -> None:
    """No words and no reference: no steps and nothing refused."""
    assert compile_prompt(" ,\n. ") == Plan(())


def test_unreleased_looks_name_the_nearest() -> None:
    """An unknown look is not replaced by another; the reason proposes one."""
    plan = compile_prompt("stained glass")

    assert plan.steps == ()
    assert plan.refused[0].reason == (
        "not in this release: mosaic and stained glass; the nearest that can be had is watercolour"
    )


def test_blurring_the_background_is_refused_with_a_proposal() -> None:
    """The engine knows no front and back; it proposes what comes near."""
    for prompt in ("blur the background", "shallow depth of field", "desenfoca el fondo", "背景虚化", "xóa phông"):
        plan = compile_prompt(prompt)

        assert plan.steps == (), prompt
        assert "tilt-shift" in plan.refused[0].reason


def test_what_stands_before_into_describes_the_clip() -> None:
    """It is not asked for, whether it can be had or not; what is to vanish from the clip is refused."""
    for prompt in ("turn this daytime footage into night", "change it from day to night", "turn the cartoon to night"):
        plan = compile_prompt(prompt)

        assert [step.operator for step in plan.steps] == ["night"], prompt
        assert plan.refused == ()
    for prompt in ("turn the snow into sepia", "turn the blue into sepia", "turn the night into day"):
        assert compile_prompt(prompt).steps == (), prompt


@pytest.mark.parametrize(
    ("prompt", "amount"),
    [
        ("boost the colours", None),
        ("boost the colors a little", 0.175),
        ("reduce the colours by 20 %", -0.2),
        ("there is too much colour", -0.4725),
        ("sube los colores", None),
        ("增强色彩", None),
        ("giảm màu sắc", -0.35),
    ],
)
def test_more_colours_are_more_saturation(prompt: str, amount: float | None) -> None:
    """An aspect that is a measure goes up and down without a look beside it."""
    assert parameters(compile_prompt(prompt)) == {"saturation": {} if amount is None else {"amount": amount}}


@pytest.mark.parametrize(
    ("operator", "prompt", "expected"),
    [
        ("rain", "a light drizzle", {"density": 0.5}),
        ("rain", "heavy rain", {"density": 1.35}),
        ("rain", "lluvia muy fuerte", {"density": 1.35}),
        ("fog", "sương mù nhẹ", {"density": 0.5}),
        ("fog", "thick fog", {"density": 1.35}),
        ("pencil", "coloured pencil drawing", {"colour": True}),
        ("pencil", "铅笔素描", {}),
        ("mirror", "flip it upside down", {"direction": "vertical"}),
        ("mirror", "flip the video horizontally", {}),
        ("pixel_art", "chunky pixels", {"block": 9.6}),
        ("golden_hour", "golden hour from the left", {"side": "left"}),
        ("blur", "blur it slightly", {"amount": 0.25}),
        ("sharpen", "70 % sharper", {"amount": 0.35}),
        ("vhs", "extreme VHS", {"strength": 1.5}),
        ("winter", "winter with heavy snow", {"density": 1.35}),
    ],
)
def test_what_the_words_set(operator: str, prompt: str, expected: dict[str, Any]) -> None:
    """Strength, direction, side and colour of the looks, wherever the words stand."""
    if operator not in OPERATORS:
        pytest.skip(f"{operator} is not in the registry")

    plan = compile_prompt(prompt)

    assert parameters(plan) == {operator: expected}
    assert plan.refused == ()


@needs("noir")
def test_noir_leaves_no_room_for_colours() -> None:
    """What noir contains is left out; what it would undo is refused."""
    contained, undone = compile_prompt("noir, black and white"), compile_prompt("noir, purple tint")

    assert [step.operator for step in contained.steps] == ["noir"]
    assert contained.refused == ()
    assert [step.operator for step in undone.steps] == ["noir"]
    assert "nothing of it would be left" in undone.refused[0].reason


@needs("sharpen", "blur")
def test_a_complaint_gives_way_to_the_wish() -> None:
    """ "It looks blurry, sharpen it" is one wish."""
    plan = compile_prompt("it is blurry, sharpen it")

    assert [step.operator for step in plan.steps] == ["sharpen"]
    assert plan.refused == ()


@needs("fog", "golden_hour", "tilt_shift")
def test_limits_are_told() -> None:
    """What is only approximate says so in its note."""
    notes = {step.operator: step.note for step in compile_prompt("golden hour with fog and tilt-shift").steps}

    assert "guessed" in notes["fog"]
    assert "stay where they are" in notes["golden_hour"]
    assert "band" in notes["tilt_shift"]
    assert "blue sky" in compile_prompt("night").steps[0].note


def test_explain_says_each_step_and_each_refusal() -> None:
    """One sentence for each, quoting the words."""
    sentences = explain(compile_prompt("slightly darker, add a dog"))

    assert sentences[0] == "“slightly darker”: Brightness (amount -0.175)."
    assert sentences[1].startswith("“add a dog” cannot be done: ")


@pytest.mark.parametrize("look", ["sepia", "black and white", "cartoon", "watercolour"])
@pytest.mark.parametrize(
    "frame",
    [
        "{}", "{} please", "Can we get a {} look?", "How about {}?", "Apply a {} filter to the video", "Style: {}",
        "Put a {} filter on it", "Change the visual style of this video to {}", "Create a {} version of the clip",
        "Give this footage a nice {} feel", "Transform the whole scene into a {} version", "Let's do {}",
        "Convert this video into {}. Keep the original audio.", "Reimagine the scene in {}", "Same scene but in {}",
        "Use a {} look while preserving the characters' identities, the camera movement, composition and lighting",
    ],
)  # fmt: skip
def test_the_way_of_asking_does_not_matter(frame: str, look: str) -> None:
    """However it is wrapped, a look alone gives its one step and no refusal."""
    plan = compile_prompt(frame.format(look))

    assert [step.operator for step in plan.steps] == [look.replace(" ", "_")]
    assert plan.refused == ()
