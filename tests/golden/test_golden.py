"""Every operator still looks as it did when somebody last looked at it and was content."""

from __future__ import annotations

import golden_rendering as rendering
import numpy as np
import pytest
from PIL import Image

from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.testing import ssim


@pytest.fixture(scope="module")
def pictures(bunny):
    return rendering.load(bunny)


@pytest.mark.parametrize("name", sorted(DRAWING))
def test_operator_looks_as_before(name, pictures):
    """The whole, and a part of it at full size: SSIM of at least 0.98 with the reference, colours within 2 levels."""
    with Image.open(rendering.reference_path(name)) as stored:
        expected = np.asarray(stored.convert("RGB"))

    picture = rendering.extract(rendering.render(pictures, name)[-1])

    for half in (slice(None, rendering.HALF[0]), slice(rendering.HALF[0], None)):
        assert ssim(picture[:, half], expected[:, half]) >= 0.98
        assert np.abs(picture[:, half].astype(int) - expected[:, half]).mean((0, 1)).max() <= 2


@pytest.mark.parametrize("name", sorted(DRAWING))
def test_the_edit_did_happen(name, pictures):
    """With its default parameters every operator changes the picture visibly: two levels of RGB on average or more."""
    seen = pictures if "path" in OPERATORS[name].spec.needs else pictures[-1:]
    after = rendering.as_rgb(rendering.render(seen, name)[-1])

    change = np.abs(after.astype(int) - rendering.as_rgb(rendering.source_for(name, seen)[-1])).mean()

    assert change >= (1.0 if name in ("film_grain", "text") else 2.0)


def test_references_are_small():
    """The reference pictures stay a small part of the repository."""
    assert sum(rendering.reference_path(name).stat().st_size for name in DRAWING) <= 1_100_000
