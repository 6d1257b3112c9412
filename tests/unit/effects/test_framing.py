"""The shape of the result: crops, bars and quarter turns."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.engines.effects.extension import Extension
from refilm.engines.effects.framing import Framing, framing_of, why_idle, without_framing
from refilm.engines.effects.operators.reframe import SHAPES
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.quarter_turns import TurnedEditor, turned
from refilm.errors import UnsupportedEdit

sides = st.integers(32, 1920).map(lambda half: 2 * half)
WIDE = (1280, 720)


def reframe(shape: str, mode: str = "crop") -> Plan:
    return Plan((Step("reframe", {"shape": shape, "mode": mode}),))


def rotate(degrees: int) -> Plan:
    return Plan((Step("rotate", {"degrees": degrees}),))


@pytest.mark.parametrize(
    ("plan", "inner", "outer", "black"),
    [
        (reframe("1:1"), (720, 720), (720, 720), False),
        (reframe("9:16"), (406, 720), (406, 720), False),
        (reframe("21:9"), (1280, 548), (1280, 548), False),
        (reframe("21:9", "letterbox"), (1280, 548), WIDE, True),
        (reframe("4:3", "letterbox"), (960, 720), WIDE, True),
        (reframe("1:1", "fit"), WIDE, (1280, 1280), True),
        (reframe("9:16", "fill"), WIDE, (1280, 2276), False),
        (reframe("16:9"), WIDE, WIDE, False),
        (rotate(90), (720, 1280), (720, 1280), False),
        (rotate(180), WIDE, WIDE, False),
        (Plan((*rotate(90).steps, *reframe("1:1").steps)), (720, 720), (720, 720), False),
        (Plan(()), WIDE, WIDE, False),
    ],
)
def test_sizes_of_a_wide_clip(plan, inner, outer, black):
    """What is cut, kept and put around a clip of 1280x720."""
    framing = framing_of(plan, WIDE, None)

    assert (framing.inner, framing.outer, framing.black) == (inner, outer, black)


@given(sides, sides, st.sampled_from(sorted(SHAPES)), st.sampled_from(["crop", "fit", "fill", "letterbox"]))
def test_any_clip_can_be_reframed(width, height, shape, mode):
    """Sides are even, the picture lies within its frame, and one of the two has the shape that was asked for."""
    framing = framing_of(reframe(shape, mode), (width, height), None)
    wanted = Fraction(*SHAPES[shape])
    shaped = framing.inner if mode in ("crop", "letterbox") else framing.outer

    assert not any(side % 2 for side in (*framing.inner, *framing.outer))
    assert all(small <= large for small, large in zip(framing.inner, framing.outer, strict=True))
    assert abs(shaped[0] - shaped[1] * wanted) <= 4 * max(1, wanted)
    if mode == "letterbox":
        assert framing.outer == (width, height)


def test_a_size_of_the_request_must_agree():
    """A ratio of the request has the last word on the size; another shape than the prompt's is a contradiction."""
    assert framing_of(reframe("9:16"), WIDE, (720, 1280)).outer == (720, 1280)
    assert framing_of(reframe("9:16", "fit"), WIDE, (720, 1280)) == Framing((720, 406), (720, 1280), black=True)
    assert framing_of(reframe("1:1", "letterbox"), WIDE, (960, 720)).outer == (960, 720)
    assert framing_of(rotate(90), WIDE, (720, 1280)).read == (1280, 720)
    with pytest.raises(UnsupportedEdit, match="ratio asks for 1280x720 and the prompt for a shape of 1:1"):
        framing_of(reframe("1:1"), WIDE, WIDE)
    with pytest.raises(UnsupportedEdit, match="targetAspectRatio and the prompt"):
        framing_of(reframe("1:1"), WIDE, None, Fraction(1))


def test_the_shape_that_a_clip_has_already_is_idle():
    """Asking a 16:9 clip for 16:9 asks for nothing; a half turn of it, or bars, ask for something."""
    assert "has the shape already" in why_idle(reframe("16:9"), framing_of(reframe("16:9"), WIDE, None), WIDE)
    assert not why_idle(rotate(180), framing_of(rotate(180), WIDE, None), WIDE)
    assert not why_idle(reframe("1:1"), framing_of(reframe("1:1"), WIDE, None), WIDE)
    assert not why_idle(Plan(()), framing_of(Plan(()), WIDE, None), WIDE)


def test_what_was_done_is_told():
    """The record says what was cut away, turned and put around the picture."""
    assert framing_of(Plan(()), WIDE, None).note(WIDE) == []
    assert "720x720" in framing_of(reframe("1:1"), WIDE, None).note(WIDE)[0]
    assert "black bars" in framing_of(reframe("1:1", "fit"), WIDE, None).note(WIDE)[0]
    assert "90 degrees clockwise" in framing_of(rotate(90), WIDE, None).note(WIDE)[0]


def test_other_steps_are_left_in_the_plan():
    """Only the steps of shape are taken out of what works on the frames."""
    plan = Plan((Step("rotate"), Step("reframe"), Step("sepia")))

    assert [step.operator for step in without_framing(plan).steps] == ["sepia"]


def test_black_bars_are_black_and_the_picture_whole(real_frames):
    """The picture lies untouched in the middle, everything beside it is black."""
    (frame,) = real_frames((320, 180), 1)
    outer = Buffer.empty((320, 320))

    Extension((320, 180), (320, 320), black=True).fill(frame, outer)

    assert np.array_equal(outer.y[70:250], frame.y)
    assert np.array_equal(outer.v[35:125], frame.v)
    assert (outer.y[:70] == 16).all()
    assert (outer.u[125:] == 128).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_frames_are_turned_before_they_are_edited(turns, real_frames):
    """The editor sees upright frames of the turned size with their own times; clockwise takes left to the top."""
    (frame,) = real_frames((320, 180), 1)
    seen = []

    class Watching:
        def process(self, before, after):
            seen.append(before)
            np.copyto(after.y, before.y)

    size = (180, 320) if turns % 2 else (320, 180)
    after = Buffer.empty(size)
    TurnedEditor(Watching(), turns).process(frame, after)

    assert seen[0].time == frame.time
    assert seen[0].y.flags.c_contiguous
    assert np.array_equal(after.y, np.rot90(frame.y, -turns))
    if turns == 1:
        assert np.array_equal(after.y[0], frame.y[::-1, 0])
    assert np.array_equal(turned(turned(frame.y, turns), 4 - turns), frame.y)
