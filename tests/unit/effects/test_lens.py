"""Blur, crispness and focus on real frames."""

from __future__ import annotations

import numpy as np
import pytest

from refilm.engines.effects.lens import blurred
from refilm.engines.effects.opencv import cv2


def detail(plane):
    """How much fine detail a plane holds."""
    return float(np.abs(cv2.Laplacian(plane.astype(np.float32), cv2.CV_32F)).mean())


@pytest.mark.parametrize("radius", [0.1, 1.0, 3.9, 5.0, 12.0, 20.0])
def test_blur_is_a_gaussian_whatever_the_short_cut(radius, real_frames):
    """Wide blurs are computed on a smaller picture; the result stays within two levels of the plain Gaussian."""
    [frame] = real_frames((640, 360), 1)

    exact = cv2.GaussianBlur(frame.y.astype(np.float64), (0, 0), radius)

    inner = (slice(40, -40), slice(40, -40))
    assert np.abs(blurred(frame.y, radius)[inner] - exact[inner]).mean() < 1.0


def test_tilt_shift_keeps_its_band(real_frames, run):
    """Inside the band only the colours change; far from it detail is gone."""
    [frame] = real_frames((640, 360), 1)

    [after] = run([frame], {"tilt_shift": {"focus": 0.6, "width": 0.3, "strength": 1.0}})

    band = slice(round(0.5 * 360), round(0.7 * 360))
    assert detail(after.y[band]) > 0.9 * detail(frame.y[band])
    assert detail(after.y[:60]) < 0.3 * detail(frame.y[:60])


@pytest.mark.parametrize("focus", [0.0, 1.0])
def test_tilt_shift_at_the_edges(focus, real_frames, run):
    """A band at the very top or bottom leaves one blurred side."""
    [frame] = real_frames((320, 180), 1)

    [after] = run([frame], {"tilt_shift": {"focus": focus, "width": 0.05}})

    sharp, soft = (after.y[:20], after.y[-40:]) if focus == 0.0 else (after.y[-20:], after.y[:40])
    assert detail(soft) < detail(sharp)


def test_sharpen_leaves_flat_areas_alone():
    """Noise of a level or two gains nothing, an edge does."""
    from refilm.engines.effects.lens import Sharpening
    from refilm.engines.effects.operator import Setting
    from refilm.engines.effects.planes import Buffer

    luma = np.full((64, 64), 100, np.uint8)
    luma[:, 40:] = 130
    luma[::2, ::2] += 1
    grey = np.full((32, 32), 128, np.uint8)
    after = Buffer.empty((64, 64))

    Sharpening(Setting((64, 64)), 1.0).apply(Buffer(luma, grey, grey), after)

    assert (after.y[:, :30] == luma[:, :30]).all()
    assert after.y[:, 40].mean() > luma[:, 40].mean() + 2
    assert after.y[:, 39].mean() < luma[:, 39].mean() - 2
