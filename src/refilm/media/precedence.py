"""Who runs first when an edit's threads want more cores than there are: the one thread that processes.

Everything waits for that thread, while decoders and encoders have frames in store. Threads inherit how far their maker
has stepped back, and may not step forward again without privileges: so the thread that processes is begun first. Where
the system knows no priorities of threads (all but Linux) nothing is done. Knows nothing of frames.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

#: How much nicer those are that step back. Five leave them a third of what the first one gets.
STEP = 5


@contextmanager
def first_thread(name: str) -> Iterator[ThreadPoolExecutor]:
    """A thread that has begun, and waits for the one thing it is to run. Leaving waits for its end."""
    with ThreadPoolExecutor(1, name) as executor:
        executor.submit(_usual).result()
        yield executor


@contextmanager
def stepped_back() -> Iterator[None]:
    """Let the calling thread, and those that it begins meanwhile, run behind the others of this process.

    Where it may not step forward again it stays there, and steps back no further the next time.
    """
    if sys.platform != "linux":
        yield
        return
    before = os.getpriority(os.PRIO_PROCESS, 0)
    _step_to(min(19, _usual() + STEP))
    try:
        yield
    finally:
        _step_to(before)


@cache
def _usual() -> int:
    """How nice threads of this process are that nobody asked to step back."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def _step_to(niceness: int) -> None:
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
