"""An engine for Refilm that inverts colours, like a photographic negative."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from refilm.domain.edit import EditRequest, Model, OutputFormat
from refilm.engines.base import Capabilities, Inputs, OnEvent, Outcome, Progress
from refilm.errors import UnsupportedEdit

UNDERSTOOD = re.compile(r"\b(invert|negative)", re.IGNORECASE)


class InvertEngine:
    """Turns light into dark and every colour into its opposite."""

    name = "invert"
    capabilities = Capabilities(
        models=tuple(Model),
        generative=False,
        summary="Inverts colours, and nothing else.",
        formats=tuple(OutputFormat),
    )

    def plan(self, request: EditRequest, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the request means. Raises UnsupportedEdit unless it asks to invert, and for members it cannot honour."""
        prompt = request.prompt_text or ""
        if not UNDERSTOOD.search(prompt):
            raise UnsupportedEdit(
                "This engine inverts colours and does nothing else.",
                refused=[(prompt, "not about inverting")],
                possible=["invert the colours"],
            )
        if request.keyframes or request.output.target_aspect_ratio:
            raise UnsupportedEdit("This engine uses neither keyframes nor a target aspect ratio.")
        return {"engine": {"name": self.name, "version": "1.0.0"}, "explanation": ["The colours are inverted."]}

    def edit(
        self, request: EditRequest, inputs: Inputs, output: BinaryIO, on_event: OnEvent, options: Mapping[str, Any]
    ) -> Outcome:
        """Invert every frame of the clip into `output`. Timestamps and sound stay as they are."""
        from refilm.media.stream import edit_frames

        plan = self.plan(request, options)
        expected = max(1, inputs.info.frames)

        def report(frames: int) -> None:
            on_event(Progress(min(1.0, frames / expected), frames))

        written = edit_frames(
            inputs.video,
            output,
            invert,
            size=request.output.size,
            on_frame=report,
            output_format=request.output.format,
            prores_profile=request.output.prores_profile,
        )
        return Outcome({**plan, "seed": request.seed, "audio": written.audio}, written.frames)


def invert(before: Any, after: Any) -> None:
    """Fill the planes of `after` with the opposite of those of `before` (frames of `refilm.media.frame`).

    Luma is mirrored within 16..235 and chroma around 128; what strays outside the range is brought back first.
    """
    import numpy as np

    np.subtract(16 + 235, np.clip(before.y, 16, 235), out=after.y)
    np.subtract(16 + 240, np.clip(before.u, 16, 240), out=after.u, dtype=np.int16, casting="unsafe")
    np.subtract(16 + 240, np.clip(before.v, 16, 240), out=after.v, dtype=np.int16, casting="unsafe")
