"""R7 in short: every spelling and control at every door, and fewer names that flip."""

from __future__ import annotations

from pathlib import Path

import r07_ssrf


def test_no_spelling_and_no_flip_reaches_what_is_inside(tmp_path: Path):
    """All are refused at the door where they stand, nothing is dialled for them, and what is public still passes."""
    wrong, told = r07_ssrf.run(tmp_path, flips=40, seed=7, step=0.0)

    assert wrong == []
    assert "40 of 40 flips not followed" in told
