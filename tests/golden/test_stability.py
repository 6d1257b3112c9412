"""Every operator holds still in time: what it adds to the motion of the source is bounded."""

from __future__ import annotations

import itertools

import golden_rendering as rendering
import numpy as np
import pytest

from refilm.engines.effects.operators import DRAWING
from refilm.testing.stability import (
    INSEPARABLE,
    LAYERED,
    TEXTURED,
    edge_f1,
    find_paths,
    flicker_ratio,
    gain,
    sharpness,
    warped_error,
    without_layer,
)

#: The flow-warped error of the result may be this many times the source's own. A grade that raises contrast raises the
#: error with it, which is no flicker: it is divided by the gain in luma deviation first.
BOUNDS = {"cartoon": 1.25, "watercolour": 1.6, "night": 1.25, "vignette": 1.25}
#: Crisper detail is crisper unrest: the source's own noise and compression are sharpened with it.
BOUNDS |= {"sharpen": 1.7}
#: Ink and dots are hard; poses are held for two frames; large pixels stand still while things move behind them.
BOUNDS |= {"comic": 2.5, "oil": 2.5, "pencil": 3.5, "claymation": 2.0, "pixel_art": 2.0}
#: Particles and grain move against the picture by their nature. Snow is measured by its light alone, grain by itself.
GRAIN_BOUND = 6.0


@pytest.fixture(scope="module")
def pictures(bunny):
    return rendering.load(bunny)


@pytest.fixture(scope="module")
def paths(pictures):
    """For each pair of frames: where each pixel was, and where that is certain."""
    return find_paths(pictures)


#: Operators whose particles or grain are measured apart from their light.
LAID_OVER = LAYERED - TEXTURED
#: Textures of paper and paint are bounded as a whole by `BOUNDS`, and what lies under them here.
UNTEXTURED = {"pencil": 1.6, "comic": 1.6, "oil": 1.25, "watercolour": 1.25}
#: Operators that move the picture itself, so that the source's flow says nothing about them.
MOVED = {"mirror", "stabilise"}


@pytest.mark.parametrize("name", sorted(set(DRAWING) - LAID_OVER - MOVED))
def test_operator_adds_little_to_the_motion(name, pictures, paths):
    """The flow-warped error stays within the operator's bound of the source's own error."""
    result = rendering.render(pictures, name)

    ratio = warped_error(result, paths) / warped_error(pictures, paths) / gain(pictures, result)

    assert ratio <= BOUNDS.get(name, 1.25)


@pytest.mark.parametrize("name", sorted(LAID_OVER - INSEPARABLE))
def test_light_under_the_layer_is_steady(name, pictures, paths):
    """Without its flakes, drops or grain, each of these is a grade like any other."""
    with without_layer(name):
        result = rendering.render(pictures, name)

    raised = 1.0 if name == "rain" else gain(pictures, result)
    assert warped_error(result, paths) <= 1.25 * warped_error(pictures, paths) * raised


@pytest.mark.parametrize("name", sorted(TEXTURED))
def test_picture_under_the_texture_is_steady(name, pictures, paths):
    """Without hatching, dots, bristles or paper, a drawing adds little to the motion."""
    with without_layer(name):
        result = rendering.render(pictures, name)

    assert warped_error(result, paths) <= UNTEXTURED[name] * warped_error(pictures, paths)


def test_the_layer_is_back_afterwards(pictures):
    """The measure leaves no trace: snow rendered after it has its flakes, and rendered within it has none."""
    first = rendering.render(pictures[:1], "snow")
    with without_layer("snow"):
        bare = rendering.render(pictures[:1], "snow")
    second = rendering.render(pictures[:1], "snow")

    assert np.array_equal(first[0].y, second[0].y)
    assert not np.array_equal(first[0].y, bare[0].y)
    with pytest.raises(ValueError, match="vhs has no layer"), without_layer("vhs"):
        pass


@pytest.mark.parametrize(("name", "bound"), [("film_8mm", 5.5), ("vhs", 6.5)])
def test_old_media_are_alive_but_watchable(name, bound, pictures, paths):
    """Film that weaves and tape that trembles are restless by their nature, and bounded all the same."""
    result = rendering.render(pictures, name)

    ratio = warped_error(result, paths) / warped_error(pictures, paths)

    assert 1.2 < ratio <= bound


@pytest.mark.parametrize("name", ["film_8mm", "vhs"])
def test_old_media_do_not_pump(name, pictures):
    """The brightness of the whole picture changes by less than five levels from one frame to the next."""
    levels = [frame.y.mean() for frame in rendering.render(pictures, name)]

    assert max(abs(after - before) for before, after in itertools.pairwise(levels)) < 5


def test_grain_is_alive_but_weak(pictures, paths):
    """Grain is new in every frame, and is not louder than film."""
    result = rendering.render(pictures, "film_grain")

    ratio = warped_error(result, paths) / warped_error(pictures, paths)

    assert 1.2 < ratio <= GRAIN_BOUND


def test_flicker_would_be_seen(pictures, paths):
    """The measure itself: frames that change brightness from one to the next are far outside every bound."""
    flickering = [
        rendering.Picture(
            np.clip(p.y.astype(int) + (6 if p.index % 2 else -6), 16, 235).astype(np.uint8), p.u, p.v, 0, p.time
        )
        for p in pictures
    ]

    assert warped_error(flickering, paths) > 2 * warped_error(pictures, paths)
    assert flicker_ratio(pictures, flickering) > 20


def test_blur_would_be_seen(pictures):
    """The other measures: a picture has all of its own edges and sharpness, a blurred one fewer, a turned one few."""
    last = pictures[-1]
    blurred = rendering.render(pictures, "blur", amount=0.25)[-1]
    turned = rendering.render(pictures, "mirror")[-1]

    assert edge_f1(last, last) == 1
    assert edge_f1(last, turned) < 0.5 < edge_f1(last, blurred) < 0.97
    assert sharpness(blurred) < 0.5 * sharpness(last)
    assert flicker_ratio(pictures, pictures) <= 1
