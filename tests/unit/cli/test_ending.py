"""What signals do to a process that works on tasks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from refilm.cli.ending import SIGNALS, Ending

PATIENCE = 30


class Working:
    """A worker whose work ends when it is handed back, and not before."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.draining, self.given_up = threading.Event(), threading.Event()

    def drain(self, seconds: float) -> None:
        """Wait for the work."""
        self.heard.append(seconds)
        self.draining.set()
        assert self.given_up.wait(PATIENCE)

    def hand_back(self) -> None:
        """Give the work up."""
        self.heard.append("handed back")
        self.given_up.set()


@pytest.fixture
def working() -> Iterator[Working]:
    """A worker; the signal handlers of the test run come back at its end."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield Working()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_signal_drains_and_a_second_one_hands_back(working: Working, number: int):
    """The first gives what runs its grace, the second none; then whoever waits for the end is told, once."""
    ended = threading.Semaphore(0)
    ending = Ending(working, 20.0)
    ending.install()
    ending.then(ended.release)

    os.kill(os.getpid(), number)
    assert working.draining.wait(PATIENCE)
    early = ended.acquire(blocking=False)
    os.kill(os.getpid(), number)

    assert ended.acquire(timeout=PATIENCE)
    assert not early
    assert working.heard == [20.0, "handed back"]


def test_who_asks_late_is_told_at_once(working: Working):
    """A signal that comes while the process is still starting is not lost."""
    ended = threading.Event()
    ending = Ending(working, 0.0)
    working.given_up.set()
    ending()
    assert working.draining.wait(PATIENCE)

    ending.then(ended.set)

    assert ended.wait(PATIENCE)
