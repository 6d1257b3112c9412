"""Frames made between two others: nearer to the truth than mixtures of the two, never across a cut, always the same."""

from __future__ import annotations

import golden_rendering as rendering
import numpy as np
import pytest
from PIL import Image

from refilm.engines.effects.inbetween import Inbetween
from refilm.engines.effects.planes import Buffer
from refilm.testing import ssim

#: The golden picture: three tenths of the way between these two frames.
PAIR, SHARE = (2, 3), 0.3


@pytest.fixture(scope="module")
def pictures(bunny):
    """Frames in which the rabbit stretches its arms and the camera rises."""
    return rendering.load(bunny, first=60, count=25)


def between(before, after, share=0.5):
    """The frame that `share` of the way is."""
    made = Buffer.empty(before.size)
    Inbetween(before.size)(before, after, share, made)
    return made


def psnr(one, two):
    """Decibels, of the luma."""
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - two) ** 2))


def test_a_made_frame_looks_as_before(pictures):
    """SSIM of at least 0.98 with the picture that somebody looked at, colours within 2 levels."""
    with Image.open(rendering.reference_path("slow_motion")) as stored:
        expected = np.asarray(stored.convert("RGB"))

    picture = rendering.extract(between(*(pictures[place] for place in PAIR), SHARE))

    assert ssim(picture, expected) >= 0.98
    assert np.abs(picture.astype(int) - expected).mean((0, 1)).max() <= 2


def test_made_frames_are_nearer_to_the_truth_than_mixtures(pictures):
    """Every second frame left out and made again: three decibels and more above mixing its neighbours."""
    made, mixed = [], []
    for place in range(1, len(pictures) - 1, 2):
        before, truth, after = pictures[place - 1 : place + 2]
        made.append(psnr(between(before, after).y, truth.y))
        mixed.append(psnr((before.y.astype(float) + after.y) / 2, truth.y))

    assert np.mean(made) >= np.mean(mixed) + 3
    assert np.mean(made) >= 38


def test_a_made_frame_lies_on_its_way(pictures):
    """Early ones are like the frame before, late ones like the frame after."""
    before, after = pictures[10], pictures[12]

    likeness = [psnr(between(before, after, share).y, before.y) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]

    assert likeness == sorted(likeness, reverse=True)


def test_two_shots_are_never_mixed(pictures):
    """Across a cut the nearer frame is shown as it is, bit for bit."""
    before = pictures[0]
    other = rendering.Picture(255 - before.y[:, ::-1], before.v, before.u, 1, pictures[1].time)

    for share, nearer in ((0.25, before), (0.5, before), (0.75, other)):
        made = between(before, other, share)

        assert np.array_equal(made.y, nearer.y)
        assert np.array_equal(made.u, nearer.u)


def test_a_still_picture_stays_as_it_is(pictures):
    """Where nothing moves nothing is made up."""
    frame = pictures[0]

    made = between(frame, frame)

    assert np.abs(made.y.astype(int) - frame.y).max() <= 1


def test_made_frames_repeat_bit_for_bit(pictures):
    """The same two frames give the same frame, whatever was made before."""
    fresh = between(pictures[4], pictures[5])
    used = Inbetween(pictures[0].size)
    made = Buffer.empty(pictures[0].size)
    for place in (2, 3, 4):
        used(pictures[place], pictures[place + 1], 0.5, made)

    assert all(np.array_equal(getattr(made, plane), getattr(fresh, plane)) for plane in "yuv")


if __name__ == "__main__":
    from refilm.testing import footage

    frames = rendering.load(footage(), first=60, count=4)
    picture = rendering.extract(between(*(frames[place] for place in PAIR), SHARE))
    Image.fromarray(picture).save(rendering.reference_path("slow_motion"), lossless=True, method=6)
