"""What the two supported lines of PyAV say differently is said in one way."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from av.rational import AVRational

from refilm.media.pyav import exact


@pytest.mark.parametrize("kind", [Fraction, AVRational])
def test_a_known_ratio_comes_out_as_a_fraction(kind: type) -> None:
    """PyAV's own number becomes one that divides, rounds and multiplies exactly."""
    ratio = exact(kind(1001, 30000))

    assert type(ratio) is Fraction
    assert ratio * ratio * ratio == Fraction(1001, 30000) ** 3


@pytest.mark.parametrize("unknown", [None, Fraction(0), AVRational(0, 1), AVRational(1, 0), AVRational(0, 0)])
def test_an_unknown_ratio_is_none(unknown: Any) -> None:
    """Every way in which FFmpeg says that it does not know."""
    assert exact(unknown) is None
