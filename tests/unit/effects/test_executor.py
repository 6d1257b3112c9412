"""Plans carried out on real frames: fused, repeatable, at any size."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refilm.engines.effects.executor import Executor, encoding_for, needs_of, resolve_steps, sample_colours
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer

ALL = sorted(DRAWING)
GRADED = ["sepia", "teal_orange", "fade", "night", "watercolour", "cartoon", "vignette", "autumn", "cyberpunk"]
GRADED += [
    "golden_hour",
    "winter",
    "rain",
    "fog",
    "film_8mm",
    "vhs",
    "noir",
    "dream_glow",
    "tilt_shift",
    "blur",
    "sharpen",
]
SEEDED = ["claymation", "film_8mm", "film_grain", "fog", "noir", "oil", "patch_style", "pencil"]
SEEDED += ["patch_style", "pencil", "rain", "snow", "vhs", "watercolour", "winter"]


def fingerprint(pictures):
    """One hash of all planes of all pictures."""
    digest = hashlib.sha256()
    for picture in pictures:
        for plane in (picture.y, picture.u, picture.v):
            digest.update(np.ascontiguousarray(plane).tobytes())
    return digest.hexdigest()


def difference(before, after):
    """Mean absolute difference over all planes, in levels."""
    pairs = ((before.y, after.y), (before.u, after.u), (before.v, after.v))
    return np.mean([np.abs(one.astype(int) - other).mean() for one, other in pairs])


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_pixels(name, real_frames, run):
    """Two runs of one operator with one seed agree in every pixel, whatever OpenCV's threads were set to."""
    frames = real_frames((320, 180), 4)

    cv2.setNumThreads(4)
    first = fingerprint(run(frames, {name: {}}))
    cv2.setNumThreads(2)
    second = fingerprint(run(frames, {name: {}}))

    assert first == second


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_thread_count_changes_no_pixel(threads, real_frames):
    """Even while OpenCV works with several threads the painting is the same."""
    frames = real_frames((320, 180), 3)
    expected = None

    for count in (1, threads):
        executor = Executor(Plan((Step("watercolour"), Step("vignette"))), Setting((320, 180), seed=4))
        cv2.setNumThreads(count)
        results = []
        for frame in frames:
            results.append(Buffer.empty((320, 180)))
            executor.process(frame, results[-1])
        expected = expected or fingerprint(results)
        assert fingerprint(results) == expected
    cv2.setNumThreads(1)


@pytest.mark.parametrize("name", SEEDED)
def test_another_seed_gives_another_texture(name, real_frames, run):
    """Grain, flakes and paper follow the seed."""
    frames = real_frames((320, 180), 1)

    assert fingerprint(run(frames, {name: {}}, seed=1)) != fingerprint(run(frames, {name: {}}, seed=2))


@pytest.mark.parametrize("name", ALL)
def test_padded_rows_give_the_same_pixels(name, real_frames, padded, run):
    """Codecs pad their rows; the result is the same as without, and no kernel needs to be compiled for it."""
    frames = real_frames((176, 144), 2)

    plain = run(frames, {name: {}})
    wide = run([padded(frame, 16) for frame in frames], {name: {}})

    assert fingerprint(plain) == fingerprint(wide)


@pytest.mark.parametrize("size", [(64, 64), (66, 64), (98, 200), (178, 320), (854, 480), (1284, 722)])
@pytest.mark.parametrize(
    "name", sorted(name for name, each in OPERATORS.items() if each.spec.stage != "grade" or name == "color_transfer")
)
def test_any_even_size_works(name, size, real_frames, run):
    """Tiny, tall, odd-halved and large frames are edited; one frame is a clip."""
    [after] = run(real_frames(size, 1), {name: {}})

    assert after.y.shape == (size[1], size[0])
    assert 5 < after.y.mean() < 240


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_left_alone(name, real_frames, run):
    """A decoder predicts from its frames: no operator writes into them, not even after others."""
    frames = real_frames((160, 90), 2)
    before = fingerprint(frames)

    run(frames, {"warm": {}, name: {}, "vignette": {}})

    assert fingerprint(frames) == before


def values_of(parameter):
    """Whatever an operator's parameter takes."""
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.longest:
        return st.text("Word ", min_size=1, max_size=parameter.longest).filter(parameter.accepts)
    return st.floats(parameter.low, parameter.high)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_parameters_within_range_edit_the_picture(data, real_frames, run):
    """Every setting that an operator accepts gives a legal picture, and a strong one a different picture."""
    name = data.draw(st.sampled_from(ALL))
    parameters = {key: data.draw(values_of(each), label=key) for key, each in OPERATORS[name].spec.parameters.items()}
    frames = real_frames((128, 96), 2)

    after = run(frames, {name: parameters})[-1]

    assert after.u.min() >= 14
    assert after.v.max() <= 242
    strong = all(abs(value) >= 0.3 for key, value in parameters.items() if key in ("amount", "strength", "density"))
    assert not strong or difference(frames[-1], after) > 0.3


@pytest.mark.parametrize("name", GRADED)
def test_more_strength_changes_more(name, real_frames, run):
    """0.3 is subtler than 1, and 1 is subtler than the most that the operator offers."""
    frames = real_frames((320, 180), 3)
    [key] = OPERATORS[name].spec.parameters.keys() & {"amount", "strength", "density"}
    high = OPERATORS[name].spec.parameters[key].high

    changes = [difference(frames[-1], run(frames, {name: {key: value}})[-1]) for value in (0.3, 1.0, high)]

    assert changes[0] < changes[1]
    assert changes[1] <= changes[2] * 1.02


def test_mirror_comes_before_what_looks_at_the_picture(real_frames, run):
    """A mirrored night is the mirror of that night: the sky's mask is looked for in the picture that is edited."""
    frames = real_frames((320, 180), 3)
    flipped = [
        type(each)(*(np.ascontiguousarray(plane[:, ::-1]) for plane in (each.y, each.u, each.v)), each.index, each.time)
        for each in frames
    ]

    mirrored = run(frames, {"mirror": {}, "night": {}})

    assert fingerprint(mirrored) == fingerprint(run(flipped, {"night": {}}))


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", 1), ("vertical", 0)])
def test_mirror_flips_every_plane(direction, axis, real_frames, run):
    """Mirroring moves every pixel to the other side and changes none."""
    [frame] = real_frames((66, 64), 1)

    [after] = run([frame], {"mirror": {"direction": direction}})

    for old, new in ((frame.y, after.y), (frame.u, after.u), (frame.v, after.v)):
        assert (new == np.flip(old, axis)).all()


def test_consecutive_grades_become_one_table(real_frames, run):
    """Three grades fused are what three tables one after another would give, to within rounding."""
    frames = real_frames((320, 180), 1)

    together = run(frames, {"warm": {}, "contrast": {}, "fade": {}})[0]
    step = frames[0]
    for name in ("warm", "contrast", "fade"):
        step = type(frames[0])(*(lambda b: (b.y, b.u, b.v))(run([step], {name: {}})[0]), 0, step.time)

    assert np.abs(together.y.astype(int) - step.y).mean() < 1.2
    assert np.abs(together.u.astype(int) - step.u).mean() < 1.2


def test_reference_colours_see_the_grades_before_them(real_frames, red_picture):
    """Colour transfer takes its samples as they are once earlier grades have worked on them."""
    seen = []
    original = OPERATORS["color_transfer"].prepare

    def spy(self, setting):
        seen.append(setting.samples())
        original(self, setting)

    colours = np.full((500, 3), (0.2, 0.5, 0.8)) + np.random.default_rng(0).uniform(-0.1, 0.1, (500, 3))
    setting = Setting((64, 64), references=(red_picture,), samples=lambda: colours)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OPERATORS["color_transfer"], "prepare", spy)
        Executor(Plan((Step("black_and_white"), Step("color_transfer"))), setting)

    assert np.ptp(seen[0], axis=1).max() < 1e-6


def test_noisy_plans_get_the_cheaper_preset():
    """Grain and snow cost x264 dearly; clean plans keep the better preset."""
    assert encoding_for(Plan((Step("sepia"),))).preset == "veryfast"
    assert encoding_for(Plan((Step("sepia"), Step("film_grain")))).preset == "superfast"


def test_plans_that_do_not_fit_the_registry_are_refused():
    """An unknown operator or parameter is told in a sentence, before any frame is read."""
    with pytest.raises(ValueError, match="no operator 'origami'"):
        resolve_steps(Plan((Step("origami"),)))
    with pytest.raises(ValueError, match="strength"):
        Executor(Plan((Step("sepia", {"strength": 7.0}),)), Setting((64, 64)))


def test_needs_are_gathered():
    """The engine learns from the plan whether to read samples and pictures."""
    assert needs_of(Plan((Step("sepia"),))) == frozenset()
    assert {"reference", "samples", "flow"} <= needs_of(Plan((Step("color_transfer"), Step("snow"))))


def test_samples_are_drawn_by_seed():
    """The same seed draws the same colours; never more than there are."""
    pictures = [np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)]

    assert (sample_colours(pictures, 3) == sample_colours(pictures, 3)).all()
    assert len(sample_colours(pictures, 3)) == 600
