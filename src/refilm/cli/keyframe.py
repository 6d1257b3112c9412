"""The spelling of a keyframe on the command line: `IMAGE@3`, `IMAGE@25%`, `IMAGE@3:2-5`.

An image, the moment it belongs to in seconds or as a part of the clip, and perhaps the whole seconds that it governs.
Opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refilm.cli.options import BadArgument

if TYPE_CHECKING:
    from refilm.domain.edit import Keyframe

MAX_KEYFRAMES = 5

_SPELLING = re.compile(
    r"(?P<image>.+)@(?P<moment>\d{1,6}(?:\.\d{1,9})?)(?P<percent>%?)(?::(?P<start>\d{1,6})-(?P<end>\d{1,6}))?",
    re.DOTALL,
)


def keyframes_of(texts: Sequence[str]) -> tuple[list[Path], tuple[Keyframe, ...]]:
    """The images and the keyframes that the options name, in their order. Raises BadArgument."""
    parsed = [_parsed(text) for text in texts]
    if len(parsed) > MAX_KEYFRAMES:
        raise BadArgument(f"at most {MAX_KEYFRAMES} keyframes can be given")
    if len({keyframe.range is None for _, keyframe in parsed}) > 1:
        raise BadArgument("either every --keyframe has a range or none has")
    return [path for path, _ in parsed], tuple(keyframe for _, keyframe in parsed)


def _parsed(text: str) -> tuple[Path, Keyframe]:
    from refilm.domain.edit import Keyframe, TimeRange

    found = _SPELLING.fullmatch(text)
    if found is None:
        raise BadArgument(
            f"--keyframe {text!r} is none of IMAGE@3 (at 3 s), IMAGE@25% (of the clip), "
            "IMAGE@3:2-5 (at 3 s, for the seconds from 2 to 5)"
        )
    moment = float(found["moment"])
    if found["percent"] and moment > 100:
        raise BadArgument(f"--keyframe {text!r}: a part of the clip is at most 100%")
    span = None
    if found["start"] is not None:
        span = TimeRange(int(found["start"]), int(found["end"]))
        if span.end_seconds <= span.start_seconds:
            raise BadArgument(f"--keyframe {text!r}: the range must end after it starts")
        if not found["percent"] and not span.start_seconds <= moment < span.end_seconds:
            raise BadArgument(f"--keyframe {text!r}: the keyframe must lie within its own range")
    if found["percent"]:
        return Path(found["image"]), Keyframe("local:", at=moment / 100, range=span)
    return Path(found["image"]), Keyframe("local:", seconds=moment, range=span)
