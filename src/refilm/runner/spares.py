"""Children that were started, warmed and locked before anybody needs one, so that no task waits for that.

Each does one job and is gone; another is made in its place, one at a time, by a thread of its own. That thread lives as
long as the spares do, because the kernel ends a child with the thread that started it. Knows nothing of jobs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from refilm.domain.redaction import said
from refilm.errors import Cancelled, RefilmError
from refilm.runner.spawn import Child, OnTick

logger = logging.getLogger(__name__)

#: How often it is looked whether a spare has died.
LOOK_SECONDS = 2.0
#: How long to wait after a spare that could not be made, at first and at most.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0

#: Starts a child for jobs of one engine, None for probes, and waits until it is ready. Raises RefilmError or OSError.
Start = Callable[[str | None, OnTick], Child]


class Spares:
    """The waiting children, by engine; None are those for probes. Safe to use from several threads."""

    def __init__(self, start: Start, wanted: Mapping[str | None, int]) -> None:
        """wanted: how many to keep of each kind."""
        self._start_child, self._wanted = start, dict(wanted)
        self._waiting: dict[str | None, list[Child]] = {kind: [] for kind in wanted}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to make what is wanted. May be called twice."""
        if self._thread is None and any(self._wanted.values()):
            self._thread = threading.Thread(target=self._keep, name="refilm-spares", daemon=True)
            self._thread.start()

    def take(self, kind: str | None) -> Child | None:
        """A child that waits for a job, the caller's from now on; None where there is none just now."""
        with self._changed:
            self._bury()
            waiting = self._waiting.get(kind)
            self._changed.notify_all()
            return waiting.pop(0) if waiting else None

    def counts(self) -> dict[str | None, int]:
        """How many wait of each kind."""
        with self._changed:
            self._bury()
            return {kind: len(waiting) for kind, waiting in self._waiting.items()}

    def close(self) -> None:
        """End all that wait, and make no more. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        for waiting in self._waiting.values():
            while waiting:
                waiting.pop().end()

    def _keep(self) -> None:
        """Make what is missing, until closed."""
        pause = PAUSE_SECONDS
        while True:
            with self._changed:
                kind = self._next()
            if self._closed:
                return
            try:
                child = self._start_child(kind, lambda _: not self._closed)
            except Cancelled:
                return
            except (RefilmError, OSError) as error:
                notes = getattr(error, "__notes__", "")
                logger.warning("no child process could be made ready: %s %s", said(error), notes)
                self._rest(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause = PAUSE_SECONDS
            with self._changed:
                self._waiting[kind].append(child)

    def _next(self) -> str | None:
        """The kind that lacks a spare; waits until one does. Call it with the lock; anything where closed."""
        while not self._closed:
            self._bury()
            for kind, wanted in self._wanted.items():
                if len(self._waiting[kind]) < wanted:
                    return kind
            self._changed.wait(LOOK_SECONDS)
        return None

    def _bury(self) -> None:
        """Forget spares that have died. Call it with the lock."""
        for waiting in self._waiting.values():
            for dead in [child for child in waiting if not child.is_alive()]:
                logger.warning("a waiting child process died")
                waiting.remove(dead)
                dead.end()

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)
