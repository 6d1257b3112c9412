"""`refilm serve` as a process of its own: started, asked for a key, stopped or killed by its own id.

Talks to it as a stranger would: the command line, the environment, HTTP. Imports nothing of Refilm.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
import psutil
from plain_http import HTTP

REFILM = Path(sys.executable).with_name("refilm")

#: How long a server may take to become ready, in seconds: generous, for cores that are busy with other things.
PATIENCE = 180.0

#: Below what systems give out by themselves; so many for each process of a test run.
PORTS, PORTS_EACH = range(10_000, 32_000), 2_000

#: For servers that are started again and again for what has nothing to do with locks: their children start in a moment.
UNLOCKED = {"REFILM_SANDBOX": "off"}

#: For clients that ask as fast as they can, where that is not what is tried: 0 is no limit.
UNLIMITED = {
    f"REFILM_MAX_{what}": "0"
    for what in (
        "READS_PER_SECOND",
        "WRITES_PER_SECOND",
        "KEYLESS_PER_SECOND",
        "REQUESTS_AT_ONCE",
        "CONNECTIONS_PER_ADDRESS",
    )
}


class ServerProcess:
    """A server on a free port of 127.0.0.1 over the data directory `data`; a context manager."""

    def __init__(
        self, data: Path, settings: Mapping[str, str] | None = None, refilm: Sequence[str | Path] = (REFILM,)
    ) -> None:
        """settings: REFILM_ variables.  refilm: how the command is called, where it is not our own."""
        self.data = data
        self.refilm = list(refilm)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / f"{data.name}-{self.port}.log"
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Self:
        """Start it and wait until /ready says yes. Raises RuntimeError where it runs already."""
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError("the server runs already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(self._settings)
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def command(self) -> list[str | Path]:
        """How the server is started."""
        return [*self.refilm, "serve", "--host", "127.0.0.1", "--port", str(self.port), "--data", self.data]

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if self._running().poll() is not None:
                raise RuntimeError(f"the server ended while starting:\n{self.told()}")
            try:
                if HTTP.get(f"{self.url}/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"the server was not ready after {PATIENCE:.0f} s:\n{self.told()}")

    def stop(self) -> int:
        """Ask it to end (SIGTERM), wait, and return its exit code. Fine to call twice."""
        if self._running().poll() is None:
            self.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return its exit code. Raises RuntimeError, and kills it, where that takes too long."""
        try:
            return self._running().wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server did not end after SIGTERM:\n{self.told()}") from None

    def terminate(self) -> None:
        """Ask it to end (SIGTERM), and return at once."""
        self._running().send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word (SIGKILL): the process itself, not its children."""
        process = self._running()
        process.kill()
        process.wait(30)

    def children(self) -> list[psutil.Process]:
        """The processes that it has started and that live, with theirs."""
        return psutil.Process(self._running().pid).children(recursive=True)

    @property
    def pid(self) -> int:
        """Of the server process."""
        return self._running().pid

    @property
    def resident_bytes(self) -> int:
        """Memory of the server process, without its children."""
        return int(psutil.Process(self._running().pid).memory_info().rss)

    def new_key(self, name: str) -> str:
        """The secret of a new key on this data directory."""
        command = [*self.refilm, "keys", "create", name, "--data", self.data]
        made = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment(self._settings)
        )
        return made.stdout.strip()

    def told(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server was never started")
        return self._process


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Our environment without its own REFILM_ and RUNWAYML_ values, with `settings`.

    No children are kept ready unless the settings say so: for a server of a few tasks they cost more than they save.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(("REFILM_", "RUNWAYML_"))}
    return {**own, "REFILM_SPARES": "0", **settings}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other process of the same test run is given.

    A server that is started again wants its port again. Those that the system gives out at random could be somebody
    else's by then, so these lie below them, in a range for each process of the run.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = [PORTS.start + process * PORTS_EACH + number for number in range(PORTS_EACH)]
    random.shuffle(ports)
    for port in ports:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")
