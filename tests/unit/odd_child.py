"""A child process whose engine does what the prompt says, well or badly: for tests of what surrounds engines.

Run as a file, in the place of `refilm.runner.child`, whose protocol and limits it keeps; with the word "server" in that
of `refilm.runner.forkserver`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

from refilm.domain.edit import Model
from refilm.engines.base import Capabilities, Outcome, Progress
from refilm.engines.registry import Registry
from refilm.errors import EditFailure, InvalidAsset, StorageFull, UnsupportedEdit
from refilm.media.write import ClipWriter
from refilm.runner import child, forkserver


def copy(inputs, output, on_event) -> Outcome:
    """The clip, unchanged."""
    shutil.copyfileobj(inputs.video, output)
    on_event(Progress(1.0, 50))
    return Outcome({"engine": {"name": "odd"}, "copied": True}, 50)


def work_for_ever(on_event) -> None:
    """Report progress until somebody ends this process."""
    for step in range(1_000_000):
        on_event(Progress(min(0.9, step / 100), step))
        time.sleep(0.05)


def sleeper() -> int:
    """A process that this one started and forgot."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid


def open_links() -> dict[str, str]:
    """What each open descriptor of this process leads to, by number; without the one that is opened to find out."""
    links = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links[entry.name] = str(entry.readlink())
    return {name: link for name, link in links.items() if not link.startswith("/proc/")}


class OddEngine:
    """Does what the first word of the prompt says."""

    name = "odd"
    capabilities = Capabilities(models=tuple(Model), generative=False, summary="Does what it is told.")

    def edit(self, request, inputs, output, on_event, options) -> Outcome:
        """See `refilm.engines.base.Engine.edit`."""
        word = (request.prompt_text or "").partition(" ")[0]
        if word == "copy":
            return copy(inputs, output, on_event)
        if word == "slowly":
            output.write(f"half a clip of {os.getpid()}".encode())
            work_for_ever(on_event)
        if word == "silently":
            time.sleep(600)
        if word == "signal":
            os.kill(os.getpid(), getattr(signal, request.prompt_text.split()[1]))
            time.sleep(600)
        if word == "refuse":
            raise UnsupportedEdit("No.", refused=[("a dog", "It adds things.")], possible=["warm"])
        if word == "invalid":
            raise InvalidAsset("It is damaged.")
        if word == "raise":
            raise ZeroDivisionError("by the engine")
        if word == "lie":
            leave = os._exit
            os._exit = lambda status: leave(3)
            return Outcome({"engine": "lies"}, 1)
        if word == "look":
            return Outcome({"environment": dict(os.environ), "links": open_links(), "cwd": str(Path.cwd())})
        if word == "offspring":
            return Outcome({"pid": sleeper()})
        if word == "offspring-and-crash":
            sys.stderr.write(f"pid={sleeper()}\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGSEGV)
        if word == "full":
            raise StorageFull("There is no room for the edited clip.")
        if word == "give-up":
            raise EditFailure("The model behind this engine has no weights.")
        if word == "unplayable":
            size, fraction = (64, 64), Fraction(1, 5)
            with ClipWriter(output, size=size, time_base=fraction, frame_rate=1 / fraction, matrix="709") as writer:
                writer.finish()  # not one frame was written
        if word == "large":
            for _ in range(16):
                output.write(bytes(1 << 16))
            return Outcome({})
        raise AssertionError(f"no such oddity: {word}")


if __name__ == "__main__":
    Registry.get = lambda self, name: OddEngine()  # type: ignore[method-assign, assignment, return-value]
    forkserver.main() if sys.argv[1:] == ["server"] else child.main()
