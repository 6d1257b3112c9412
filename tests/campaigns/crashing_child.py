"""The child of the campaign on mutants, which dies of any clip that begins with "crash". Run as a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "campaigns"))

from mutating_child import Mutating

from refilm.engines.registry import Registry
from refilm.runner import child


class Crashing(Mutating):
    """Edits what does not crash it."""

    def _try(self, content: bytes) -> str:
        if content.startswith(b"crash"):
            os.abort()
        return super()._try(content)


if __name__ == "__main__":
    engine = Crashing()
    Registry.get = lambda self, name: engine  # type: ignore[method-assign, assignment, return-value]
    child.check_pictures = lambda files: None  # the references are clips here
    child.main()
