"""Old film and tape: what wears where, and when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest


def shown_at(frame, index):
    """The same picture at another place of the clip."""
    return type(frame)(frame.y, frame.u, frame.v, index, Fraction(index, 25))


@pytest.mark.parametrize("name", ["film_8mm", "vhs"])
def test_any_frame_can_be_drawn_by_itself(name, real_frames, run):
    """What a frame looks like follows from the seed and its place in the clip, not from the frames before it."""
    [frame] = real_frames((320, 180), 1)
    clip = [shown_at(frame, index) for index in range(6)]

    last, alone = run(clip, {name: {}})[-1], run(clip[-1:], {name: {}})[0]

    assert (last.y == alone.y).all()
    assert (last.u == alone.u).all()


def test_film_runs_at_its_own_rate(real_frames, run):
    """Eighteen pictures a second: two frames of the clip that fall into one film picture carry the same dust."""
    [frame] = real_frames((320, 180), 1)
    times = [Fraction(1, 2), Fraction(1, 2) + Fraction(1, 200), Fraction(1, 2) + Fraction(1, 17)]
    clip = [type(frame)(frame.y, frame.u, frame.v, index, time) for index, time in enumerate(times)]

    first, same, other = (each.y.astype(int) for each in run(clip, {"film_8mm": {}}))

    # Only a scratch trembles on its own.
    assert (first != same).mean() < 0.03
    assert (first != other).mean() > 0.3


def test_the_gate_is_round_and_black(real_frames, run):
    """Every corner is black and without colour, the middle of each side begins soon."""
    [after] = run(real_frames((640, 360), 1), {"film_8mm": {}})

    corners = [after.y[:8, :8], after.y[:8, -8:], after.y[-8:, :8], after.y[-8:, -8:]]
    assert max(corner.max() for corner in corners) <= 20
    assert abs(int(after.u[0, 0]) - 128) <= 1
    assert after.y[180, 20] > 24


def test_tape_blurs_colour_more_than_light(real_frames, run):
    """Sharp steps across survive in luma and melt in chroma, which lags behind."""
    [frame] = real_frames((640, 360), 1)
    y, u = np.full((360, 640), 90, np.uint8), np.full((180, 320), 100, np.uint8)
    y[:, 320:], u[:, 160:] = 160, 150
    picture = type(frame)(y, u, np.full((180, 320), 128, np.uint8), 0, Fraction(0))

    [after] = run([picture], {"vhs": {}})

    light, colour = np.median(after.y, 0), np.median(after.u, 0)
    reach = lambda row, low, high: ((row > low + 0.1 * (high - low)) & (row < low + 0.9 * (high - low))).sum()  # noqa: E731
    assert reach(light, np.median(light[100:250]), np.median(light[400:550])) <= 6
    assert 2 * reach(colour, np.median(colour[50:120]), np.median(colour[200:280])) >= 8
    middle = 2 * np.argmax(colour > (np.median(colour[50:120]) + np.median(colour[200:280])) / 2)
    assert middle > 321


def test_the_heads_switch_at_the_bottom(real_frames, run):
    """The last lines are torn to the right, the rest of the picture stays where it is."""
    [frame] = real_frames((640, 360), 1)
    y = np.full((360, 640), 60, np.uint8)
    y[:, 320:330] = 220
    grey = np.full((180, 320), 128, np.uint8)

    [after] = run([type(frame)(y, grey, grey, 0, Fraction(2))], {"vhs": {}})

    peak = after.y.astype(int).argmax(1)
    assert abs(np.median(peak[100:300]) - 325) < 8
    assert peak[-1] > 335


def test_the_tracking_band_rolls(real_frames, run):
    """The noisy band is somewhere else a second later."""
    [frame] = real_frames((320, 180), 1)
    flat = type(frame)(np.full((180, 320), 100, np.uint8), frame.u * 0 + 128, frame.v * 0 + 128, 0, Fraction(0))

    noisy = [run([shown_at(flat, index)], {"vhs": {}})[0].y[:160].std(1) for index in (0, 25)]

    assert abs(int(noisy[0].argmax()) - int(noisy[1].argmax())) > 15
    assert noisy[0].max() > 4 * np.median(noisy[0])
