"""`refilm worker` as a process of its own, which can be paused and continued. Imports nothing of Refilm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from server_process import PATIENCE, ServerProcess


class WorkerProcess(ServerProcess):
    """A worker of the pool "cpu" with a data directory of its own; a context manager."""

    _paused: Sequence[psutil.Process] = ()

    def command(self) -> list[str | Path]:
        """How the worker is started."""
        return [*self.refilm, "worker", "--pool", "cpu", "--data", self.data]

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while "Refilm works for the pool cpu" not in self.told():
            if self._running().poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the worker did not start:\n{self.told()}")
            time.sleep(0.05)

    def pause(self) -> None:
        """Stop it and its children (SIGSTOP) until `go_on`."""
        self._paused = [psutil.Process(self._running().pid), *self.children()]
        for process in self._paused:
            process.suspend()

    def go_on(self) -> None:
        """Let what was paused continue."""
        for process in self._paused:
            if process.is_running():
                process.resume()
        self._paused = []

    def terminate(self) -> None:
        """Ask it to end, paused or not, and return at once."""
        super().terminate()
        self.go_on()
