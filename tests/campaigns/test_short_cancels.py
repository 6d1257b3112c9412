"""R20 in short: tasks that are deleted at random moments. R6 in short is `acceptance/test_lost_answers.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
import r20_cancels


@pytest.mark.slow
def test_a_deleted_task_is_gone_whatever_it_did(tmp_path: Path):
    """Its id is unknown at once, its work stops, it leaves no file, and a cancelled one costs nothing."""
    verdict, told = r20_cancels.run(r20_cancels.Wishes("sqlite", 10, 3, tmp_path))

    assert verdict.passed(), verdict.details()
    assert verdict.accepted == 10
    assert verdict.ends.get("CANCELLED", 0) > 0, told
