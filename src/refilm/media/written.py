"""What every writer takes, what it leaves behind, and what it raises where it cannot."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

from refilm.errors import BadOutput, StorageFull
from refilm.media.frame import Frame
from refilm.media.geometry import Size, check_even

NO_PICTURE = "The edit produced no picture."


@dataclass(frozen=True)
class Written:
    """What a finished writer leaves. frames: pictures.  bytes: of the file.

    audio: {"action": "copied" | "transcoded" | "none", "codec": the output's codec or None, ...}, JSON values.
    notes: sentences on what had to be done to the source, and on what the file does not hold.
    read: pictures of the source that were read.  encoder: {"codec": ..., ...}, JSON values.
    seconds: from the beginning of the first picture to the end of the last.
    """

    frames: int
    audio: dict[str, Any] = field(default_factory=dict)
    bytes: int = 0
    notes: tuple[str, ...] = ()
    read: int = 0
    encoder: dict[str, Any] = field(default_factory=dict)
    seconds: Fraction = Fraction(0)


class Taken:
    """The frames that a writer has taken: all of one size, each shown after the one before it.

    count: of them.  begin, end: of the time in which they are shown, in pts, nothing where there are none.
    """

    def __init__(self, size: Size, time_base: Fraction, frame_rate: Fraction) -> None:
        """size: (width, height), even, else ValueError.  time_base: unit of pts.  frame_rate: average, frames/s."""
        check_even(size)
        self._size, self._time_base = size, time_base
        self._usual_duration = max(1, round(1 / (frame_rate * time_base)))
        self._latest: int | None = None
        self.count = self.begin = self.end = 0

    def take(self, frame: Frame) -> None:
        """Count one more. Raises ValueError for a frame of another size or one that is shown no later than the last."""
        if frame.size != self._size:
            raise ValueError(f"a frame of {frame.size} cannot go among frames of {self._size}")
        if self._latest is None:
            self.begin = frame.pts
        elif frame.pts <= self._latest:
            raise ValueError(f"a frame shown at {frame.pts} cannot come after one shown at {self._latest}")
        self._latest = frame.pts
        self.count += 1
        self.end = max(self.end, frame.pts + (frame.duration or self._usual_duration))

    @property
    def seconds(self) -> Fraction:
        """From the beginning of the first picture to the end of the last. Raises BadOutput where there is none."""
        if self.count == 0:
            raise BadOutput(NO_PICTURE)
        return (self.end - self.begin) * self._time_base


@contextmanager
def writing_errors() -> Iterator[None]:
    """Errors of encoder and muxer become BadOutput, a full disk becomes StorageFull."""
    try:
        yield
    except av.FFmpegError as error:
        raise BadOutput("The edited clip could not be encoded.") from error
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise StorageFull(
                "The edited clip is larger than a file may be here. Send a shorter clip, or ask for mp4."
            ) from error
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull("There is no room for the edited clip.") from error
        raise
