"""What runs in the child process: receive one job with its open files, do it, report, exit.

Run as `python -I -m refilm.runner.child` with a socket as standard input. Knows nothing of tasks, paths or the store.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from typing import Any, BinaryIO

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest
from refilm.engines.base import Inputs, Progress, check_format
from refilm.engines.registry import Registry
from refilm.errors import EditFailure, InvalidAsset, StorageFull, UnsupportedEdit

#: More files than any job has: a clip, a reference, five keyframes, an output.
MAX_FILES = 16
MAX_JOB_BYTES = 1_000_000
PR_SET_PDEATHSIG = 1


class Channel:
    """The child's end of the socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self) -> tuple[dict[str, Any], list[int]]:
        """The one job, with its descriptors."""
        data, descriptors, _, _ = socket.recv_fds(self._connection, 65536, MAX_FILES)
        while data and not data.endswith(b"\n") and len(data) < MAX_JOB_BYTES:
            data += self._connection.recv(65536)
        if not data:
            os._exit(0)  # the parent went away without a job
        return json.loads(data), descriptors

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell the parent something. A parent that is gone ends this process."""
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            os._exit(1)


def take_socket() -> socket.socket:
    """The socket that came as standard input; moved away, or whatever an engine starts would hold it open."""
    connection = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - the device, not a file of ours
        os.dup2(nothing.fileno(), 0)
    return connection


def die_with_parent() -> None:
    """Ask the kernel to end this process when the thread that started it ends; without that call, do without."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit(file_bytes: int) -> None:
    """No core dumps, and no file larger than an output may be."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit is then an error like any other


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


def edit(job: Mapping[str, Any], files: list[BinaryIO], channel: Channel) -> dict[str, Any]:
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

    engine = Registry().get(job["engine"])
    check_format(engine, request)
    outcome = engine.edit(request, inputs, files[keyframes], on_event, job["options"])
    return {"applied": outcome.applied, "frames": outcome.frames}


def failure_of(error: BaseException) -> dict[str, Any]:
    """An error as the parent reads it: our own by name and sentence, all others by their trace."""
    told: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, UnsupportedEdit):
        told["refused"] = [list(pair) for pair in error.refused]
        told["possible"] = list(error.possible)
    if not isinstance(error, EditFailure | StorageFull):
        told["trace"] = "".join(traceback.format_exception(error))[-4000:]
    return told


def main() -> None:
    """Do one job and exit without ceremony: exit handlers of media libraries are not worth waiting for."""
    die_with_parent()
    channel = Channel(take_socket())
    job, descriptors = channel.receive()
    limit(job["file_bytes"])
    os.nice(job["nice"])
    files = [
        os.fdopen(descriptor, "r+b" if job["work"] == "edit" and at == len(descriptors) - 1 else "rb", buffering=0)
        for at, descriptor in enumerate(descriptors)
    ]
    try:
        done = probe(files) if job["work"] == "probe" else edit(job, files, channel)  # type: ignore[arg-type]
    except BaseException as error:
        channel.send(failure_of(error))
        os._exit(2)
    channel.send({"done": done})
    os._exit(0)


if __name__ == "__main__":
    main()
