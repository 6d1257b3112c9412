"""The drawn, printed and modelled looks: textures that stay on things, states that a cut forgets."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from refilm.engines.effects.context import Context
from refilm.engines.effects.drift import DriftFinder
from refilm.engines.effects.executor import Executor
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.yuv_table import yuv_from_rgb

SIZE = (320, 180)
#: Looks with a texture that could slide over the picture.
TEXTURED = ["pencil", "comic", "oil"]
#: Looks that remember something from frame to frame.
REMEMBERING = ["pencil", "comic", "oil", "claymation", "patch_style"]


def panned(frame, across, index):
    """The frame, moved to the right by an even number of pixels; what leaves it returns on the left."""
    planes = np.roll(frame.y, across, 1), np.roll(frame.u, across // 2, 1), np.roll(frame.v, across // 2, 1)
    return type(frame)(*planes, index, Fraction(index, 25))


def another_shot(frame, index):
    """A frame that shares nothing with `frame`."""
    return type(frame)(255 - frame.y[::-1], frame.v[::-1], frame.u[::-1], index, Fraction(index, 25))


@pytest.mark.parametrize("name", TEXTURED)
def test_texture_moves_with_the_camera(name, real_frames, run):
    """After a pan the picture is the one from before it, moved: nothing is seen as through a dirty pane."""
    [frame] = real_frames((640, 360), 1)

    results = run([panned(frame, 4 * index, index) for index in range(7)], {name: {}})

    inner = slice(60, 300), slice(120, 520)
    first, last = results[0].y[inner].astype(int), np.roll(results[-1].y, -24, 1)[inner].astype(int)
    stuck = np.abs(results[-1].y[inner].astype(int) - np.roll(results[0].y, 20, 1)[inner]).mean()
    assert np.abs(first - last).mean() < 0.5 * stuck


@pytest.mark.parametrize("name", REMEMBERING)
def test_cut_forgets_the_shot_before(name, real_frames, run):
    """The first frame after a cut is what it would be as the first frame of a clip."""
    [frame] = real_frames(SIZE, 1)
    other = another_shot(frame, 3)
    shot = [panned(frame, 0, index) for index in range(3)]

    after_cut = run([*shot, other], {name: {}})[-1]
    alone = run([other], {name: {}})[-1]

    assert (after_cut.y == alone.y).all()
    assert (after_cut.u == alone.u).all()


@pytest.mark.parametrize("name", REMEMBERING)
def test_still_picture_stands_still(name, real_frames, run):
    """A still shot becomes a still picture: the texture does not boil."""
    [frame] = real_frames(SIZE, 1)

    results = run([panned(frame, 0, index) for index in range(6)], {name: {}})

    assert np.abs(results[-1].y.astype(int) - results[-2].y).mean() < 0.3


def test_drift_follows_things_and_the_camera(real_frames):
    """The coordinates of a place are what they were where it was before, for a pan and for the life of both layers."""
    [frame] = real_frames((640, 360), 1)
    context, finder = Context((640, 360), 1), DriftFinder(Setting((640, 360), frame_rate=Fraction(4)))
    weights = []

    for index in range(12):
        context.start(panned(frame, 4 * index, index))
        drift = finder.begin(context)()
        weights.append(drift.weight)

    inner = drift.fields[[0, 2], 40:140, 60:260]
    assert drift.base[0] == pytest.approx(-44, abs=4)
    assert np.abs(inner + drift.base[0] + 44).mean() < 2
    # Both layers begin as one.
    assert weights == pytest.approx([1, 1, 1, 1, 0, 0, 0.5, 1, 1, 1, 0.5, 0])


@pytest.mark.parametrize("name", REMEMBERING)
def test_weaker_look_keeps_more_of_the_photograph(name, real_frames, run):
    """At the least strength the luma stays nearer to the source than at full strength."""
    frames = real_frames(SIZE, 2)

    weak, full = (run(frames, {name: {"strength": strength}})[-1].y.astype(int) for strength in (0.3, 1.0))

    assert np.abs(weak - frames[-1].y).mean() < np.abs(full - frames[-1].y).mean()


def test_pencils_come_in_graphite_and_in_colour(real_frames, run):
    """Graphite is neutral; coloured pencils keep the hues of the picture."""
    frames = real_frames(SIZE, 1)

    graphite, coloured = (run(frames, {"pencil": {"colour": colour}})[0] for colour in (False, True))

    assert (graphite.u == 128).all()
    assert np.corrcoef(coloured.u.reshape(-1), frames[0].u.reshape(-1))[0, 1] > 0.8


def test_pixels_are_square_and_their_colours_few(real_frames, run):
    """Every 6 x 6 square of a 720-row picture has one colour, and there are no more colours than asked for."""
    [frame] = real_frames((1280, 720), 1)

    [after] = run([frame], {"pixel_art": {"colours": 12.0}})

    squares = after.y[:720, :1278].reshape(120, 6, 213, 6)
    assert np.ptp(squares, axis=(1, 3)).max() == 0
    colours = np.stack([after.y[::6, ::6][:, :213], after.u[::3, ::3][:, :213], after.v[::3, ::3][:, :213]], -1)
    assert 6 < len(np.unique(colours.reshape(-1, 3), axis=0)) <= 12


def test_pixels_without_samples_get_a_palette(real_frames):
    """A clip whose colours nobody looked at is shown all the same."""
    [frame] = real_frames((64, 64), 1)
    executor, after = Executor(Plan((Step("pixel_art"),)), Setting((64, 64), seed=2)), Buffer.empty((64, 64))

    executor.process(frame, after)

    assert abs(after.y.mean() - frame.y.mean()) < 25


def test_clay_is_posed_twelve_times_a_second(real_frames, run):
    """A pose is held until its twelfth of a second is over, and a new one differs."""
    results = run(real_frames(SIZE, 12), {"claymation": {}})

    changed = [int((one.y != other.y).any()) for one, other in itertools.pairwise(results)]

    # Twelfths of a second begin within frames 3, 5, 7, 9 and 11 at 25 frames a second.
    assert changed == [0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]


def test_patch_style_takes_its_paint_from_the_picture(real_frames, run, red_picture):
    """Repainted frames have the hues of the picture and keep the lights and darks of the clip."""
    frames = real_frames(SIZE, 2)

    after = run(frames, {"patch_style": {}})[-1]

    wanted = yuv_from_rgb(red_picture / 255.0, "709")
    assert abs(after.u.mean() - wanted[..., 1].mean()) < 6
    assert after.v.min() >= wanted[..., 2].min() - 4
    assert np.corrcoef(after.y.reshape(-1), frames[-1].y.reshape(-1))[0, 1] > 0.6


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (400, 2), (64, 64)])
def test_patch_style_takes_any_picture(shape, real_frames):
    """Dots, ribbons and plain squares are pictures, too."""
    [frame] = real_frames((64, 64), 1)
    picture = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    setting = Setting((64, 64), seed=2, references=(picture,))
    after = Buffer.empty((64, 64))

    Executor(Plan((Step("patch_style"),)), setting).process(frame, after)

    assert 16 <= after.y.min() <= after.y.max() <= 235
