"""A child whose engine edits one clip by every operator of `effects`, and tells what was opened meanwhile.

Run as a file, in the place of `refilm.runner.child`, whose protocol and lock it keeps; with the word "server" in that
of `refilm.runner.forkserver`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from refilm.domain.edit import Model
from refilm.engines.base import Capabilities, Inputs, Outcome
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.registry import Registry
from refilm.errors import UnsupportedEdit
from refilm.runner import child, forkserver

#: The line whose edit is guided by a picture at a moment of the clip.
GUIDED = "make it brighter and cooler"


class Audited:
    """Runs the effects engine once for each line of the prompt, over the same files."""

    name = "audited"
    capabilities = Capabilities(models=tuple(Model), generative=False, summary="Does all that effects can.")

    def __init__(self) -> None:
        self.late: list[str] = []
        self.working = False
        sys.addaudithook(self.note)

    def note(self, event: str, arguments: Any) -> None:
        """Remember what would have failed, or did, under the lock."""
        if self.working and event in ("open", "import", "socket.__new__", "ctypes.dlopen"):
            self.late.append(f"{event} {arguments[0]!s:.80}")

    def warm(self) -> None:
        """See `refilm.engines.base.Warming`."""
        EffectsEngine().warm()

    def edit(self, request, inputs, output, on_event, options) -> Outcome:
        """See `refilm.engines.base.Engine.edit`."""
        self.working = True
        digests = {}
        for line in request.prompt_text.splitlines():
            output.seek(0)
            output.truncate()
            wanted = replace(
                request,
                prompt_text=line,
                references=request.references if "reference" in line else (),
                keyframes=request.keyframes if line == GUIDED else (),
            )
            given = Inputs(
                inputs.video,
                inputs.info,
                inputs.references if wanted.references else (),
                inputs.keyframes if wanted.keyframes else (),
            )
            try:
                EffectsEngine().edit(wanted, given, output, on_event, options)
            except UnsupportedEdit as refusal:
                digests[line] = str(refusal)
            else:
                digests[line] = digest(output)
        return Outcome({"digests": digests, "late": self.late}, len(digests))


def digest(file) -> str:
    """Of all that is in a file."""
    return hashlib.sha256(b"".join(blocks(file))).hexdigest()


def blocks(file) -> Iterator[bytes]:
    """The file from its start."""
    file.seek(0)
    while block := file.read(1 << 20):
        yield block


if __name__ == "__main__":
    engine = Audited()
    Registry.get = lambda self, name: engine  # type: ignore[method-assign, assignment, return-value]
    forkserver.main() if "server" in sys.argv else child.main()
