"""Planes made smaller."""

from __future__ import annotations

import numpy as np
import pytest

from refilm.engines.effects.scaling import smaller

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("size", [(24, 16), (12, 8), (6, 4), (3, 2), (20, 15), (48, 16), (48, 32)])
def test_smaller_is_the_mean_of_what_it_covers(size):
    """Whatever the way, a smaller plane keeps the mean, has the size asked for, and leaves the original alone."""
    plane = RANDOM.integers(0, 256, (32, 48)).astype(np.uint8)
    original = plane.copy()

    result = smaller(plane, size)

    assert result.shape == size[::-1]
    assert abs(float(result.mean()) - float(plane.mean())) < 0.8
    assert (plane == original).all()


def test_halving_is_exact():
    """Squares of 4 x 4 are averaged to within the rounding of two halvings; rows may be padded."""
    whole = RANDOM.integers(0, 256, (16, 40)).astype(np.uint8)
    plane = whole[:, :32]

    exact = plane.reshape(4, 4, 8, 4).mean((1, 3))
    assert np.abs(smaller(plane, (8, 4)) - exact).max() <= 1.0
