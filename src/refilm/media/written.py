"""What every writer leaves behind, and what it raises where it cannot."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

from refilm.errors import BadOutput, StorageFull

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
