"""The assembly line of an edit: decode, process and encode at the same time, in constant memory.

Decoding and processing have a thread each, encoding stays on the caller's; FFmpeg and the kernels release the GIL, so
both cores work, and the thread that processes goes first. Between them lie lanes of a few frames. Whatever fails
anywhere stops the whole line and is raised at the caller.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import BinaryIO, Generic, TypeVar

from refilm.domain.edit import OutputFormat
from refilm.media.backwards import BackwardsReader
from refilm.media.coding import coding_for, required_matrix
from refilm.media.frame import Frame
from refilm.media.geometry import Size
from refilm.media.index import Rhythm, read_index
from refilm.media.pictures import PictureWriter
from refilm.media.precedence import first_thread, stepped_back
from refilm.media.read import FrameReader
from refilm.media.retiming import Retiming, retimed
from refilm.media.transcode import SoundCourse
from refilm.media.write import ClipWriter
from refilm.media.written import Written

#: Frames that may wait between two stations. More would not run faster, only hold more memory.
LANE_LENGTH = 3

#: process(before, after) fills all planes of `after` from `before`; frames come in order, on one thread.
Process = Callable[[Frame, Frame], None]
Writer = ClipWriter | PictureWriter
_Item = TypeVar("_Item")


class Stopped(Exception):
    """The lane was stopped from the other side."""


class Lane(Generic[_Item]):
    """A queue of few places between two threads that either side can end. Iterate to receive.

    longest: the most items that ever waited.
    """

    def __init__(self, places: int = LANE_LENGTH) -> None:
        self._places = places
        self._items: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self._error: BaseException | None = None
        self.longest = 0

    def put(self, item: _Item) -> None:
        """Wait for a place and lay `item` down. Raises Stopped once the receiver has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._items) < self._places)
            if self._stopped:
                raise Stopped
            self._items.append(item)
            self.longest = max(self.longest, len(self._items))
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come; `error`, if any, is raised at the receiver after the items that wait."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        """The receiver leaves: drop what waits and let no more in."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[_Item]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._ended or bool(self._items))
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item


def edit_frames(
    source: BinaryIO,
    output: BinaryIO,
    process: Process | None,
    *,
    size: Size | None = None,
    output_size: Size | None = None,
    preset: str = "veryfast",
    crf: int = 20,
    on_frame: Callable[[int], None] | None = None,
    keep_audio: bool = True,
    max_seconds: Fraction | None = None,
    retiming: Retiming | None = None,
    output_format: OutputFormat = OutputFormat.MP4,
    prores_profile: str | None = None,
) -> Written:
    """Edit every frame of `source` into `output`, a file of the wanted format with the same timestamps and sound.

    source, output: regular files with descriptors, output open for reading and writing.  process: None passes frames
    through.  size: of `before`, as for FrameReader.  output_size: of `after`, even; None is the same as `before`.
    on_frame(frames_done): called on this thread after each frame; may raise.
    preset, crf: for x264, where it is used.  output_format, prores_profile: as in domain.edit.OutputSpec.
    retiming: what becomes of the clip's time, its sound included; process sees the frames that come of it.
    Blocking. Raises what process or on_frame raise, InvalidAsset, BadOutput, StorageFull; its threads have ended then.
    """
    retiming = retiming or Retiming()
    open_writer: Callable[..., Writer] = PictureWriter
    if output_format is not OutputFormat.PNG_SEQUENCE:
        coding = coding_for(output_format, prores_profile, preset=preset, crf=crf)
        open_writer = partial(ClipWriter, coding=coding)
    with (
        first_thread("refilm-line-process") as first,
        stepped_back(),
        (BackwardsReader if retiming.backwards else FrameReader)(
            source, size=size, max_seconds=max_seconds, matrix=required_matrix(output_format)
        ) as reader,
        open_writer(
            output,
            size=output_size or reader.size,
            time_base=reader.time_base,
            frame_rate=reader.frame_rate,
            matrix=reader.matrix,
            audio_from=source if keep_audio else None,
            sound_course=_sound_course(retiming, reader),
        ) as writer,
        _Line() as line,
    ):
        frames = line.station(reader, name="decode")
        if retiming.tempo != 1:
            frames = line.station(retimed(frames, retiming, _rhythm(source, reader)), name="retime")
        if process is not None:
            frames = line.station(_processed(frames, process, writer), name="process", thread=first)
        for done, frame in enumerate(frames, 1):
            writer.write(frame)
            if on_frame is not None:
                on_frame(done)
        written = writer.finish()
        return replace(written, notes=(*reader.notes, *written.notes), read=reader.read)


def _sound_course(retiming: Retiming, reader: FrameReader) -> SoundCourse | None:
    """What the sound has to do in order to stay with the pictures; None where it may stay as it is."""
    if not retiming.changes:
        return None
    return SoundCourse(retiming.tempo, reader.end if isinstance(reader, BackwardsReader) else None)


def _rhythm(source: BinaryIO, reader: FrameReader) -> Rhythm:
    """How far apart the clip's frames are."""
    step = 1 / reader.frame_rate
    index = read_index(source)
    return index.rhythm(reader.source_base, step) if index is not None else Rhythm(step, step, True)


def _processed(frames: Iterable[Frame], process: Process, writer: Writer) -> Iterator[Frame]:
    for before in frames:
        after = writer.new_frame(before)
        process(before, after)
        yield after


class _Line:
    """Stations, each a thread that walks an iterable and lays its items on a lane. Leaving stops and joins them all."""

    def __init__(self) -> None:
        self._lanes: list[Lane[Frame]] = []
        self._open = ExitStack()

    def station(self, items: Iterable[Frame], *, name: str, thread: ThreadPoolExecutor | None = None) -> Lane[Frame]:
        """thread: one that waits for this; None for a new one."""
        lane: Lane[Frame] = Lane()
        self._lanes.append(lane)
        thread = thread or self._open.enter_context(ThreadPoolExecutor(1, f"refilm-line-{name}"))
        ended = thread.submit(_run_station, items, lane)
        self._open.callback(wait, [ended])
        return lane

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.stop()
        self._open.close()


def _run_station(items: Iterable[Frame], lane: Lane[Frame]) -> None:
    """Walk `items` onto `lane`; whatever is raised travels along the lane."""
    try:
        for item in items:
            lane.put(item)
    except Stopped:
        lane.end()
    except BaseException as error:
        lane.end(error)
    else:
        lane.end()
