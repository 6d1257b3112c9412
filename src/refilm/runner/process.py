"""The parent's side of one child process: start it, hand over open files, follow it, stop it.

Only a `done` line and a clean exit count as success. Knows nothing of tasks; blocking, for worker threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest
from refilm.engines.base import Outcome
from refilm.errors import (
    BadOutput,
    Cancelled,
    EditFailure,
    EngineCrash,
    InvalidAsset,
    RefilmError,
    StorageFull,
    TooExpensive,
    UnsupportedEdit,
)

#: Environment of the child: one thread for every numeric library, because the encoder wants the cores; and memory that
#: was given back stays with the child for its next frame, or the system clears the same pages again for every frame.
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}
#: What the child may know of ours: where compiled kernels are cached.
INHERITED = ("HOME", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")

COMMAND = (sys.executable, "-I", "-m", "refilm.runner.child")
TICK_SECONDS = 0.5
#: How long a child that hung up may take to end by itself.
LAST_SECONDS = 5.0
PROBE_SECONDS = 30.0
ERRORS: dict[str, type[RefilmError]] = {
    error.__name__: error for error in (InvalidAsset, BadOutput, TooExpensive, EngineCrash, EditFailure, StorageFull)
}

#: Called about twice a second with the fraction done, 0..1. Answers whether to go on.
OnTick = Callable[[float], bool]


def go_on(_fraction: float) -> bool:
    """The tick of somebody who never cancels."""
    return True


@dataclass(frozen=True)
class Limits:
    """What a child may use. nice: how far it steps back so that the server beside it stays quick."""

    file_bytes: int = 8 << 30
    nice: int = 5


class Runner:
    """Runs edits and probes, each in a child process of its own."""

    def __init__(self, limits: Limits | None = None, *, command: Sequence[str] = COMMAND) -> None:
        """command: what to start as the child; it speaks as `refilm.runner.child` does."""
        self._limits = limits or Limits()
        self._command = tuple(command)

    def probe(self, source: BinaryIO, *, on_tick: OnTick = go_on) -> dict[str, Any]:
        """What a file is: {"kind": "video"|"image", "facts": {...}}. Raises InvalidAsset, or Cancelled by `on_tick`."""
        return self._run({"work": "probe"}, [source], seconds=PROBE_SECONDS, on_tick=on_tick)

    def probe_clip(self, source: BinaryIO, *, on_tick: OnTick = go_on) -> ClipInfo:
        """The facts of a clip. Raises InvalidAsset, also for a picture."""
        found = self.probe(source, on_tick=on_tick)
        if found["kind"] != "video":
            raise InvalidAsset("The input is a picture; a clip is needed.")
        return ClipInfo.from_json(found["facts"])

    def edit(
        self,
        engine: str,
        request: EditRequest,
        info: ClipInfo,
        files: list[BinaryIO],
        *,
        options: Mapping[str, Any],
        seconds: float,
        on_tick: OnTick,
    ) -> Outcome:
        """Run one edit.

        files: the clip, the references, the keyframes, then the output, all with descriptors.
        Raises EditFailure, StorageFull, or Cancelled where `on_tick` answered no.
        """
        job = {
            "work": "edit",
            "engine": engine,
            "request": request.to_json(),
            "info": info.to_json(),
            "options": dict(options),
        }
        done = self._run(job, files, seconds=seconds, on_tick=on_tick)
        return Outcome(done["applied"], done["frames"])

    def _run(self, job: Mapping[str, Any], files: list[BinaryIO], *, seconds: float, on_tick: OnTick) -> dict[str, Any]:
        job = {**job, "file_bytes": self._limits.file_bytes, "nice": self._limits.nice}
        with tempfile.TemporaryFile() as noise, Child(self._command, noise) as child:
            child.send(job, files)
            last: dict[str, Any] = {}
            for message in child.follow(seconds, on_tick):
                last = message
            status = child.wait()
            if status == 0 and "done" in last:
                done: dict[str, Any] = last["done"]
                return done
            raise failure_from(last, status, tail_of(noise))


class Child:
    """One child process and our end of its socket. Leaving the context ends it, whatever happened."""

    def __init__(self, command: Sequence[str], noise: IO[bytes]) -> None:
        """noise: where its standard error goes."""
        self._socket, theirs = socket.socketpair()
        environment = ENVIRONMENT | {name: os.environ[name] for name in INHERITED if name in os.environ}
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=noise,
                cwd="/",
                env=environment,
                close_fds=True,
                start_new_session=True,
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.wait()
        self._socket.close()

    def send(self, job: Mapping[str, Any], files: list[BinaryIO]) -> None:
        """Hand over the job and its files. A child that is already gone is noticed by `follow`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._socket, [json.dumps(job).encode() + b"\n"], [file.fileno() for file in files])

    def follow(self, seconds: float, on_tick: OnTick) -> Iterator[dict[str, Any]]:
        """The child's messages until it hangs up, with a tick about twice a second.

        Raises Cancelled or TooExpensive; the child ends with the context.
        """
        deadline = time.monotonic() + seconds
        next_tick = 0.0
        fraction = 0.0
        pending = b""
        while True:
            if select.select([self._socket], [], [], TICK_SECONDS)[0]:
                try:
                    data = self._socket.recv(65536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    fraction = message.get("progress", fraction)
                    yield message
            now = time.monotonic()
            if now > deadline:
                raise TooExpensive(
                    f"The work took longer than the {seconds:.0f} s it may take; send a shorter or smaller clip."
                )
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                if not on_tick(fraction):
                    raise Cancelled("The task was cancelled.")

    def wait(self) -> int:
        """The exit status of a child that hung up; it gets a moment to go by itself."""
        deadline = time.monotonic() + LAST_SECONDS
        while not self._ended() and time.monotonic() < deadline:
            time.sleep(0.005)
        self.kill()
        return self._process.wait()

    def _ended(self) -> bool:
        """Whether the child is dead. It stays unburied, so that its group's number is still its own."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def kill(self) -> None:
        """End the child and whatever it started, also where the child itself is dead but not yet waited for."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def tail_of(noise: IO[bytes]) -> str:
    """The end of what a child wrote to standard error."""
    size = noise.seek(0, os.SEEK_END)
    noise.seek(max(0, size - 2000))
    return noise.read().decode("utf-8", "replace").strip()


def failure_from(message: Mapping[str, Any], status: int, noise: str) -> RefilmError:
    """The error that a child reported, or what its end means where it could not report."""
    name = message.get("error")
    if name == UnsupportedEdit.__name__:
        return UnsupportedEdit(
            message["message"],
            refused=[(clause, reason) for clause, reason in message["refused"]],
            possible=message["possible"],
        )
    if name in ERRORS:
        return ERRORS[name](message["message"])
    crash = EngineCrash("The process that worked on it ended unexpectedly.")
    crash.add_note(f"exit status {status}; {message.get('trace') or noise or 'no words'}")
    return crash
