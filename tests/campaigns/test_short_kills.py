"""R1 in short: servers and workers are killed again and again while clients create tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
import r01_kill

#: Without real edits, which the short version leaves to other tests.
PROMPTS = (("copy", 92), ("wait 0.3 s, copy", 4), ("fail", 3), ("crash", 1))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("database", "creates", "kills"), [("sqlite", 300, 20), ("postgres", 60, 6)])
def test_nothing_is_lost_or_done_twice_by_kills(database: str, creates: int, kills: int, tmp_path: Path):
    """Every answered create ends once, with one output or none, and no file is left that no row names."""
    wishes = r01_kill.Wishes(database, creates, kills, 7, tmp_path, pauses=(0.2, 1.5), prompts=PROMPTS, workers=5)

    verdict, told = r01_kill.run(wishes)

    assert verdict.passed(), (told, verdict.details())
    assert verdict.accepted == creates
    assert verdict.ends.get("SUCCEEDED", 0) > creates // 2
