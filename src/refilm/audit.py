"""The audit log: who did what to which task, key or account, when, with what outcome. One JSON object on each line.

Lines are appended and never changed; rotation is the operator's (a file that was moved away is begun anew). Holds ids,
words and numbers, and nothing of what tasks are about: no prompts, URLs, file names, names of people or secrets.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

logger = logging.getLogger(__name__)

#: What a line may say beyond its own words.
Detail = str | int | None


class Audit(Protocol):
    """Where it is noted who does what."""

    def note(self, event: str, outcome: str, **details: Detail) -> None:
        """event: "task.create", "key.revoke", ...  outcome: "ok", or the kind of error.

        details: account, key and address of who did it, `target`, and numbers; what is None is left out.
        """


class NoAudit:
    """Notes nothing."""

    def note(self, event: str, outcome: str, **details: Detail) -> None:
        """Forget it."""


class AuditLog:
    """Appends to one file. Several processes of a machine may share it: each line is one write. Safe in threads."""

    def __init__(self, file: Path, now: Callable[[], datetime]) -> None:
        """file: made at the first line, readable by its owner alone."""
        self._file = file
        self._now = now
        self._descriptor: int | None = None
        self._lock = threading.Lock()
        self._is_losing = False

    def note(self, event: str, outcome: str, **details: Detail) -> None:
        """Append a line.

        Where it cannot be written, that is logged, and the request goes on: a full disk must not stop deletes.
        """
        said = {"at": self._now().isoformat(timespec="milliseconds"), "event": event, "outcome": outcome, **details}
        line = json.dumps({name: value for name, value in said.items() if value is not None}) + "\n"
        try:
            self._append(line.encode())
            self._is_losing = False
        except OSError as error:
            if not self._is_losing:
                logger.error("audit lines are being lost: %s cannot be written: %s", self._file, error.strerror)
            self._is_losing = True

    def _append(self, line: bytes) -> None:
        with self._lock:
            if self._descriptor is None or not _is_still(self._descriptor, self._file):
                self._let_go()
                self._descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.write(self._descriptor, line)

    def close(self) -> None:
        """Let go of the file; a later line opens it again."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_still(descriptor: int, file: Path) -> bool:
    """Whether the open file is the one that has the name: rotation moves it away."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except OSError:
        return False
