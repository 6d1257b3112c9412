"""Starts an edit that never ends, prints the child's process id, and waits to be killed.

Run as `python doomed_parent.py ODD_CHILD CLIP PROMPT`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Runner


def main() -> None:
    """Edit for ever."""

    started = time.monotonic()
    told: list[int] = []

    def on_tick(_fraction: float) -> bool:
        if not told and time.monotonic() - started > 1:  # by then the child is inside its engine
            told.append(psutil.Process().children()[0].pid)
            print(told[0], flush=True)
        return True

    info = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=2)  # type: ignore[arg-type]
    with Path(sys.argv[2]).open("rb") as clip, tempfile.TemporaryFile() as output:
        Runner(command=(sys.executable, "-I", sys.argv[1]), sandbox=Sandbox.OFF).edit(
            "odd",
            EditRequest(Model.GEN4_ALEPH, "local:", sys.argv[3]),
            info,
            [clip, output],  # type: ignore[list-item]
            options={},
            seconds=600,
            on_tick=on_tick,
        )


if __name__ == "__main__":
    main()
