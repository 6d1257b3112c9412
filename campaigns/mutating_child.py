"""A locked child that edits one mutant of a clip after the other: for `r09_mutants.py`.

Run as a file, in the place of `refilm.runner.child`, whose protocol and lock it keeps. The prompt is a list of tries in
JSON, each the number of an input file and of a mutant, or null for the file as it is. The output is a log: before each
try a line begins, after it the line says how it ended. Where the last line has no end, that try ended the child.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from refilm.domain.edit import EditRequest
from refilm.engines.base import Inputs, OnEvent, Outcome, Progress
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.registry import Registry
from refilm.errors import InvalidAsset
from refilm.media.probe import probe
from refilm.runner import child

sys.path.append(str(Path(__file__).parent))  # an isolated interpreter does not look beside its script

from mutants import mutant

PROMPT = "make it sepia"


class Mutating:
    """The effects engine, for many mutants."""

    name = "mutating"
    capabilities = replace(EffectsEngine.capabilities, summary="Edits mutants of clips.")

    def __init__(self) -> None:
        self._engine = EffectsEngine()

    def warm(self) -> None:
        """See `refilm.engines.base.Warming`. Files in memory have to be made before the lock, too."""
        self._engine.warm()
        self._clip, self._edited = (os.fdopen(os.memfd_create(name), "w+b", buffering=0) for name in ("clip", "edited"))

    def edit(
        self, request: EditRequest, inputs: Inputs, output: BinaryIO, on_event: OnEvent, options: Mapping[str, Any]
    ) -> Outcome:
        """See `refilm.engines.base.Engine.edit`."""
        clips = [file.read() for file in (inputs.video, *inputs.references)]
        tries = json.loads(request.prompt_text or "")
        for at, (which, number) in enumerate(tries):
            output.write(f"{which} {number} ".encode())
            content = clips[which] if number is None else mutant(clips[which], request.seed or 0, number)
            output.write(f"{self._try(content)}\n".encode())
            on_event(Progress(at / len(tries), at))
        return Outcome({}, len(tries))

    def _try(self, content: bytes) -> str:
        """How the edit of one clip ended: "edited", "refused", or the error that should not have been."""
        for file in (self._clip, self._edited):
            file.seek(0)
            file.truncate()
        self._clip.write(content)
        self._clip.seek(0)
        request = EditRequest(EffectsEngine.capabilities.models[0], "local:", PROMPT, seed=1)
        try:
            inputs = Inputs(self._clip, probe(self._clip))
            self._clip.seek(0)
            self._engine.edit(request, inputs, self._edited, lambda _: None, {})
        except InvalidAsset:
            return "refused"
        except BaseException as error:
            return f"odd {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return "edited"


if __name__ == "__main__":
    engine = Mutating()
    Registry.get = lambda self, name: engine  # type: ignore[method-assign, assignment, return-value]
    child.check_pictures = lambda files: None  # the references are clips here
    child.main()
