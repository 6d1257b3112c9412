"""What an engine is. An engine knows nothing of tasks, HTTP, paths or buckets: it can be tested with two open files.

Local engines implement `Engine` and run in a child process. Third parties add theirs by an entry point in the group
`refilm.engines` whose value is a class with this shape and a constructor without arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model, OutputFormat
from refilm.errors import UnsupportedEdit


@dataclass(frozen=True)
class Capabilities:
    """What an engine can be asked for.

    models: the model names it serves.  generative: whether it can invent content.  summary: one honest sentence.
    devices: "cpu", "cuda", "remote".  formats: of the file that it writes; others are refused before it is asked.
    """

    models: tuple[Model, ...]
    generative: bool
    summary: str
    devices: tuple[str, ...] = ("cpu",)
    formats: tuple[OutputFormat, ...] = (OutputFormat.MP4,)


@dataclass(frozen=True)
class Inputs:
    """The opened input files of one edit. Each is a regular file opened for reading, with a descriptor.

    references, keyframes: one file for each of the request's, in the request's order.
    info: the clip's facts as probed.
    """

    video: BinaryIO
    info: ClipInfo
    references: tuple[BinaryIO, ...] = ()
    keyframes: tuple[BinaryIO, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far an edit is. fraction: 0..1.  frames: written so far."""

    fraction: float
    frames: int = 0


#: Called at least once a second while an edit runs. It may raise `errors.Cancelled`: clean up and let it pass.
OnEvent = Callable[[Progress], None]


@dataclass(frozen=True)
class Outcome:
    """What an engine did. applied: JSON values, kept with the task and shown to its owner.  frames: written."""

    applied: dict[str, Any]
    frames: int = 0


class Engine(Protocol):
    """Turns one clip into another."""

    name: str
    capabilities: Capabilities

    def plan(self, request: EditRequest, options: Mapping[str, Any]) -> dict[str, Any]:
        """What this request would make the engine do, as JSON values, without looking at the clip.

        Raises UnsupportedEdit where the request asks for something the engine cannot do. Cheap: under 0.1 s.
        """

    def edit(
        self,
        request: EditRequest,
        inputs: Inputs,
        output: BinaryIO,
        on_event: OnEvent,
        options: Mapping[str, Any],
    ) -> Outcome:
        """Write the edited clip to `output`, of the source's duration to within one frame, unless the edit asks for
        another speed: then the outcome says so.

        The file is of the request's `output.format`: MP4 (H.264, yuv420p) where the engine's capabilities name no more.
        Blocking. output: an empty regular file opened for reading and writing, with a descriptor.
        options: the operator's settings for engines, e.g. {"partial_edits": False}.
        Same request, same seed and same input give the same pixels. Raises EditFailure or Cancelled; a failed edit
        may leave bytes in `output`, which the caller throws away.
        """


class Chat(Protocol):
    """A chat model that the operator lends. name: as the record tells it."""

    name: str

    def ask(self, instructions: str, question: str, schema: Mapping[str, Any], *, poll: Callable[[], None]) -> Any:
        """The model's answer, as JSON values that should follow `schema` and need not. Blocking.

        poll: called about twice a second; what it raises passes. Raises Unavailable where no answer comes in time.
        """


def never_mind() -> None:
    """The poll of somebody who never cancels."""


@dataclass(frozen=True)
class Aids:
    """What the operator lends to engines that read prompts. By default nothing.

    sentence_model: folder of a sentence model.  poll: see `Chat.ask`.
    """

    chat: Chat | None = None
    sentence_model: Path | None = None
    poll: Callable[[], None] = never_mind


@runtime_checkable
class Interpreting(Protocol):
    """What an engine has besides where it wants help with a prompt.

    Called in the server's own process, once for a task and before `edit`, because children have no network.
    """

    def interpret(self, request: EditRequest, aids: Aids) -> Mapping[str, Any]:
        """Options to be added to those of `plan` and `edit` for this request: JSON values, kept with the task.

        Raises what `aids.poll` raises. A chat model that fails is no error: the options say so.
        """


@runtime_checkable
class Warming(Protocol):
    """What an engine has besides where it loads anything when it is used: modules, models, tables, compiled code."""

    def warm(self) -> None:
        """Load all that `edit` may need.

        Called once, in the child or in the process that it is forked from, before the child gives up the right to open
        files, to reach a network, to start programs and to load libraries, and long before it knows the request. Leaves
        no thread behind: a lock would not bind it, and a fork would lose it.
        """


def check_format(engine: Engine, request: EditRequest) -> None:
    """Raise UnsupportedEdit where the engine does not write the kind of file that the request wants."""
    formats = engine.capabilities.formats
    if request.output.format not in formats:
        raise UnsupportedEdit(
            f"The engine {engine.name} writes {', '.join(formats)} and not {request.output.format}. "
            "Ask for another outputFormat."
        )


@dataclass(frozen=True)
class EngineInfo:
    """An engine as listed by `refilm engines`."""

    name: str
    capabilities: Capabilities
    origin: str
    details: Mapping[str, Any] = field(default_factory=dict)
