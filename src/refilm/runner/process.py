"""Edits and probes, each in a child process: the parent's side.

Only a `done` line and a clean exit count as success. Knows nothing of tasks; blocking, for worker threads.
"""

from __future__ import annotations

import logging
import math
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest
from refilm.engines.base import Outcome
from refilm.errors import (
    BadOutput,
    EditFailure,
    EngineCrash,
    InvalidAsset,
    RefilmError,
    StorageFull,
    TooExpensive,
    Unavailable,
    UnsupportedEdit,
)
from refilm.runner.forks import ForkServer, can_fork
from refilm.runner.lockdown import Controls, Sandbox, usual_sandbox
from refilm.runner.seccomp import LEAST_NICE
from refilm.runner.spares import Spares
from refilm.runner.spawn import Child, OnTick, garbled, go_on, spawning

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-I", "-m", "refilm.runner.child")
FORKSERVER = (sys.executable, "-I", "-m", "refilm.runner.forkserver")
PROBE_SECONDS = 30.0
#: How long a child may take to load everything: 2 s, but ten times that where no kernel was ever compiled, and several
#: times that again on a machine that has other things to do.
START_SECONDS = 180.0
ERRORS: dict[str, type[RefilmError]] = {
    error.__name__: error for error in (InvalidAsset, BadOutput, TooExpensive, EngineCrash, EditFailure, StorageFull)
}


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    nice: how far it steps back so that the server beside it stays quick.  idle_seconds: how long an edit may go without
    a sign of progress.  memory_bytes: address space, cpu_seconds: processor time; of locked children only.
    """

    file_bytes: int = 8 << 30
    nice: int = LEAST_NICE
    idle_seconds: float = 300.0
    memory_bytes: int | None = 4 << 30
    cpu_seconds: int | None = None


class Runner:
    """Runs edits and probes, each in a child process of its own."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        command: Sequence[str] | None = None,
        forkserver: Sequence[str] | None = None,
        sandbox: Sandbox | None = None,
        spares: Mapping[str | None, int] | None = None,
    ) -> None:
        """command, forkserver: what to start as a child and as its fork server, instead of our own; they speak as
        `refilm.runner.child` and `refilm.runner.forkserver` do. A command alone has no fork server.

        sandbox: None for what is usual on this system.  spares: how many children to keep ready, from `start` to
        `close`, for edits of each engine, and under None for probes. Whatever has none waits for a fresh one.
        """
        self._limits = limits or Limits()
        self._sandbox = usual_sandbox() if sandbox is None else sandbox
        self._command = tuple(command or COMMAND)
        # Children that need not be locked load no more than they need: there is little to share.
        usual = FORKSERVER if command is None and self._sandbox is not Sandbox.OFF else None
        self._forkserver = (forkserver or usual) if can_fork() else None
        self._servers: dict[str | None, ForkServer] = {}
        self._change = threading.Lock()
        self._spares = Spares(self._spare, spares or {})

    def start(self) -> None:
        """Begin to keep spares. To be called where they live long enough to pay; jobs can be run without it."""
        self._spares.start()

    def close(self) -> None:
        """End the spares, and what they were forked from."""
        self._spares.close()
        for engine, server in list(self._servers.items()):
            self._forget(engine, server)

    def spares(self) -> dict[str | None, int]:
        """How many children wait for a job, by engine; None for probes."""
        return self._spares.counts()

    def forks(self, engine: str | None) -> bool:
        """Whether children for an engine, None for probes, are forked by now instead of started."""
        return engine in self._servers

    def controls(self) -> Controls:
        """What holds in a child, found out by starting one. Raises Unavailable where that is too little."""
        with self._start(None) as child:
            return self._agree(child, go_on)

    def probe(self, source: BinaryIO, *, on_tick: OnTick = go_on) -> dict[str, Any]:
        """What a file is: {"kind": "video"|"image", "facts": {...}}. Raises InvalidAsset, or Cancelled by `on_tick`."""
        found = self._run(None, {}, [source], seconds=PROBE_SECONDS, on_tick=on_tick)
        if found.get("kind") not in ("video", "image") or not isinstance(found.get("facts"), dict):
            raise garbled("facts of no kind")
        return found

    def probe_clip(self, source: BinaryIO, *, on_tick: OnTick = go_on) -> ClipInfo:
        """The facts of a clip. Raises InvalidAsset, also for a picture."""
        found = self.probe(source, on_tick=on_tick)
        if found["kind"] != "video":
            raise InvalidAsset("The input is a picture; a clip is needed.")
        try:
            return ClipInfo.from_json(found["facts"])
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise garbled("facts of no clip") from error

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
        Raises EditFailure, StorageFull, Unavailable, or Cancelled where `on_tick` answered no.
        """
        job = {"request": request.to_json(), "info": info.to_json(), "options": dict(options)}
        done = self._run(engine, job, files, seconds=seconds, on_tick=on_tick, idle=self._limits.idle_seconds)
        if not isinstance(done.get("applied"), dict) or not isinstance(done.get("frames"), int):
            raise garbled("an outcome without its members")
        return Outcome(done["applied"], done["frames"])

    def _run(
        self,
        engine: str | None,
        job: Mapping[str, Any],
        files: list[BinaryIO],
        *,
        seconds: float,
        on_tick: OnTick,
        idle: float = math.inf,
    ) -> dict[str, Any]:
        with self._spares.take(engine) or self._ready(engine, on_tick) as child:
            child.send(job, files)
            last: dict[str, Any] = {}
            for message in child.follow(seconds, on_tick, idle=idle):
                last = message
            status = child.wait()
            done = last.get("done")
            if status == 0 and isinstance(done, dict):
                return done
            raise failure_from(last, status, child.last_words(), has_job=True)

    def _spare(self, engine: str | None, on_tick: OnTick) -> Child:
        """As `_ready`, for the thread that keeps spares: it also sees to it that they can be forked."""
        server = self._servers.get(engine)
        if server is not None and not server.is_alive():
            self._forget(engine, server)
        if self._forkserver is not None and engine not in self._servers:
            self._servers[engine] = self._loaded(self._forkserver, engine, on_tick)
        return self._ready(engine, on_tick)

    def _loaded(self, command: Sequence[str], engine: str | None, on_tick: OnTick) -> ForkServer:
        """A fork server that has loaded what its children will need."""
        server = ForkServer(command, {"engine": engine})
        try:
            first_word(server.process, on_tick)
        except BaseException:
            server.close()
            raise
        return server

    def _ready(self, engine: str | None, on_tick: OnTick) -> Child:
        """A fresh child that has loaded what it needs and is locked as it must be."""
        child = self._start(engine)
        try:
            self._agree(child, on_tick)
        except BaseException:
            child.end()
            raise
        return child

    def _start(self, engine: str | None) -> Child:
        limits = self._limits
        setup = {
            "engine": engine,
            "sandbox": self._sandbox,
            "nice": limits.nice,
            "file_bytes": limits.file_bytes,
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": limits.cpu_seconds,
        }
        if (server := self._servers.get(engine)) is not None:
            try:
                return Child(server.fork, setup)
            except EngineCrash as error:
                logger.warning("a child could not be forked: %s", error.__notes__)
                if not server.is_alive():
                    self._forget(engine, server)
        return Child(spawning(self._command), setup)

    def _forget(self, engine: str | None, server: ForkServer) -> None:
        with self._change:
            if self._servers.get(engine) is server:
                del self._servers[engine]
        server.close()

    def _agree(self, child: Child, on_tick: OnTick) -> Controls:
        """Wait until a fresh child is ready; returns what holds in it. Raises Unavailable where that is too little."""
        controls = Controls.from_json(first_word(child, on_tick)["ready"])
        check_controls(self._sandbox, controls)
        return controls


def first_word(child: Child, on_tick: OnTick) -> dict[str, Any]:
    """What a process says when it is ready. Raises what kept it from that."""
    last: dict[str, Any] = {}
    for last in child.follow(START_SECONDS, on_tick):
        if "ready" in last:
            return last
    raise failure_from(last, child.wait(), child.last_words())


def check_controls(sandbox: Sandbox, controls: Controls) -> None:
    """Raise Unavailable where something is missing that the setting requires."""
    missing = controls.missing()
    if sandbox is Sandbox.REQUIRE and missing:
        raise Unavailable(
            f"Clips of strangers are decoded in locked child processes, and this machine lacks: {', '.join(missing)}. "
            "Use Linux 5.13 or newer on x86_64 or aarch64, where containers may use Landlock and seccomp; or set "
            "REFILM_SANDBOX=best-effort to go without what is missing."
        )


def failure_from(message: Mapping[str, Any], status: int, noise: str, *, has_job: bool = False) -> RefilmError:
    """The error that a child reported, or what its end means where it could not report.

    has_job: whether a stranger's words had reached it by then. If so, what it said itself counts as theirs.
    """
    name, sentence = message.get("error"), message.get("message")
    if isinstance(sentence, str):
        if name == UnsupportedEdit.__name__:
            return UnsupportedEdit(
                sentence, refused=_pairs(message.get("refused")), possible=_words(message, "possible")
            )
        if isinstance(name, str) and name in ERRORS:
            return ERRORS[name](sentence)
    crash = EngineCrash("The process that worked on it ended unexpectedly.")
    words = str(message.get("trace") or noise or "no words")[-4000:]
    crash.words = words if has_job else ""
    crash.add_note(f"exit status {status}; {_where(message) if has_job else words}")
    return crash


_FRAME = re.compile(r"[\w./<>-]{1,200}:[0-9]{1,6} [\w<>]{1,80}")
_KIND = re.compile(r"[A-Za-z_]\w{0,60}", re.ASCII)


def _where(message: Mapping[str, Any]) -> str:
    """The kind of a child's error and where it was, as far as what it says of that has the form of it."""
    kind, frames = message.get("error"), message.get("frames")
    if not isinstance(kind, str) or _KIND.fullmatch(kind) is None:
        return "it did not say why"
    told = (
        [each for each in frames if isinstance(each, str) and _FRAME.fullmatch(each)]
        if isinstance(frames, list)
        else []
    )
    return " < ".join([kind, *reversed(told[-12:])])


def _pairs(told: object) -> list[tuple[str, str]]:
    """The clauses and reasons of a child's refusal."""
    pairs = told if isinstance(told, list) else []
    return [(str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2]


def _words(message: Mapping[str, Any], member: str) -> list[str]:
    told = message.get(member)
    return [str(each) for each in told] if isinstance(told, list) else []
