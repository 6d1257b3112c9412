"""Motion, cuts, sky and reference colours: what operators learn about the clip."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from refilm.engines.effects.brushwork import Orientation, Stabiliser
from refilm.engines.effects.colour import from_oklab, luma, to_oklab
from refilm.engines.effects.context import Context, analysis_size, paint_divisor
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.sky import find_sky
from refilm.engines.effects.snowfall import Snowfall
from refilm.engines.effects.textures import noise, paper
from refilm.engines.effects.transfer import ColourTransfer, sample_picture


def moved(frame, across, index):
    """The frame, shifted to the right by an even number of pixels."""
    planes = np.roll(frame.y, across, 1), np.roll(frame.u, across // 2, 1), np.roll(frame.v, across // 2, 1)
    return type(frame)(*planes, index, Fraction(index, 25))


def test_flow_and_motion_follow_the_camera(real_frames):
    """A picture that moves right by 8 pixels a frame is seen to come from the left, and its motion adds up."""
    [frame] = real_frames((640, 360), 1)
    context = Context((640, 360), seed=1)

    for index in range(4):
        context.start(moved(frame, 8 * index, index))
        motion, flow = context.motion, context.flow

    factor = 640 / context.analysis_size[0]
    assert np.median(flow[..., 0]) * factor == pytest.approx(-8, abs=1.0)
    assert motion[0] == pytest.approx(24, abs=3)
    assert abs(motion[1]) < 2
    assert not context.cut


def test_first_frame_has_no_past(real_frames):
    """The clip's first frame has no flow, and is no cut."""
    context = Context((320, 180), seed=1)

    context.start(real_frames((320, 180), 1)[0])

    assert context.flow is None
    assert not context.cut
    assert context.motion == (0.0, 0.0)


def test_cut_is_found_and_forgets_the_past(real_frames):
    """Between two shots there is no flow, and the stabiliser starts afresh."""
    [frame] = real_frames((320, 180), 1)
    other = type(frame)(255 - frame.y[::-1], frame.v[::-1], frame.u[::-1], 1, Fraction(1, 25))
    context, fresh = Context((320, 180), seed=1), Context((320, 180), seed=1)
    stabiliser, expected = Stabiliser((320, 180)), Stabiliser((320, 180))

    context.start(frame)
    stabiliser.update(context, frame)
    context.start(other)
    after = stabiliser.update(context, other)
    fresh.start(other)

    assert context.cut
    assert context.flow is None
    assert (after == expected.update(fresh, other)).all()


def test_real_motion_is_no_cut(real_frames):
    """Twenty frames of one shot hold no cut."""
    context = Context((320, 180), seed=1)
    cuts = 0

    for frame in real_frames((320, 180), 20):
        context.start(frame)
        cuts += context.cut

    assert cuts == 0


def test_stabiliser_calms_noise(real_frames):
    """On a still scene with sensor noise the steady picture varies much less than the frames."""
    [frame] = real_frames((320, 180), 1)
    random = np.random.default_rng(3)
    context, stabiliser = Context((320, 180), seed=1), Stabiliser((320, 180))
    raw, steady = [], []

    for index in range(8):
        noisy = np.clip(frame.y + random.normal(0, 3, frame.y.shape), 16, 235).astype(np.uint8)
        context.start(type(frame)(noisy, frame.u, frame.v, index, Fraction(index, 25)))
        steady.append(stabiliser.update(context, context.source)[..., 0].astype(float))
        raw.append(noisy.astype(float))

    assert np.abs(steady[-1] - steady[-2]).mean() < 0.6 * np.abs(raw[-1] - raw[-2]).mean()


def test_orientation_knows_the_direction_of_stripes():
    """Horizontal and vertical stripes are told apart, a quarter turn of 32 directions, and are strongly directed."""
    stripes = np.where(np.arange(128) // 8 % 2, 200, 60).astype(np.uint8)
    codes = []

    for luma_plane in (np.repeat(stripes[:, None], 128, 1), np.repeat(stripes[None], 128, 0)):
        neutral = np.full((64, 64), 128, np.uint8)
        context = Context((128, 128), seed=1)
        frame = Buffer(np.ascontiguousarray(luma_plane), neutral, neutral)
        picture = np.dstack([frame.y, frame.y * 0 + 128, frame.y * 0 + 128, frame.y * 0])
        context.start(_timed(frame))
        codes.append(Orientation(2.0).update(context, picture)[32, 32])

    horizontal, vertical = (int(code) & 31 for code in codes)
    assert horizontal == 0
    assert vertical == 16
    assert all(int(code) >> 5 == 3 for code in codes)


def _timed(frame):
    class Timed:
        y, u, v, index, time, shown_at = frame.y, frame.u, frame.v, 0, Fraction(0), Fraction(0)

    return Timed()


@pytest.mark.parametrize(
    ("size", "divisor"), [((64, 64), 1), ((640, 360), 1), ((1280, 720), 2), ((1920, 1080), 2), ((3840, 2160), 4)]
)
def test_paint_grid_grows_less_than_the_clip(size, divisor):
    """Painting happens on 180 to 600 rows whatever the clip, so that brushes scale with the picture."""
    assert paint_divisor(size) == divisor
    assert analysis_size(size) == ((size[0] // divisor + 1) // 2, (size[1] // divisor + 1) // 2)


def sky_scene(sky_u, sky_v, level=170):
    """(y, u, v) float32, 90 x 160: a smooth sky over rough dark ground."""
    random = np.random.default_rng(2)
    y = np.full((90, 160), level, np.float32)
    u, v = np.full((90, 160), sky_u, np.float32), np.full((90, 160), sky_v, np.float32)
    y[40:] = random.uniform(30, 120, (50, 160))
    u[40:], v[40:] = -8, 6
    return y, u, v


def test_blue_sky_is_found():
    """A clear blue sky is found, and only it."""
    mask, confidence = find_sky(*sky_scene(30, -18))

    assert confidence > 0.9
    assert mask[:34].mean() > 0.9
    assert mask[50:].mean() < 0.05


@pytest.mark.parametrize("chroma", [(0, 0), (3, 2), (-10, 25)])
def test_other_skies_are_left_alone(chroma):
    """A white, grey or orange top of the picture is no sky to us: it may be a wall or a shirt."""
    mask, confidence = find_sky(*sky_scene(*chroma))

    assert confidence == 0
    assert not mask.any()


def test_transfer_moves_colours_to_the_picture(red_picture):
    """A blue-green clip takes on the reds of the picture, and keeps light and dark in order."""
    random = np.random.default_rng(4)
    source = random.uniform(0.1, 0.9, (4000, 1)) * (0.5, 0.8, 0.9)
    wanted = sample_picture(red_picture, 1)

    transfer = ColourTransfer(source, wanted, 1.0, seed=1)
    result = transfer(source)

    before, target, after = (to_oklab(colours).mean(0)[1:] for colours in (source, wanted, result))
    assert np.linalg.norm(after - target) < 0.25 * np.linalg.norm(before - target)
    grey = luma(transfer(np.linspace(0.1, 0.9, 20)[:, None] * (0.5, 0.8, 0.9)))[:, 0]
    assert (np.diff(grey) > 0).all()


def test_transfer_of_no_strength_changes_nothing(red_picture):
    """Strength 0 is the identity."""
    source = np.random.default_rng(4).uniform(0.1, 0.9, (500, 3))

    transfer = ColourTransfer(source, sample_picture(red_picture, 1), 0.0, seed=1)

    assert np.abs(transfer(source) - source).max() < 1e-5


def test_transfer_survives_pictures_of_one_colour():
    """A picture of a single colour, and a clip of a single colour, give finite colours."""
    flat = np.full((30, 30, 3), 128, np.uint8)

    transfer = ColourTransfer(np.full((100, 3), 0.3), sample_picture(flat, 1), 1.0, seed=1)

    assert np.isfinite(transfer(np.random.default_rng(1).uniform(0, 1, (50, 3)))).all()


def test_oklab_round_trip():
    """RGB to Oklab and back is the identity within the gamut."""
    rgb = np.random.default_rng(1).uniform(0, 1, (200, 3))

    assert np.abs(from_oklab(to_oklab(rgb)) - rgb).max() < 1e-4


@pytest.mark.parametrize("size", [(64, 64), (320, 180), (1280, 720), (1920, 1080)])
def test_textures_are_periodic(size):
    """Paper may be scrolled: across the seam it changes no faster than anywhere else."""
    for texture in (paper(size, 3), noise(size, (3,), 1.5, 2)):
        assert texture.shape == (size[1], size[0])
        inside = np.abs(np.diff(texture, axis=1)).mean()
        assert np.abs(texture[:, 0] - texture[:, -1]).mean() < 2 * inside + 1e-3


def test_flakes_fall_and_follow_the_camera():
    """Between two moments flakes fall, near ones faster; a camera that pans right carries near flakes further."""
    from refilm.engines.effects.operator import Setting

    fall = Snowfall(Setting((1280, 720), seed=2), 1.0)
    now, later, panned = fall.at(1.0, (0, 0)), fall.at(1.02, (0, 0)), fall.at(1.0, (10, 0))

    fell, drifted = (later - now)[:, 1], (panned - now)[:, 0]
    steady = (fell > 0) & (fell < 20) & (drifted > 0) & (drifted < 20)
    assert steady.mean() > 0.95
    assert fell[steady][-10:].mean() > 3 * fell[steady][:10].mean()
    assert drifted[steady][-10:].mean() > 3 * drifted[steady][:10].mean()
