"""How a process that works on tasks ends when it is told to: the first signal drains it, a second one hands back at
once.

Knows nothing of HTTP and of what the process does beside.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

logger = structlog.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Worker(Protocol):
    """Who works on tasks."""

    def drain(self, seconds: float) -> None:
        """Claim nothing more; return when what ran has ended, or was handed back after so many seconds."""

    def hand_back(self) -> None:
        """Give up what runs at once."""


class Ending:
    """The handler of SIGTERM and SIGINT."""

    def __init__(self, worker: Worker, seconds: float) -> None:
        """seconds: the grace that running edits get."""
        self._worker = worker
        self._seconds = seconds
        self._draining = threading.Thread(target=self._drain, name="refilm-ending")
        self._told = False
        self._over = threading.Event()

    def install(self) -> None:
        """Handle the signals from now on. Only on the main thread."""
        for number in SIGNALS:
            signal.signal(number, self)

    def then(self, stop: Callable[[], object]) -> None:
        """Call `stop` once the worker has drained, on a thread of its own."""

        def wait() -> None:
            self._over.wait()
            stop()

        threading.Thread(target=wait, name="refilm-end", daemon=True).start()

    def __call__(self, *_: object) -> None:
        """A signal came."""
        if self._told:
            threading.Thread(target=self._worker.hand_back, name="refilm-hand-back").start()
            return
        self._told = True
        self._draining.start()

    def _drain(self) -> None:
        logger.info("told to stop: claiming nothing more", grace_seconds=self._seconds)
        try:
            self._worker.drain(self._seconds)
        finally:
            self._over.set()
