"""The pictures that golden tests, benches and docs are made of: colours survive, the camera pans."""

from __future__ import annotations

import numpy as np
import pytest

from refilm.testing.rendering import as_picture, as_rgb, pan_over, render


def photograph(height, width):
    """Smooth colours that differ everywhere."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.rint(255 * np.stack([across, down, 1 - across * down], -1)).astype(np.uint8)


def test_colours_survive_the_planes():
    """RGB to planes and back is off by little more than the rounding of 8 bit levels, where colours are smooth."""
    rgb = photograph(90, 160)

    assert np.abs(as_rgb(as_picture(rgb)).astype(int) - rgb).max() <= 6


@pytest.mark.parametrize("shape", [(100, 400), (300, 100), (90, 160)])
def test_the_camera_pans(shape):
    """Frames have the asked size whatever the photograph's, and what is seen moves left by a pixel and a half each."""
    frames = [as_rgb(picture) for picture in pan_over(photograph(*shape), (96, 54), count=5)]

    assert {frame.shape for frame in frames} == {(54, 96, 3)}
    inner = slice(12, -12)
    assert np.abs(frames[4][:, 12:-12].astype(int) - frames[0][:, 18:-6]).max() <= 8
    assert np.abs(frames[4][:, inner].astype(int) - frames[0][:, inner]).mean() > 1


def test_down_chooses_the_part():
    """0 shows the top of a tall photograph and 1 its bottom."""
    tall = photograph(300, 100)

    top, bottom = (as_rgb(pan_over(tall, (96, 54), count=1, down=down)[0]) for down in (0, 1))

    assert top[..., 1].mean() < 50
    assert bottom[..., 1].mean() > 200


def test_rendering_is_the_operators_work():
    """A parameter reaches the operator, and every frame gets its result."""
    pictures = pan_over(photograph(90, 160), (96, 54), count=3)

    brighter = render(pictures, "brightness", amount=0.5)

    assert len(brighter) == 3
    assert all(after.y.mean() > before.y.mean() + 10 for before, after in zip(pictures, brighter, strict=True))
