"""Real frames in memory, and a short way to run operators on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from refilm.engines.effects.operator import Setting
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer
from refilm.testing.rendering import Picture, read_pictures


@pytest.fixture(scope="session")
def padded() -> Callable[[Picture, int], Picture]:
    """padded(picture, more): the same picture with `more` foreign bytes after each row, as codecs lay frames out."""

    def widen(plane: NDArray[np.uint8], more: int) -> NDArray[np.uint8]:
        wide = np.full((plane.shape[0], plane.shape[1] + more), 99, np.uint8)
        wide[:, : plane.shape[1]] = plane
        return wide[:, : plane.shape[1]]

    def pad(picture: Picture, more: int) -> Picture:
        planes = (widen(plane, more) for plane in (picture.y, picture.u, picture.v))
        return Picture(*planes, picture.index, picture.time)

    return pad


@pytest.fixture(scope="session")
def real_frames(bunny: Path) -> Callable[..., list[Picture]]:
    """real_frames((width, height), count, first=60): frames of Big Buck Bunny at that size."""

    def load(size: tuple[int, int], count: int, first: int = 60) -> list[Picture]:
        return read_pictures(bunny, size, first=first, count=count)

    return load


@pytest.fixture(scope="session")
def red_picture() -> NDArray[np.uint8]:
    """A reference picture: a sunset of reds, (h, w, 3) RGB."""
    down, across = np.mgrid[0:90, 0:160]
    return np.stack([120 + down, 40 + across // 3, 30 + down // 3], -1).astype(np.uint8)


@pytest.fixture(scope="session")
def run(red_picture: NDArray[np.uint8]) -> Callable[..., list[Buffer]]:
    """run(frames, {"sepia": {}, ...}, seed=1): the frames after these operators, in this order."""

    def run_operators(
        frames: Sequence[Picture], steps: Mapping[str, Mapping[str, Any]], *, seed: int = 1, matrix: str = "709"
    ) -> list[Buffer]:
        from refilm.engines.effects.executor import Executor

        size = frames[0].size
        colours = np.random.default_rng(5).uniform(0.1, 0.9, (2000, 3)) * (0.6, 0.9, 0.7)
        setting = Setting(size, matrix, seed=seed, references=(red_picture,), samples=lambda: colours)
        plan = Plan(tuple(Step(name, dict(parameters)) for name, parameters in steps.items()))
        executor = Executor(plan, setting)
        results = []
        for frame in frames:
            after = Buffer.empty(size)
            executor.process(frame, after)
            results.append(after)
        return results

    return run_operators
