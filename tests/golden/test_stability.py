"""Every operator holds still in time: what it adds to the motion of the source is bounded."""

from __future__ import annotations

import itertools

import golden_rendering as rendering
import numpy as np
import pytest

from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operators import OPERATORS

#: The flow-warped error of the result may be this many times the source's own. A grade that raises contrast raises the
#: error with it, which is no flicker: it is divided by the gain in luma deviation first.
BOUNDS = {"cartoon": 1.25, "watercolour": 1.6, "night": 1.25, "vignette": 1.25}
#: Crisper detail is crisper unrest: the source's own noise and compression are sharpened with it.
BOUNDS |= {"sharpen": 1.7}
#: Ink and dots are hard; poses are held for two frames; large pixels stand still while things move behind them.
BOUNDS |= {"comic": 2.5, "oil": 2.5, "claymation": 2.0, "pixel_art": 2.0}
#: Particles and grain move against the picture by their nature. Snow is measured by its light alone, grain by itself.
GRAIN_BOUND = 6.0


@pytest.fixture(scope="module")
def pictures(bunny):
    return rendering.load(bunny)


@pytest.fixture(scope="module")
def paths(pictures):
    """For each pair of frames: where each pixel was (two maps), and where that is certain."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    finder.setFinestScale(1)
    width, height = rendering.SIZE
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    found = []
    for before, after in itertools.pairwise(pictures):
        back, forth = finder.calc(after.y, before.y, None), finder.calc(before.y, after.y, None)
        x, y = columns + back[..., 0], rows + back[..., 1]
        there = np.dstack([cv2.remap(forth[..., k], x, y, cv2.INTER_LINEAR) for k in (0, 1)])
        inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
        found.append((x, y, (np.abs(there + back).sum(-1) < 1.0) & inside))
    return found


def warped_error(frames, paths):
    """Mean absolute luma difference between each frame and its predecessor moved along the source's flow."""
    errors = []
    for (before, after), (x, y, certain) in zip(itertools.pairwise(frames), paths, strict=True):
        moved = cv2.remap(before.y.astype(np.float32), x, y, cv2.INTER_LINEAR)
        errors.append(np.abs(after.y - moved)[certain].mean())
    return float(np.mean(errors))


def gain(source, result):
    """How much more the result's luma varies over the picture than the source's; at least 1."""
    return max(1.0, float(result[-1].y.std() / source[-1].y.std()))


#: Operators whose particles or grain are measured apart from their light.
LAID_OVER = {"snow", "winter", "rain", "film_grain", "noir", "film_8mm", "vhs"}
#: Hatching, dots and bristles are fine, strong textures: a tenth of a pixel between our flow and the one of this
#: measure is seen in them. They are bounded as a whole here, and what lies under them by its own test.
TEXTURED = {"pencil": 3.9}
#: Operators that move the picture itself, so that the source's flow says nothing about them.
MOVED = {"mirror"}


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - LAID_OVER - MOVED))
def test_operator_adds_little_to_the_motion(name, pictures, paths):
    """The flow-warped error stays within the operator's bound of the source's own error."""
    result = rendering.render(pictures, name)

    ratio = warped_error(result, paths) / warped_error(pictures, paths) / gain(pictures, result)

    assert ratio <= (BOUNDS | TEXTURED).get(name, 1.25)


@pytest.mark.parametrize("name", ["snow", "winter"])
def test_light_of_snow_is_steady(name, pictures, paths, monkeypatch):
    """Without its flakes, snow is a grade like any other."""
    from refilm.engines.effects.planes import copy
    from refilm.engines.effects.snowfall import Snowfall

    monkeypatch.setattr(Snowfall, "apply", lambda self, context, before, after: copy(before, after))

    result = rendering.render(pictures, name)

    assert warped_error(result, paths) <= 1.25 * warped_error(pictures, paths) * gain(pictures, result)


def test_light_of_rain_is_steady(pictures, paths, monkeypatch):
    """Without its drops, rain is dim light and haze that follow the picture."""
    from refilm.engines.effects.rainfall import Rainfall

    monkeypatch.setattr(Rainfall, "apply", lambda self, context, after: None)

    result = rendering.render(pictures, "rain")

    assert warped_error(result, paths) <= 1.25 * warped_error(pictures, paths)


def test_light_of_noir_is_steady(pictures, paths, monkeypatch):
    """Without its grain, noir is a grade like any other."""
    from refilm.engines.effects.finish import Grain
    from refilm.engines.effects.planes import copy

    monkeypatch.setattr(Grain, "apply", lambda self, index, before, after: copy(before, after))

    result = rendering.render(pictures, "noir")

    assert warped_error(result, paths) <= 1.25 * warped_error(pictures, paths) * gain(pictures, result)


def test_lines_under_the_hatching_are_steady(pictures, paths, monkeypatch):
    """Without hatching and tooth, a pencil drawing adds little to the motion."""
    from refilm.engines.effects import pencil

    plain = np.full(pencil.TILE * pencil.TILE, 0x808080, np.uint32)
    monkeypatch.setattr(pencil, "_layer_table", lambda scale, strength: np.zeros(15, np.int32))
    monkeypatch.setattr(pencil, "_tile", lambda seed: plain)

    result = rendering.render(pictures, "pencil")

    assert warped_error(result, paths) <= 1.6 * warped_error(pictures, paths)


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
