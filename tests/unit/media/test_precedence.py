"""Who runs first among the threads of an edit."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refilm.media.frame import Frame
from refilm.media.precedence import STEP, _usual, first_thread, stepped_back
from refilm.media.stream import edit_frames

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")


def niceness() -> int:
    """Of the calling thread."""
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    """What is usual is found out by the first thread that asks: here it is this one."""
    _usual.cache_clear()
    yield
    _usual.cache_clear()


def test_who_is_begun_before_runs_first():
    """Threads that are begun while their maker has stepped back are as nice as it is; the one begun before is not."""
    usual = niceness()
    behind: list[int] = []
    with first_thread("first") as first, stepped_back():
        thread = threading.Thread(target=lambda: behind.append(niceness()))
        thread.start()
        thread.join()
        behind.append(niceness())
        ahead = first.submit(niceness).result()

    assert ahead == usual
    assert behind == [min(19, usual + STEP)] * 2


def test_nobody_steps_back_twice():
    """Inside another step back there is none, so that many edits in one process do not add up."""
    with stepped_back():
        once = niceness()
        with stepped_back():
            assert niceness() == once
        assert niceness() == once


def test_an_edit_processes_first(make_clip: Callable[..., Path], tmp_path: Path):
    """The thread that changes frames is less nice than the one that decodes and encodes around it."""
    seen: set[int] = set()

    def process(before: Frame, after: Frame) -> None:
        seen.add(niceness())
        after.y[...] = before.y
        after.u[...] = before.u
        after.v[...] = before.v

    encoding: set[int] = set()
    source, output = make_clip(seconds=0.4), tmp_path / "out.mp4"
    with source.open("rb") as a, output.open("w+b") as b:
        edit_frames(a, b, process, on_frame=lambda _: encoding.add(niceness()))

    assert max(seen) < min(encoding)
