"""One child process as its parent sees it: hand over the job and open files, follow it, stop it.

Whatever a child says is what a stranger's clip may have made it say: it is read with care, and bounded. Knows nothing
of edits; blocking, for worker threads.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import IO, Any, BinaryIO, Protocol

from refilm.errors import Cancelled, EngineCrash, TooExpensive

#: Environment of the child: one thread for every numeric library, because the encoder wants the cores, and because a
#: thread that is older than the lock would not be bound by it.
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

TICK_SECONDS = 0.5
#: How long a child that hung up may take to end by itself.
LAST_SECONDS = 5.0
#: The longest thing that a child may have to say: what it applied, for a prompt of any length.
MAX_MESSAGE_BYTES = 4_000_000

#: Called about twice a second with the fraction done, 0..1. Answers whether to go on.
OnTick = Callable[[float], bool]


def go_on(_fraction: float) -> bool:
    """The tick of somebody who never cancels."""
    return True


class HasFileno(Protocol):
    """Whatever has a descriptor."""

    def fileno(self) -> int:
        """The number of the descriptor."""
        ...


class Process(Protocol):
    """A process, with whatever it has started, as one who may end it sees it.

    pid: its own and its group's number.  parent: the number of the process that it is a child of.
    """

    pid: int
    parent: int

    def is_alive(self) -> bool:
        """Whether it runs. A dead one stays unburied until `bury`, so that its number is still its own."""
        ...

    def kill(self) -> None:
        """End it and whatever it started, also where it is dead itself."""
        ...

    def bury(self) -> int:
        """Wait for its end; its exit status, or the negative number of the signal that ended it."""
        ...


#: Starts a process that has the socket for its parent, and the file for what it would write to standard error.
Start = Callable[[socket.socket, IO[bytes]], Process]


class Child:
    """One child process and our end of its socket. Leaving the context ends it, whatever happened."""

    def __init__(self, start: Start, setup: Mapping[str, Any]) -> None:
        """start: makes the process; it speaks as `refilm.runner.child` does.  setup: what it is told at once."""
        self._pending = b""
        with ExitStack() as undo:
            self._noise: IO[bytes] = undo.enter_context(tempfile.TemporaryFile())
            self._socket, theirs = socket.socketpair()
            undo.enter_context(self._socket)
            with theirs:
                self._process = start(theirs, self._noise)
            undo.pop_all()  # `end` closes them from now on
        self.send({**setup, "parent": self._process.parent}, [])

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def end(self) -> None:
        """Kill the child and let go of all that belonged to it. May be called twice."""
        self.kill()
        self._process.bury()
        self._socket.close()
        self._noise.close()

    def send(self, message: Mapping[str, Any], files: Sequence[BinaryIO]) -> None:
        """Hand over a message and open files. A child that is already gone is noticed by `follow`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], [file.fileno() for file in files])

    def follow(self, seconds: float, on_tick: OnTick, *, idle: float = math.inf) -> Iterator[dict[str, Any]]:
        """The child's messages until it hangs up, with a tick about twice a second.

        Raises Cancelled; TooExpensive after `seconds`, and after `idle` seconds without a word; EngineCrash where the
        child speaks another language. The child ends with the context.
        """
        started = heard = time.monotonic()
        next_tick = 0.0
        fraction = 0.0
        while True:
            if readable(self._socket.fileno(), TICK_SECONDS):
                lines = self._receive()
                if lines is None:
                    return
                for line in lines:
                    message = read_message(line)
                    fraction = fraction_of(message, fraction)
                    heard = time.monotonic()
                    yield message
            now = time.monotonic()
            check_time(now - started, seconds, now - heard, idle)
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                if not on_tick(fraction):
                    raise Cancelled("The task was cancelled.")

    def _receive(self) -> list[bytes] | None:
        """The lines that are complete by now; None once the child has hung up."""
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > MAX_MESSAGE_BYTES:
            raise garbled("a message without an end")
        return lines if data else None

    def wait(self) -> int:
        """The exit status of a child that hung up; it gets a moment to go by itself."""
        deadline = time.monotonic() + LAST_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        self.kill()
        return self._process.bury()

    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End the child and whatever it started, also where the child itself is dead but not yet waited for."""
        self._process.kill()

    def exchange(
        self, message: Mapping[str, Any], files: Sequence[HasFileno], seconds: float
    ) -> tuple[dict[str, Any], list[int]]:
        """Hand over a message and open files; what it answers, with the descriptors that come with that.

        Not for children that something else is expected of. Raises EngineCrash where no answer comes in time.
        """
        try:
            socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], [file.fileno() for file in files])
            if not readable(self._socket.fileno(), seconds):
                raise garbled("no answer")
            data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 1)
        except OSError as error:
            raise garbled(f"no answer: {error}") from error
        return read_message(data), descriptors

    def last_words(self) -> str:
        """The end of what the child wrote to standard error."""
        size = self._noise.seek(0, os.SEEK_END)
        self._noise.seek(max(0, size - 2000))
        return self._noise.read().decode("utf-8", "replace").strip()


class Spawned:
    """A process that was started by a command. It dies with the thread that started it, if it asks for that."""

    def __init__(self, command: Sequence[str], channel: socket.socket, noise: IO[bytes]) -> None:
        """It has the channel as standard input and writes its noise, and inherits nothing else of ours."""
        environment = ENVIRONMENT | {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._process = subprocess.Popen(
            command,
            stdin=channel.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=noise,
            cwd="/",
            env=environment,
            close_fds=True,
            start_new_session=True,
        )
        self.pid, self.parent = self._process.pid, os.getpid()

    def is_alive(self) -> bool:
        """See `Process`."""
        if self._process.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # another thread is about to bury it
            return False

    def kill(self) -> None:
        """See `Process`."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> int:
        """See `Process`."""
        return self._process.wait()


def spawning(command: Sequence[str]) -> Start:
    """Starts processes by this command."""
    return partial(Spawned, command)


def readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read within that time. For descriptors of any number, unlike select(2)."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds == math.inf else 1000 * seconds))


def check_time(passed: float, seconds: float, silent: float, idle: float) -> None:
    """Raise TooExpensive where a child took too long, or said nothing for too long."""
    if passed > seconds:
        raise TooExpensive(
            f"The work took longer than the {seconds:.0f} s it may take; send a shorter or smaller clip."
        )
    if silent > idle:
        raise TooExpensive(f"The work came to a standstill: nothing was heard of it for {idle:.0f} s.")


def read_message(line: bytes) -> dict[str, Any]:
    """What a child said. Raises EngineCrash where it is no JSON object."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise garbled("no JSON") from error
    if not isinstance(message, dict):
        raise garbled("no JSON object")
    return message


def fraction_of(message: Mapping[str, Any], before: float) -> float:
    """How far the child says that it is, 0..1; `before` where it does not say, or says nonsense."""
    told = message.get("progress")
    return float(told) if isinstance(told, int | float) and 0 <= told <= 1 else before


def garbled(what: str) -> EngineCrash:
    """The error of a child that does not speak as children do."""
    crash = EngineCrash("The process that worked on it ended unexpectedly.")
    crash.add_note(f"it sent {what}")
    return crash
