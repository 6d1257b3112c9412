"""Rain, fog and low sun: what they do to the picture, and when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from refilm.engines.effects.context import Context
from refilm.engines.effects.low_sun import LowSun
from refilm.engines.effects.mist import Mist, guess_depth
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.rainfall import Rainfall

SIZE = (320, 180)


def timed(buffer, index=0):
    class Timed:
        y, u, v = buffer.y, buffer.u, buffer.v
        time = shown_at = Fraction(index, 25)

    Timed.index = index
    return Timed()


def scene(sky_u, sky_v):
    """A smooth sky of one colour over rough dark ground."""
    random = np.random.default_rng(2)
    y = np.full((180, 320), 170, np.uint8)
    y[80:] = random.integers(30, 120, (100, 320))
    u, v = np.full((90, 160), sky_u, np.uint8), np.full((90, 160), sky_v, np.uint8)
    u[40:], v[40:] = 120, 134
    return Buffer(y, u, v)


def test_drops_fall_in_closed_form():
    """Where a drop is follows from the time alone; near drops fall faster, and no place stays dry for long."""
    fall = Rainfall(Setting((1280, 720), seed=2), 1.0)
    now, later = fall.at(1.0, (0, 0)), fall.at(1.005, (0, 0))

    assert (fall.at(1.0, (0, 0)) == now).all()
    fell = (later - now)[:, 1]
    steady = fell > 0
    assert steady.mean() > 0.95
    assert fell[steady][-10:].mean() > 2 * fell[steady][:10].mean()
    places = np.concatenate([fall.at(t, (0, 0))[:, 0] for t in np.arange(0, 4, 0.25)])
    assert (np.histogram(places, 16, (0, 1280))[0] > 0.5 * len(places) / 16 / 1.4).all()


def test_more_density_is_more_drops():
    """The number of drops follows the density and the shape of the picture, not its size."""
    count = len(Rainfall(Setting((1280, 720)), 1.0).at(0, (0, 0)))

    assert len(Rainfall(Setting((1280, 720)), 2.0).at(0, (0, 0))) == pytest.approx(2 * count, rel=0.01)
    assert len(Rainfall(Setting((3840, 2160)), 1.0).at(0, (0, 0))) == pytest.approx(count, rel=0.01)


def test_fog_is_far_and_not_at_ones_feet(real_frames):
    """The guessed depth grows from the bottom of the picture to its top, and the lowest rows are nearly clear."""
    [frame] = real_frames(SIZE, 1)
    context = Context(SIZE, seed=1)
    context.start(frame)

    depth = guess_depth(context.small_luma)

    assert depth.min() >= 0
    assert depth.max() <= 1
    assert depth[-4:].max() < 0.12
    assert depth[: len(depth) // 4].mean() > 0.6


def test_near_fog_does_not_drift(real_frames):
    """On a still picture the fog of the lower rows is the same at any time, that of the middle is not."""
    [frame] = real_frames(SIZE, 1)
    results = []
    for index in (0, 100):
        context, mist = Context(SIZE, seed=1), Mist(Setting(SIZE, seed=1), 1.0)
        context.start(timed(frame, index))
        after = Buffer(np.array(frame.y), np.array(frame.u), np.array(frame.v))
        mist.apply(context, after)
        results.append(after.y.astype(int))

    change = np.abs(results[0] - results[1])
    assert change[-36:].max() <= 1
    assert change[:90].mean() > 1.0


def test_fog_is_as_bright_as_the_light_it_is_in():
    """Fog in a dark picture is dark."""
    levels = []
    for level in (30, 200):
        y, chroma = np.full((180, 320), level, np.uint8), np.full((90, 160), 128, np.uint8)
        context, after = Context(SIZE, seed=1), Buffer(y.copy(), chroma.copy(), chroma.copy())
        context.start(timed(Buffer(y, chroma, chroma)))
        Mist(Setting(SIZE, seed=1), 2.0).apply(context, after)
        levels.append(after.y[:20].mean())

    assert levels[0] < 110
    assert levels[1] > 170


def apply_sun(picture, side):
    context = Context(SIZE, seed=1)
    context.start(timed(picture))
    after = Buffer.empty(SIZE)
    LowSun(Setting(SIZE, seed=1), 1.0, side).apply(context, picture, after)
    return after


def test_the_sun_stands_on_its_side():
    """The glare lies where it was asked for."""
    grey = Buffer(
        np.full((180, 320), 120, np.uint8), np.full((90, 160), 128, np.uint8), np.full((90, 160), 128, np.uint8)
    )

    left, right = apply_sun(grey, "left").y.astype(int), apply_sun(grey, "right").y.astype(int)

    assert left[:90, :60].mean() > left[:90, -60:].mean() + 15
    assert np.abs(left[:, ::-1] - right).mean() < 0.5


def test_only_a_clear_sky_is_tinted():
    """A blue sky warms towards the horizon; a grey one only takes the glare."""
    blue, grey = scene(160, 108), scene(128, 128)

    tinted, plain = apply_sun(blue, "right"), apply_sun(grey, "right")

    assert blue.u[30:38, :60].mean() - tinted.u[30:38, :60].mean() > 15
    assert abs(grey.u[30:38, :40].mean() - plain.u[30:38, :40].mean()) < 6


@pytest.mark.parametrize("name", ["fog", "rain", "golden_hour", "winter"])
def test_light_of_a_clip_knows_no_shot_before(name, real_frames, run):
    """After a cut the weather is what it would be had the clip begun there: nothing of the last shot remains."""
    [frame] = real_frames(SIZE, 1)
    planes = (255 - frame.y, frame.v, frame.u)
    other = type(frame)(*(np.ascontiguousarray(plane[::-1]) for plane in planes), 1, Fraction(1, 25))

    after_cut, fresh = run([frame, other], {name: {}})[1], run([other], {name: {}})[0]

    assert (after_cut.y == fresh.y).all()
    assert (after_cut.u == fresh.u).all()
