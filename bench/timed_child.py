"""A child of `refilm.runner` that tells when things happened in it: for `lock.py`.

Run as a file, in the place of `refilm.runner.child`, whose protocol and lock it keeps; with the word "server" in that
of `refilm.runner.forkserver`. Its engine is `effects`, which it loads whole before the clock starts, locked or not.
Moments are seconds of the clock that all processes share.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from refilm.domain.edit import EditRequest
from refilm.engines.base import Inputs, OnEvent, Outcome, Progress
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.registry import Registry
from refilm.media.read import FrameReader
from refilm.runner import child, forkserver
from refilm.runner.lockdown import Controls, Rlimits, lock


class Timed:
    """The effects engine with a watch."""

    name = "timed"
    capabilities = replace(EffectsEngine.capabilities, summary="Tells how long effects took.")

    def __init__(self) -> None:
        self._engine = EffectsEngine()
        self._moments: dict[str, float] = {}
        self._warm = False

    def warm(self) -> None:
        """See `refilm.engines.base.Warming`."""
        self._engine.warm()
        self._warm = True

    def lock(self, limits: Rlimits) -> Controls:
        """`refilm.runner.lockdown.lock`, and how long it took."""
        began = time.perf_counter()
        held = lock(limits)
        self._moments["lock"] = time.perf_counter() - began
        return held

    def edit(
        self, request: EditRequest, inputs: Inputs, output: BinaryIO, on_event: OnEvent, options: Mapping[str, Any]
    ) -> Outcome:
        """Decode one frame, then edit. See `refilm.engines.base.Engine.edit`."""
        if not self._warm:
            child.warm(self)
        with FrameReader(inputs.video):  # which decodes a picture to see that there is one
            self._moments["decoded"] = time.perf_counter()
        inputs.video.seek(0)

        def on_frame(progress: Progress) -> None:
            if progress.frames:
                self._moments.setdefault("edited", time.perf_counter())
            on_event(progress)

        wall, cpu = time.perf_counter(), time.process_time()
        outcome = self._engine.edit(request, inputs, output, on_frame, options)
        self._moments |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        return Outcome(self._moments, outcome.frames)


if __name__ == "__main__":
    engine = Timed()
    Registry.get = lambda self, name: engine  # type: ignore[method-assign, assignment, return-value]
    child.lock = engine.lock  # type: ignore[assignment]
    forkserver.main() if "server" in sys.argv else child.main()
