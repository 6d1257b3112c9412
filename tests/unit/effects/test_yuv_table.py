"""The YUV table against exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from refilm.engines.effects.operator import ColourOperator, Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.yuv_table import YuvTable, fuse, rgb_from_yuv, yuv_from_rgb

COLOUR_OPERATORS = sorted(name for name, operator in OPERATORS.items() if issubclass(operator, ColourOperator))
#: Luma, in decibels. A look that picks out hues or hardens contrast is steep in colour, and a table as fine as the
#: levels themselves could not follow it better: below one level of error is what is asked of those.
STEEP = {"autumn": 48.0, "noir": 52.0, "winter": 42.0, "spring": 52.0}


def psnr(exact, measured):
    """Decibels of 8-bit levels."""
    error = np.mean((exact.astype(float) - measured) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def exactly(frame, function, matrix):
    """The picture through `function` in floating point, rounded once: luma by pixel, chroma by 2x2 block."""

    def through(y, u, v):
        rgb = np.clip(rgb_from_yuv(np.stack([y, u, v], -1).astype(float), matrix), 0, 1)
        return np.rint(yuv_from_rgb(np.clip(function(rgb), 0, 1), matrix))

    height, width = frame.y.shape
    wide_u, wide_v = (np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in (frame.u, frame.v))
    block = frame.y.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    chroma = through(block, frame.u, frame.v)
    return through(frame.y, wide_u, wide_v)[..., 0], chroma[..., 1], chroma[..., 2]


def prepared(name, red_picture):
    operator = OPERATORS[name]()
    colours = np.random.default_rng(5).uniform(0.1, 0.9, (2000, 3)) * (0.6, 0.9, 0.7)
    parameters = operator.spec.resolve({})
    setting = Setting((640, 360), parameters=parameters, references=(red_picture,), samples=lambda: colours)
    operator.prepare(setting)
    return operator


@pytest.mark.parametrize("matrix", ["709", "601"])
@pytest.mark.parametrize("name", COLOUR_OPERATORS)
def test_table_is_as_good_as_exact_arithmetic(name, matrix, real_frames, red_picture):
    """Every grade on a real picture: 55 dB in luma (steep looks less) and 42 dB in chroma from the exact result."""
    [frame] = real_frames((640, 360), 1)
    operator = prepared(name, red_picture)
    after = Buffer.empty(frame.size)

    YuvTable(operator.colour, matrix).apply(frame, after)

    y, u, v = exactly(frame, operator.colour, matrix)
    assert psnr(y, after.y) >= STEEP.get(name, 55)
    assert min(psnr(u, after.u), psnr(v, after.v)) >= 42


def test_grey_stays_grey(real_frames):
    """A grade that touches no colour leaves neutral chroma exactly neutral, black black and white white."""
    frame = Buffer(np.repeat(np.arange(16, 236, dtype=np.uint8)[None], 4, 0), *[np.full((2, 110), 128, np.uint8)] * 2)
    after = Buffer.empty((220, 4))

    YuvTable(lambda rgb: rgb, "709").apply(frame, after)

    assert (after.u == 128).all()
    assert (after.v == 128).all()
    assert (after.y == frame.y).all()


def test_chroma_levels_survive_on_average():
    """The table holds every second chroma level; odd ones come out half below and half above, not all rounded."""
    frame = Buffer(np.full((64, 64), 120, np.uint8), np.full((32, 32), 133, np.uint8), np.full((32, 32), 121, np.uint8))
    after = Buffer.empty((64, 64))

    YuvTable(lambda rgb: rgb, "709").apply(frame, after)

    assert abs(after.u.mean() - 133) < 0.3
    assert abs(after.v.mean() - 121) < 0.3


def test_table_works_in_place(real_frames):
    """The result is the same when a picture is its own target."""
    [frame] = real_frames((320, 180), 1)
    table = YuvTable(lambda rgb: rgb**1.3, "709")
    after, own = Buffer.empty(frame.size), Buffer(frame.y.copy(), frame.u.copy(), frame.v.copy())

    table.apply(frame, after)
    table.apply(own, own)

    for one, other in ((after.y, own.y), (after.u, own.u), (after.v, own.v)):
        assert (one == other).all()


def test_matrices_differ():
    """A picture in BT.601 is not graded as if it were BT.709."""
    frame = Buffer(np.full((2, 2), 120, np.uint8), np.full((1, 1), 90, np.uint8), np.full((1, 1), 200, np.uint8))
    results = []

    for matrix in ("709", "601"):
        after = Buffer.empty((2, 2))
        YuvTable(lambda rgb: rgb[..., ::-1], matrix).apply(frame, after)
        results.append((int(after.y[0, 0]), int(after.u[0, 0]), int(after.v[0, 0])))

    assert results[0] != results[1]


@pytest.mark.parametrize("matrix", ["709", "601"])
def test_conversions_are_inverse(matrix):
    """R'G'B' to YUV and back is the identity, and the corners are where the standards put them."""
    rgb = np.random.default_rng(1).uniform(0, 1, (50, 3))

    assert np.allclose(rgb_from_yuv(yuv_from_rgb(rgb, matrix), matrix), rgb)
    assert np.allclose(yuv_from_rgb(np.ones(3), matrix), [235, 128, 128])
    assert np.allclose(yuv_from_rgb(np.array([0.0, 0.0, 1.0]), matrix)[1], 240)


def test_fuse_clips_between_functions():
    """Fused grades behave as if each had been shown on a screen of its own."""
    fused = fuse([lambda rgb: rgb + 2, lambda rgb: rgb - 0.5])

    assert np.allclose(fused(np.zeros(3)), 0.5)
