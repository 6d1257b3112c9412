"""What came out: downloads an output as a stranger would and says what it shows.

Decodes with PyAV alone, so that our own reader is not judged by itself.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from plain_http import HTTP


@dataclass(frozen=True)
class Shown:
    """A decoded clip. times: seconds of each frame.  means: the mean RGB of each frame, 0..255, (frames, 3).

    spread: the mean over a quarter of the pixels of the difference between largest and smallest channel; 0 is grey.
    """

    codec: str
    pixel_format: str
    size: tuple[int, int]
    times: tuple[Fraction, ...]
    means: NDArray[np.float64]
    spread: float
    faststart: bool
    audio: str | None


def look_at(clip: Path | bytes) -> Shown:
    """Decode the whole clip."""
    content = clip if isinstance(clip, bytes) else clip.read_bytes()
    with av.open(io.BytesIO(content)) as container:
        stream = container.streams.video[0]
        times, means, spreads = [], [], []
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            times.append(frame.pts * Fraction(frame.time_base))
            picture = frame.to_ndarray(format="rgb24")[::2, ::2]
            means.append(picture.mean(axis=(0, 1)))
            spreads.append(float((picture.max(axis=2) - picture.min(axis=2)).mean()))
        context = stream.codec_context
        audio = container.streams.audio
        return Shown(
            context.name,
            str(context.pix_fmt),
            (context.width, context.height),
            tuple(times),
            np.array(means),
            float(np.mean(spreads)),
            content.find(b"moov") < content.find(b"mdat"),
            audio[0].codec_context.name if audio else None,
        )


def download(url: str) -> bytes:
    """The bytes behind an output URL, which needs no key."""
    answer = HTTP.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "video/mp4"
    return answer.content
