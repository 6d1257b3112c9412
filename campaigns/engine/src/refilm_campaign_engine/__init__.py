"""An engine for reliability runs: copies the clip's packets, and on the way burns a core, waits, or breaks.

The prompt says what: "copy", "burn 0.5 s", "wait 2 s", "crash", "fail", in any order, separated by commas; "shout WORD"
and "raise WORD" tell everything that they know, as careless libraries do: on standard error, and in an exception. Needs
only PyAV, so that its child process is at work within a quarter of a second.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from refilm.domain.edit import EditRequest, Model
from refilm.engines.base import Capabilities, Inputs, OnEvent, Outcome, Progress
from refilm.errors import InvalidAsset, UnsupportedEdit

_CLAUSE = re.compile(
    r"\s*(?:(copy|crash|fail)|(burn|wait)\s+(\d+(?:\.\d+)?)\s*s|(shout|raise)\s+(\S+))\s*", re.IGNORECASE
)
#: How often it tells that it is alive, in seconds.
_EVENT_SECONDS = 0.1


@dataclass(frozen=True)
class Deed:
    """One clause of a prompt. seconds: for how long, of those that last.  word: what to tell, of those that tell."""

    verb: str
    seconds: float = 0.0
    word: str = ""


def deeds_of(prompt: str) -> list[Deed]:
    """What a prompt asks for. Raises UnsupportedEdit for anything else."""
    deeds = []
    for clause in prompt.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise UnsupportedEdit(
                "This engine is for reliability runs and knows a few words.",
                refused=[(clause.strip(), "not a word of this engine")],
                possible=["copy", "burn 0.5 s", "wait 2 s", "crash", "fail"],
            )
        deeds.append(Deed((found[1] or found[2] or found[4]).lower(), float(found[3] or 0), found[5] or ""))
    return deeds


class CampaignEngine:
    """Does to a clip what a reliability run needs done, and leaves its pictures alone."""

    name = "campaign"
    capabilities = Capabilities(models=tuple(Model), generative=False, summary="Copies clips, for reliability runs.")

    def plan(self, request: EditRequest, options: Mapping[str, Any]) -> dict[str, Any]:
        """See `refilm.engines.base.Engine`."""
        deeds = deeds_of(request.prompt_text or "")
        return {"engine": {"name": self.name, "version": "1.0.0"}, "explanation": [deed.verb for deed in deeds]}

    def edit(
        self, request: EditRequest, inputs: Inputs, output: BinaryIO, on_event: OnEvent, options: Mapping[str, Any]
    ) -> Outcome:
        """Follow the prompt, then copy the clip into `output`."""
        plan = self.plan(request, options)
        for deed in deeds_of(request.prompt_text or ""):
            if deed.verb == "crash":
                os.abort()  # a locked child may do nothing worse to itself
            if deed.verb == "fail":
                raise InvalidAsset("The prompt asked for a failure.")
            if deed.word:
                tell(deed, request, inputs)
            spend(deed, on_event)
        return Outcome({**plan, "seed": request.seed}, copy(inputs.video, output))


def tell(deed: Deed, request: EditRequest, inputs: Inputs) -> None:
    """Let everything be heard that is known here: the word, the request, the clip's own words, the environment."""
    import av

    with av.open(inputs.video) as clip:
        known = f"{deed.word}: {request} {dict(clip.metadata)} {dict(os.environ)}"
    inputs.video.seek(0)
    if deed.verb == "raise":
        raise ValueError(known)
    print(known, file=sys.stderr, flush=True)


def spend(deed: Deed, on_event: OnEvent) -> None:
    """Let a deed's time pass: of this thread on a core, or by the clock."""
    clock = time.thread_time if deed.verb == "burn" else time.monotonic
    began = clock()
    next_event = 0.0
    while (spent := clock() - began) < deed.seconds:
        if spent >= next_event:
            on_event(Progress(spent / deed.seconds))
            next_event = spent + _EVENT_SECONDS
        if deed.verb == "burn":
            sum(range(5000))
        else:
            time.sleep(min(_EVENT_SECONDS, deed.seconds - spent))


def copy(source: BinaryIO, output: BinaryIO) -> int:
    """Write the pictures of `source` to `output` as MP4, packet by packet. Returns how many packets there were."""
    import av

    packets = 0
    with av.open(source) as reading, av.open(output, "w", format="mp4") as writing:
        stream = writing.add_stream_from_template(reading.streams.video[0])
        for packet in reading.demux(reading.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                writing.mux(packet)
                packets += 1
    return packets
