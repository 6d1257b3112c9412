"""A fork server and the children that it makes, as their owner sees them.

The children are not ours by birth, so we cannot wait for them: a descriptor of the process says when one has ended, and
the fork server, which buries it when told, how. Knows nothing of jobs. Linux 5.3 or newer.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

from refilm.errors import EngineCrash
from refilm.runner.spawn import Child, HasFileno, garbled, readable, spawning

#: How long a fork server may take to make a child, or to bury one that has ended.
ANSWER_SECONDS = 60.0


def can_fork() -> bool:
    """Whether this system has what it takes."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")


class ForkServer:
    """One fork server. Safe to use from several threads."""

    def __init__(self, command: Sequence[str], setup: Mapping[str, Any]) -> None:
        """command: speaks as `refilm.runner.forkserver` does.  setup: the kind of its children's jobs.

        It is ready when it says so, to who follows `process`; nothing may be asked of it before.
        """
        self.process = Child(spawning(command), setup)
        self._turn = threading.Lock()

    def fork(self, channel: socket.socket, noise: IO[bytes]) -> Forked:
        """Start a process; see `spawn.Start`. Raises EngineCrash where none can be had."""
        answer, descriptors = self._ask({"fork": True}, [channel, noise])
        if not isinstance(answer.get("pid"), int) or len(descriptors) != 1:
            raise garbled(f"no child: {str(answer)[-2000:]}")
        return Forked(self, answer["pid"], descriptors[0])

    def bury(self, pid: int) -> int | None:
        """The exit status of a child that has ended; None where nobody knows it any more."""
        try:
            status = self._ask({"bury": pid}, [])[0].get("status")
        except EngineCrash:
            return None
        return status if isinstance(status, int) else None

    def is_alive(self) -> bool:
        """Whether children can be had."""
        return self.process.is_alive()

    def close(self) -> None:
        """End it; the kernel ends its children with it. May be called twice."""
        with self._turn:
            self.process.end()

    def _ask(self, order: Mapping[str, Any], files: Sequence[HasFileno]) -> tuple[dict[str, Any], list[int]]:
        with self._turn:
            try:
                return self.process.exchange(order, files, ANSWER_SECONDS)
            except EngineCrash:
                # Its next answer would be the one to this order.
                self.process.kill()
                raise


class Forked:
    """A process that a fork server has made. See `spawn.Process`."""

    def __init__(self, server: ForkServer, pid: int, descriptor: int) -> None:
        """descriptor: of the process; readable once it has ended."""
        self.pid, self.parent = pid, server.process.pid
        self._server, self._descriptor = server, descriptor
        self._status: int | None = None

    def is_alive(self) -> bool:
        """See `spawn.Process`."""
        return self._status is None and not readable(self._descriptor, 0)

    def kill(self) -> None:
        """See `spawn.Process`."""
        if self._status is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            # Without the fork server somebody else may have buried it, and its number be another's.
            if self._server.is_alive():
                os.killpg(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def bury(self) -> int:
        """See `spawn.Process`. Where the fork server is gone, its children were killed with it."""
        if self._status is None:
            readable(self._descriptor, math.inf)
            status = self._server.bury(self.pid)
            self._status = -signal.SIGKILL if status is None else status
            os.close(self._descriptor)
        return self._status
