"""The registry: what every operator says about itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.operator import (
    ColourOperator,
    FrameOperator,
    OperatorSpec,
    Parameter,
    ShapeOperator,
    TimeOperator,
)
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import STAGES

EXPECTED = {
    "rotate": "geometry",
    "reframe": "geometry",
    "stabilise": "geometry",
    "speed": "time",
    "slow_motion": "time",
    "reverse": "time",
    "mirror": "geometry",
    "brightness": "grade",
    "contrast": "grade",
    "saturation": "grade",
    "warm": "grade",
    "cool": "grade",
    "black_and_white": "grade",
    "sepia": "grade",
    "teal_orange": "grade",
    "fade": "grade",
    "spring": "grade",
    "summer": "grade",
    "autumn": "grade",
    "tint": "grade",
    "color_transfer": "grade",
    "night": "light",
    "golden_hour": "light",
    "cyberpunk": "light",
    "noir": "light",
    "dream_glow": "light",
    "snow": "weather",
    "winter": "weather",
    "rain": "weather",
    "fog": "weather",
    "watercolour": "style",
    "cartoon": "style",
    "pencil": "style",
    "pixel_art": "style",
    "comic": "style",
    "oil": "style",
    "claymation": "style",
    "patch_style": "style",
    "vignette": "lens",
    "tilt_shift": "lens",
    "blur": "lens",
    "sharpen": "lens",
    "film_grain": "medium",
    "film_8mm": "medium",
    "vhs": "medium",
    "text": "overlay",
}


def test_registry_holds_every_operator_under_its_own_name():
    """The first release's operators are there, each under its own name and at its stage."""
    assert {name: operator.spec.stage for name, operator in OPERATORS.items()} == EXPECTED
    assert all(name == operator.spec.name for name, operator in OPERATORS.items())


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_spec_is_complete(name):
    """A description has words for people, explained parameters, and names only operators that exist."""
    operator = OPERATORS[name]
    spec = operator.spec

    assert spec.title
    assert spec.summary.endswith(".")
    assert spec.stage in STAGES
    assert spec.parameters or name == "reverse"
    assert all(parameter.meaning for parameter in spec.parameters.values())
    assert spec.subsumes <= set(OPERATORS)
    assert issubclass(operator, ColourOperator | FrameOperator | TimeOperator | ShapeOperator)
    assert issubclass(operator, TimeOperator) == (spec.stage == "time")
    assert not (spec.spans and spec.stage == "time")


def test_registry_is_light():
    """Reading the registry loads neither numpy nor OpenCV nor numba: the prompt compiler runs where they do not."""
    code = (
        "import sys, refilm.engines.effects.operators; "
        "sys.exit(','.join(m for m in ('numpy', 'cv2', 'numba', 'scipy') if m in sys.modules) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_resolve_fills_in_defaults():
    """Parameters that a plan leaves out take their defaults."""
    assert OPERATORS["tint"].spec.resolve({"hue": 210}) == {"hue": 210, "strength": 0.6}


@pytest.mark.parametrize("given", [{"strength": 9.0}, {"strength": "very"}, {"strength": float("nan")}, {"depth": 1.0}])
def test_resolve_refuses_what_the_operator_cannot_do(given):
    """A parameter outside its range, of another kind, or unknown is refused with a sentence that names it."""
    with pytest.raises(ValueError, match=r"strength|depth"):
        OPERATORS["sepia"].spec.resolve(given)


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(-5, 5), st.floats(0.01, 5))
def test_number_parameter_accepts_its_range_only(value, low, width):
    """A numeric parameter accepts exactly the finite numbers from low to high."""
    parameter = Parameter(low, low, low + width, "something")

    assert parameter.accepts(value) == (low <= value <= low + width)


def test_choice_parameter_accepts_its_choices_only():
    """A parameter with choices accepts these, of the same type."""
    parameter = Parameter("soft", choices=("soft", "hard"), meaning="edge")

    assert parameter.accepts("hard")
    assert not parameter.accepts("round")
    assert not parameter.accepts(1.0)


def test_text_parameter_accepts_what_the_fonts_can_draw():
    """A parameter of free text takes text that is not blank, not too long, and of characters that a font has."""
    parameter = Parameter("Hello", longest=12, meaning="what is written")

    assert all(parameter.accepts(words) for words in ("Hi", "Đường phố", "¿Qué?", "你好"))
    assert not any(parameter.accepts(words) for words in ("", "  ", "thirteen long", "한국", "smile 😀", 1.0, True))
    assert "12 characters" in parameter.accepted


def test_contradictory_descriptions_are_refused():
    """A default outside its range, an unknown stage and an unknown need are programming errors, told at once."""
    with pytest.raises(ValueError, match="outside"):
        Parameter(3.0, 0.0, 1.0, "too much")
    with pytest.raises(ValueError, match="stage"):
        OperatorSpec("x", "X", "Does x.", "later", {}, "S")
    with pytest.raises(ValueError, match="provide"):
        OperatorSpec("x", "X", "Does x.", "grade", {}, "S", needs=frozenset({"depth"}))
