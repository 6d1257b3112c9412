"""What the media tests need beyond clips made to order."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def hevc() -> Path:
    """H.265 in MP4: the first second of `refilm.testing.moving_picture`, 320x180, 25 fps, as libx265 encoded it.

    Recorded, because the wheels' libx265 works on memory that it never wrote (valgrind shows it): not to be run in the
    process that runs every other test.
    """
    return Path(__file__).with_name("hevc.m4v")
