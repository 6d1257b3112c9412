"""Even surfaces move as their textured surroundings do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refilm.engines.effects.context import Context
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.surfaces import settled
from refilm.testing.rendering import pan_over
from refilm.testing.stability import find_paths

SIZE = (640, 360)
#: Rows of the picture that show nothing but sky.
SKY = slice(0, 150)
#: How far `pan_over` moves from frame to frame, pixels.
STEP = 1.5


@pytest.fixture(scope="module")
def panned():
    """A camera that pans over trees under a clear sky, with the noise of its sensor."""
    random = np.random.default_rng(2)
    down = np.linspace(0, 1, 360)[:, None, None]
    photograph = np.broadcast_to(255 * np.array([0.35, 0.55, 0.75]) + 40 * down, (360, 700, 3)).copy()
    trees = cv2.GaussianBlur(random.normal(0, 300, (180, 700)), (0, 0), 2.5)
    photograph[180:] = 70 + trees[..., None]
    pictures = pan_over(np.clip(photograph, 0, 255).astype(np.uint8), SIZE, count=4)
    return [
        replace(each, y=np.clip(each.y + random.normal(0, 1.2, each.y.shape), 16, 235).astype(np.uint8))
        for each in pictures
    ]


def test_sky_moves_with_the_trees(panned):
    """In a pan the fine flow of a clear sky is that of the camera, and not that of the noise."""
    context = Context(SIZE, 1)

    for picture in panned:
        context.start(picture)
        flow = context.fine_flow

    apart = np.abs(2 * flow - [STEP, 0]).sum(-1)[: SKY.stop // 2]
    assert apart.mean() < 0.4
    assert apart.max() < 1.5


def test_paths_of_the_measure_follow_the_camera(panned):
    """The paths by which stillness is measured are those of a pan, over its sky as well."""
    columns, rows = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))

    paths = find_paths(panned)

    for path in paths:
        apart = np.abs(path.x - columns - STEP) + np.abs(path.y - rows)
        assert apart[SKY][path.certain[SKY]].mean() < 0.25
        assert path.certain[SKY].mean() > 0.5


def test_texture_keeps_its_own_flow():
    """Where there is texture, the flow stays as it is, also where two things move against each other."""
    random = np.random.default_rng(3)
    luma = np.clip(cv2.GaussianBlur(random.normal(128, 400, (120, 160)), (0, 0), 1.5), 0, 255).astype(np.uint8)
    flow = np.zeros((120, 160, 2), np.float32)
    flow[:, 80:, 0] = 4

    calm = settled(flow, luma)

    assert np.abs(calm - flow).mean() < 0.15
    assert np.abs(calm[:, 100:, 0] - 4).mean() < 0.1


@pytest.mark.parametrize("size", [(1, 2), (9, 16), (90, 160)])
def test_picture_without_texture_has_one_flow(size):
    """Where nothing can be told, everything moves alike: by the mean of what was found; any size is taken."""
    flow = np.random.default_rng(4).normal(2, 0.5, (*size, 2)).astype(np.float32)

    calm = settled(flow, np.full(size, 90, np.uint8))

    assert calm.shape == flow.shape
    assert np.isfinite(calm).all()
    assert calm.std() < 0.6 * flow.std()
