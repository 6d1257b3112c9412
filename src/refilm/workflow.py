"""The steps of one task: start, fetch, check, interpret, edit, finish. What a step returned is recorded and
never repeated. A step whose process broke off is taken again as the next attempt, three times in all.

Runs on worker threads. Every write carries the attempt, so an attempt that was overtaken changes nothing. Knows
nothing of HTTP, and of the engine only its name.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import structlog

from refilm.assets.base import Assets
from refilm.assets.fetch import Fetcher
from refilm.assets.room import Room
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model, ModelLimits
from refilm.domain.redaction import said
from refilm.domain.task import MAX_ATTEMPTS, Failure, Task
from refilm.domain.uri import UriForm, form_of, parse_upload_uri
from refilm.errors import (
    Cancelled,
    EditFailure,
    EngineCrash,
    InvalidAsset,
    NotFound,
    RefilmError,
    StorageFull,
    Unavailable,
    UnsupportedEdit,
)
from refilm.intake import ASSET_SCHEME, Input, input_key, inputs_of
from refilm.queue import Interrupted, Overtaken, Step
from refilm.runner.process import ERRORS, Runner
from refilm.service import Service, output_key
from refilm.store.base import Store
from refilm.telemetry import new_fault

T = TypeVar("T")

logger = structlog.get_logger(__name__)

FETCH_TRIES = 3
FETCH_PAUSE_SECONDS = 1.0
#: How long to wait before a write that the database refused is tried again.
WRITE_PAUSE_SECONDS = 2.0
#: How long to wait before a step that broke off is taken again, times the number of attempts so far.
RETRY_SECONDS = 1.0
#: The share of the low-water mark at which what runs gives up, so that deletes find room.
LAST_SHARE = 0.5
#: The least time an edit may take, however small the clip: a cold start compiles kernels.
LEAST_EDIT_SECONDS = 120.0


@dataclass(frozen=True)
class Allowance:
    """How long an edit may take: so many seconds for each million pixels of each frame, and never more than `most`."""

    most: float
    per_megapixel_frame: float

    def seconds(self, info: ClipInfo) -> float:
        """The wall-clock limit for one clip. Where the container does not say its frame rate, 60 are assumed.

        The container's own count of frames may raise the limit, never lower it.
        """
        frames = max(info.frames, float(info.duration) * float(info.frame_rate or 60))
        megapixels = info.width * info.height / 1e6
        return min(self.most, max(LEAST_EDIT_SECONDS, frames * megapixels * self.per_megapixel_frame))


@dataclass
class Walk:
    """One task on its way: its steps, and the attempt that it is at."""

    task: Task
    step: Step


def ending_of(failure: RefilmError) -> dict[str, Any]:
    """What is known of how an attempt ended, as fields of an event: facts, and what a child process said itself."""
    ending: dict[str, Any] = {"notes": getattr(failure, "__notes__", [])}
    if isinstance(failure, EngineCrash) and failure.words:
        ending["words"] = failure.words
    return ending


#: Engine, request and a poll that may raise Cancelled, to what the engine shall know besides its options.
Interpret = Callable[[str, EditRequest, Callable[[], None]], Mapping[str, Any]]


def nothing_to_add(_engine: str, _request: EditRequest, _poll: Callable[[], None]) -> Mapping[str, Any]:
    """Of somebody who lends engines nothing."""
    return {}


class Workflow:
    """What a worker does with a task."""

    def __init__(
        self,
        service: Service,
        store: Store,
        assets: Assets,
        fetcher: Fetcher,
        runner: Runner,
        *,
        limits_of: Callable[[Model], ModelLimits],
        allowance: Allowance,
        options: Mapping[str, Any],
        interpret: Interpret = nothing_to_add,
        room: Room | None = None,
    ) -> None:
        """options: the operator's settings for engines.  interpret: what an engine finds out before the edit."""
        self._service = service
        self._store = store
        self._assets = assets
        self._fetcher = fetcher
        self._runner = runner
        self._limits_of = limits_of
        self._allowance = allowance
        self._options = options
        self._interpret = interpret
        self._room = room or Room()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Give up what runs, to be taken up at the next start. Takes effect within about a second."""
        self._stopping.set()

    def run(self, task_id: str, step: Step) -> None:
        """Walk one task to its end. Never raises for what a task can bring along."""
        # Not a step: every time a workflow is taken up again is another attempt, and must count as one.
        if self._stopping.is_set():
            raise Interrupted
        task = self._until_written(lambda: self._service.start(task_id))
        if task is None:
            return
        log = logger.bind(task_id=task_id, engine=task.engine)
        inputs = [item.uri for item in inputs_of(task.request)]
        log.info("task started", attempt=task.attempt, prompt=task.request.prompt_text, inputs=inputs)
        walk = Walk(task, step)
        try:
            self._end(walk, log)
        except Interrupted:
            # If this cannot be written the attempt counts, and the next start takes the task up all the same.
            with contextlib.suppress(RefilmError):
                self._service.hand_back(walk.task)
            log.info("task handed back")
            raise

    def _end(self, walk: Walk, log: Any) -> None:
        """Walk to whichever end there is, and write it down."""
        try:
            self._walk(walk)
            log.info("task ended")
        except Cancelled as unwanted:
            if not self._service.abandon(walk.task):
                raise Overtaken from unwanted
            log.info("task not wanted any more")
        except EditFailure as failure:
            self._fail(walk.task, failure)
            log.info("task failed", failure_code=failure.failure_code, words=str(failure), **ending_of(failure))
        except StorageFull as full:
            self._fail(walk.task, EngineCrash(str(full)))
            log.error("no room for a task's files", reason=str(full))
        except Exception:
            fault = new_fault()
            log.exception("task broke", fault=fault)
            told = f"Something went wrong inside the server; try again later. Its log has it under the name {fault}."
            self._fail(walk.task, EngineCrash(told))

    def _walk(self, walk: Walk) -> None:
        self._until_there_is_room(walk.task)
        keys = self._tried(walk, "fetch", self.fetch)
        info = ClipInfo.from_json(self._tried(walk, "check", self.check, keys["video"]))
        found = walk.step("interpret", self.interpret, walk.task)
        result = self._tried(walk, "edit", self.edit, keys, info, found)
        task, outputs, applied = walk.task, (result["output"],), result["applied"]
        if not self._until_written(lambda: self._service.succeed(task, outputs, info, applied)):
            raise Cancelled("The task was not wanted any more.")

    def _until_there_is_room(self, task: Task) -> None:
        """Wait while the disk is short of room: a task that was accepted is worth it."""
        while self._room.is_short():
            logger.warning("a task waits for room on the disk", task_id=task.id)
            if self._stopping.wait(WRITE_PAUSE_SECONDS):
                raise Interrupted
            self._still_wanted(task)

    def _tried(self, walk: Walk, name: str, work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        """The result of a step that is taken again, as the next attempt, when it breaks off for want of luck.

        Each try is a step of its own and recorded with the way it ended. A task that is taken up later finds there how
        far it came: it repeats no try, and counts none twice.
        """
        for number in itertools.count(1):
            named = name if number == 1 else f"{name} {number}"
            result = walk.step(named, self._or_how_it_broke_off, work, walk.task, *arguments)
            if "broke_off" not in result:
                return result
            if result["broke_off"] == walk.task.attempt:  # else an attempt has begun since
                self._next_attempt(walk, ERRORS[result["error"]], result["message"])
        raise AssertionError("attempts are numbered")

    def _or_how_it_broke_off(self, work: Callable[..., dict[str, Any]], task: Task, *arguments: Any) -> dict[str, Any]:
        """What `work` returns, or in which attempt and how it ended where another attempt may do better."""
        try:
            return work(task, *arguments)
        except (EditFailure, StorageFull) as failure:
            if isinstance(failure, EditFailure) and not failure.retryable:
                raise
            named = {"task_id": task.id, "attempt": task.attempt, "reason": said(failure)}
            logger.warning("attempt broke off", **named, **ending_of(failure))
            return {"broke_off": task.attempt, "error": type(failure).__name__, "message": str(failure)}

    def _next_attempt(self, walk: Walk, error: type[RefilmError], message: str) -> None:
        """Begin the attempt after the walk's own, or fail for good if that was the last."""
        task = walk.task
        if task.attempt >= MAX_ATTEMPTS:
            raise error(
                f"The edit broke off {task.attempt} times and will not be tried again. The last time: {message}"
            )
        if self._stopping.wait(RETRY_SECONDS * task.attempt):
            raise Interrupted
        self._until_there_is_room(task)
        self._still_wanted(task)
        begun = self._until_written(lambda: self._service.start_again(task))
        if begun is None:  # by somebody else, or by a write whose answer was lost: whoever takes it up next will see
            raise Overtaken
        walk.task = begun

    def _until_written(self, write: Callable[[], T]) -> T:
        """Repeat a write that the database cannot take just now: a full disk must not cost a task its end."""
        while True:
            try:
                return write()
            except (Unavailable, StorageFull) as away:
                logger.warning("the database cannot be written, trying again", reason=str(away))
                if self._stopping.wait(WRITE_PAUSE_SECONDS):
                    raise Interrupted from away

    def _go_on(self, task: Task, fraction: float) -> bool:
        """`_is_wanted`, of work that fills the disk. Raises StorageFull where it has come to the last of the room."""
        self._room.check(LAST_SHARE)
        return self._is_wanted(task, fraction)

    def _is_wanted(self, task: Task, fraction: float) -> bool:
        """Note the progress of an attempt and say whether it is still wanted."""
        if self._stopping.is_set():
            raise Interrupted
        try:
            return self._service.progress(task, fraction)
        except (Unavailable, StorageFull):  # a number that nobody saw is no reason to throw away an edit
            return True

    def _fail(self, task: Task, failure: EditFailure) -> None:
        applied: dict[str, Any] = {}
        if isinstance(failure, UnsupportedEdit):
            applied = {
                "refused": [{"text": text, "reason": reason} for text, reason in failure.refused],
                "possible": list(failure.possible),
            }
        told = Failure(str(failure), failure.failure_code)
        self._until_written(lambda: self._service.fail(task, told, applied))

    def fetch(self, task: Task) -> dict[str, str]:
        """Bring every input to an asset. Returns the asset keys by input name."""
        return {item.name: self._bring(task, item) for item in inputs_of(task.request)}

    def _bring(self, task: Task, item: Input) -> str:
        if item.uri.startswith(ASSET_SCHEME):
            return item.uri.removeprefix(ASSET_SCHEME)
        if form_of(item.uri) is UriForm.UPLOAD:
            return self._uploaded(task, item.uri)
        key = input_key(task.id, item.name)
        for left in reversed(range(FETCH_TRIES)):
            try:
                with self._assets.writer(key, retry=lambda away: self._wait(task, away)) as file:
                    self._fetcher.download(item.uri, item.kind, file, poll=lambda: self._still_wanted(task))
                return key
            except Unavailable as away:
                if not left:
                    raise InvalidAsset(f"The input could not be fetched: {away}") from away
                time.sleep(FETCH_PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")

    def _still_wanted(self, task: Task) -> None:
        if not self._is_wanted(task, 0.0):
            raise Cancelled("The task was cancelled.")

    def _uploaded(self, task: Task, uri: str) -> str:
        upload = self._store.read(lambda tx: tx.uploads.get(parse_upload_uri(uri)))
        if upload is None or upload.account != task.account or upload.key is None:
            raise InvalidAsset("The upload is gone. Upload the file again.")
        return upload.key

    def check(self, task: Task, key: str) -> dict[str, Any]:
        """Find out what the clip is and whether it suits the model. Returns its facts."""
        with self._opened(task, key) as file:
            info = self._runner.probe_clip(file, on_tick=lambda _: self._go_on(task, 0.0))
        problem = self._limits_of(task.request.model).problem(info)
        if problem is not None:
            raise InvalidAsset(problem)
        return info.to_json()

    def interpret(self, task: Task) -> dict[str, Any]:
        """What the engine finds out about the prompt here, because its child has no network: further options for it."""
        return dict(self._interpret(task.engine, task.request, lambda: self._still_wanted(task)))

    def edit(self, task: Task, keys: Mapping[str, str], info: ClipInfo, found: Mapping[str, Any]) -> dict[str, Any]:
        """Run the engine in its child process and publish what it wrote, under a key of this attempt."""
        output = output_key(task.id, task.attempt, task.request.output.format)
        with ExitStack() as opened:
            files: list[BinaryIO] = [
                opened.enter_context(self._opened(task, keys[item.name])) for item in inputs_of(task.request)
            ]
            writer = self._assets.writer(output, retry=lambda away: self._wait(task, away))
            files.append(opened.enter_context(writer))
            outcome = self._runner.edit(
                task.engine,
                task.request,
                info,
                files,
                options={**self._options, **found},
                seconds=self._allowance.seconds(info),
                on_tick=lambda fraction: self._go_on(task, fraction),
            )
        return {"output": output, "applied": self._record(task.request, outcome.applied)}

    def _record(self, request: EditRequest, applied: dict[str, Any]) -> dict[str, Any]:
        """What was applied, with the request's members that had no effect."""
        return {"ignored": list(request.ignored), **applied} if request.ignored else applied

    def _opened(self, task: Task, key: str) -> contextlib.AbstractContextManager[BinaryIO]:
        while True:
            try:
                return contextlib.closing(self._assets.open(key))
            except NotFound as gone:
                raise InvalidAsset("An input of this task is gone. Send the request again.") from gone
            except Unavailable as away:
                self._wait(task, away)

    def _wait(self, task: Task, away: Unavailable) -> None:
        """Wait a little for assets that cannot be reached; that costs a task time, and nothing else."""
        logger.warning("assets cannot be reached, trying again", task_id=task.id, reason=str(away))
        self._still_wanted(task)
        if self._stopping.wait(WRITE_PAUSE_SECONDS):
            raise Interrupted from away
