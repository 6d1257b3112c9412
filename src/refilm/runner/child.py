"""What runs in the child process: load, lock itself, receive one job with its open files, do it, report, exit.

Run as `python -I -m refilm.runner.child` with a socket as standard input. The parent says at once what kind of job will
come and how far to lock; the job itself, with all that a stranger wrote, arrives after the lock. Knows nothing of
tasks, paths or the store.
"""

from __future__ import annotations

import gc
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, NoReturn

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest
from refilm.domain.redaction import frames_of, told_error
from refilm.engines.base import Engine, Inputs, Progress, Warming, check_format
from refilm.engines.registry import Registry
from refilm.errors import EditFailure, InvalidAsset, StorageFull, UnsupportedEdit
from refilm.runner.lockdown import Controls, Rlimits, Sandbox, die_with_parent, limit_files, lock

#: More files than any job has: a clip, a reference, five keyframes, an output.
MAX_FILES = 16
MAX_JOB_BYTES = 1_000_000


class Channel:
    """The child's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        """The parent's next line, with its descriptors. A parent that is gone ends this process."""
        data, descriptors, _, _ = socket.recv_fds(self._connection, 65536, MAX_FILES)
        while data and not data.endswith(b"\n") and len(data) < MAX_JOB_BYTES:
            data += self._connection.recv(65536)
        if not data:
            os._exit(0)  # the parent went away, or needs no job done
        return json.loads(data), descriptors

    def send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Tell the parent something. A parent that is gone ends this process."""
        line = json.dumps(message).encode() + b"\n"
        try:
            if descriptors:
                socket.send_fds(self._connection, [line], list(descriptors))
            else:
                self._connection.sendall(line)
        except OSError:
            os._exit(1)

    def close(self) -> None:
        """Let go of this end."""
        self._connection.close()


def take_socket() -> socket.socket:
    """The socket that came as standard input; moved away, or whatever an engine starts would hold it open."""
    connection = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - the device, not a file of ours
        os.dup2(nothing.fileno(), 0)
    return connection


def prepare(setup: Mapping[str, Any]) -> tuple[Engine | None, Controls]:
    """Load what the job will need, and give up the rest; returns the engine, None for probes, and what holds.

    Without a lock nothing is loaded ahead: what an edit does not need, it then need not wait for.
    """
    os.nice(setup["nice"])
    engine = engine_of(setup)
    if setup["sandbox"] != Sandbox.OFF:
        warm(engine)
    return engine, locked(setup)


def engine_of(setup: Mapping[str, Any]) -> Engine | None:
    """The engine that jobs are for; None for probes."""
    return Registry().get(setup["engine"]) if setup["engine"] else None


def locked(setup: Mapping[str, Any]) -> Controls:
    """Lock this process as far as it is told to; returns what holds."""
    if setup["sandbox"] == Sandbox.OFF:
        limit_files(setup["file_bytes"])
        return Controls()
    return lock(Rlimits(setup["file_bytes"], setup["memory_bytes"], setup["cpu_seconds"]))


def warm(engine: object) -> None:
    """Load every module, table and kernel that a job may use: files cannot be opened afterwards."""
    load(engine)
    rehearse()


def load(engine: object) -> None:
    """The part of `warm` in which no media library starts a thread."""
    from refilm.media import rehearsal  # noqa: F401 - is needed soon
    from refilm.media.preload import preload

    preload()
    if isinstance(engine, Warming):
        engine.warm()
    told_error(ValueError("so that a real one can be told"), content=True)
    gc.collect()
    gc.freeze()


def rehearse() -> None:
    """The other part: whatever media libraries load at their first use. For the process that does the job."""
    from refilm.media.rehearsal import rehearse

    rehearse()
    gc.collect()
    gc.freeze()


def probe(files: list[BinaryIO]) -> dict[str, Any]:
    """What the one file is: a picture or a clip, with its facts."""
    from refilm.media.picture import probe_picture
    from refilm.media.probe import probe as probe_clip

    try:
        picture = probe_picture(files[0])
    except InvalidAsset:
        files[0].seek(0)
        return {"kind": "video", "facts": probe_clip(files[0]).to_json()}
    return {"kind": "image", "facts": vars(picture)}


def edit(engine: Engine, job: Mapping[str, Any], files: list[BinaryIO], channel: Channel) -> dict[str, Any]:
    """Run one engine over the files: clip, references, keyframes, output, in that order."""
    request = EditRequest.from_json(job["request"])
    references = 1 + len(request.references)
    keyframes = references + len(request.keyframes)
    inputs = Inputs(
        video=files[0],
        info=ClipInfo.from_json(job["info"]),
        references=tuple(files[1:references]),
        keyframes=tuple(files[references:keyframes]),
    )

    def on_event(progress: Progress) -> None:
        channel.send({"progress": progress.fraction, "frames": progress.frames})

    check_format(engine, request)
    check_pictures([*inputs.references, *inputs.keyframes])
    outcome = engine.edit(request, inputs, files[keyframes], on_event, job["options"])
    return {"applied": outcome.applied, "frames": outcome.frames}


def check_pictures(files: Sequence[BinaryIO]) -> None:
    """Raise InvalidAsset unless all are pictures: engines look only at those that the prompt speaks of."""
    if files:
        from refilm.media.picture import probe_picture

        for file in files:
            probe_picture(file)


def failure_of(error: BaseException) -> dict[str, Any]:
    """An error as the parent reads it: our own by name and sentence, all others by their trace."""
    told: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, UnsupportedEdit):
        told["refused"] = [list(pair) for pair in error.refused]
        told["possible"] = list(error.possible)
    if not isinstance(error, EditFailure | StorageFull):
        told["frames"] = frames_of(error.__traceback__)[-12:]
        told["trace"] = told_error(error, content=True)[-4000:]
    return told


def work(engine: Engine | None, channel: Channel) -> dict[str, Any]:
    """Receive the one job and do it."""
    job, descriptors = channel.receive()
    files: list[Any] = [
        os.fdopen(descriptor, "r+b" if engine and at == len(descriptors) - 1 else "rb", buffering=0)
        for at, descriptor in enumerate(descriptors)
    ]
    return edit(engine, job, files, channel) if engine else probe(files)


def serve(channel: Channel, prepare: Callable[[Mapping[str, Any]], tuple[Engine | None, Controls]]) -> NoReturn:
    """Do one job and exit without ceremony: exit handlers of media libraries are not worth waiting for.

    prepare: from what the parent says at once, the engine and what is locked.
    """
    setup, _ = channel.receive()
    if os.getppid() != setup["parent"]:
        os._exit(1)  # it died before the kernel knew to tell
    try:
        engine, controls = prepare(setup)
        channel.send({"ready": controls.to_json()})
        done = work(engine, channel)
    except BaseException as error:
        channel.send(failure_of(error))
        os._exit(2)
    channel.send({"done": done})
    os._exit(0)


def main() -> None:
    """Be a child that was started by a command."""
    die_with_parent()
    serve(Channel(take_socket()), prepare)


if __name__ == "__main__":
    main()
