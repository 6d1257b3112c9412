"""A larger frame around a picture."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.edit import TARGET_ASPECT_RATIOS
from refilm.engines.effects.extension import Extension, extended_sizes
from refilm.engines.effects.planes import Buffer
from refilm.media.geometry import MAX_PIXELS, parse_pair

sides = st.integers(32, 1920).map(lambda half: 2 * half)


@given(sides, sides, st.sampled_from(TARGET_ASPECT_RATIOS))
def test_the_frame_has_the_shape_and_holds_the_picture(width, height, name):
    """Even sides, no more pixels than may be written, the shape to within rounding, extended in one direction only."""
    aspect = Fraction(*parse_pair(name))

    inner, outer = extended_sizes((width, height), aspect)

    assert not any(side % 2 for side in (*inner, *outer))
    assert outer[0] * outer[1] <= max(MAX_PIXELS, width * height)
    assert inner[0] <= outer[0]
    assert inner[1] <= outer[1]
    assert inner[0] == outer[0] or inner[1] == outer[1]
    assert abs(outer[0] - outer[1] * aspect) <= 3 * max(1, aspect)


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((1280, 720), Fraction(9, 16), ((1280, 720), (1280, 2276))),
        ((1280, 720), Fraction(1), ((1280, 720), (1280, 1280))),
        ((720, 1280), Fraction(16, 9), ((720, 1280), (2276, 1280))),
        ((1280, 720), Fraction(16, 9), ((1280, 720), (1280, 720))),
        ((854, 480), Fraction(16, 9), ((854, 480), (854, 480))),
    ],
)
def test_sizes(size, aspect, expected):
    """The picture keeps its size; a shape that is reached but for rounding stays as it is."""
    assert extended_sizes(size, aspect) == expected


@pytest.mark.parametrize("outer", [(320, 320), (570, 180), (320, 570), (1400, 180), (324, 180)])
def test_the_picture_lies_in_the_middle_bit_for_bit(outer, real_frames):
    """Nothing of the picture is changed or lost, whichever bands are added, also broader ones than the picture."""
    [frame] = real_frames((320, 180), 1)
    after = Buffer.empty(outer)

    Extension((320, 180), outer).fill(frame, after)

    left, top = (outer[0] - 320) // 4 * 2, (outer[1] - 180) // 4 * 2
    assert (after.y[top : top + 180, left : left + 320] == frame.y).all()
    assert (after.u[top // 2 : top // 2 + 90, left // 2 : left // 2 + 160] == frame.u).all()
    assert (after.v[top // 2 : top // 2 + 90, left // 2 : left // 2 + 160] == frame.v).all()


def test_bands_continue_the_picture_without_its_detail(real_frames):
    """At the seam a band meets the picture; farther out it has its colours and next to none of its detail."""
    [frame] = real_frames((320, 180), 1)
    after = Buffer.empty((320, 320))

    Extension((320, 180), (320, 320)).fill(frame, after)

    luma = after.y.astype(int)
    assert np.abs(luma[69] - luma[70]).mean() < np.abs(luma[70] - luma[71]).mean() + 1
    assert np.abs(luma[249] - luma[250]).mean() < np.abs(luma[248] - luma[249]).mean() + 1
    detail = np.abs(np.diff(luma, axis=1)).mean(axis=1)
    assert detail[:55].mean() < 0.5 * detail[70:250].mean()
    assert abs(luma[:70].mean() - luma[70:140].mean()) < 12
    assert abs(after.u[:35].mean() - after.u[35:70].mean()) < 4


def test_padded_rows_give_the_same_frame(real_frames, padded):
    """Codecs pad their rows on both sides of the work."""
    [frame] = real_frames((176, 144), 1)
    plain, wide = Buffer.empty((256, 144)), padded(real_frames((256, 144), 1)[0], 16)

    Extension((176, 144), (256, 144)).fill(frame, plain)
    Extension((176, 144), (256, 144)).fill(padded(frame, 16), wide)

    assert all((getattr(plain, plane) == getattr(wide, plane)).all() for plane in "yuv")
