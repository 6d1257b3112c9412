"""How a queue begins: what a failed start leaves, and whose log it writes to."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from refilm.errors import Unavailable
from refilm.queue import Queue
from refilm.store.sqlite import shared_engine


def run_and_close(folder: Path) -> None:
    """Let a queue without pools begin and end."""
    queue = Queue(shared_engine(folder / "refilm.sqlite"), executor_id="test", pools={})
    queue.run(lambda task_id, step: None)
    queue.close()


def test_a_queue_that_cannot_begin_leaves_room_for_the_next(tmp_path: Path) -> None:
    """Where the database cannot be opened the queue says so, and another one can run in the same process."""
    with pytest.raises(Unavailable, match="database"):
        run_and_close(tmp_path / "missing")

    run_and_close(tmp_path)


def test_the_durable_engine_logs_as_everybody_does(tmp_path: Path) -> None:
    """It keeps no stream of its own, which could be closed by then, and would pass by our one formatter."""
    told = logging.getLogger("dbos")
    told.handlers[:] = [logging.StreamHandler(gone := io.StringIO())]
    gone.close()

    run_and_close(tmp_path)

    assert told.propagate
    assert [type(handler) for handler in told.handlers] == [logging.NullHandler]
