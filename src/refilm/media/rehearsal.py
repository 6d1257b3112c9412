"""Doing everything once, with a clip and pictures of our own: what libraries load at their first use is then there.

For a process that will soon be unable to open files. All of it happens in memory; nothing is kept.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import numpy as np
from PIL import Image

from refilm.domain.edit import OutputFormat
from refilm.errors import EditFailure
from refilm.media.picture import FORMATS, probe_picture, read_picture
from refilm.media.probe import probe
from refilm.media.stream import edit_frames

WIDTH, HEIGHT, FRAMES = 64, 48, 4
SOUND_RATE, SOUND_FRAME = 16_000, 1024


def rehearse() -> None:
    """Probe and rewrite a tiny clip in every format, read a picture of each kind, and fail on broken ones."""
    clip = tiny_clip()
    with _in_memory(clip) as source:
        probe(source)
        for output_format in OutputFormat:
            with _in_memory() as output:
                edit_frames(source, output, None, size=(WIDTH // 2, HEIGHT // 2), output_format=output_format)
    for broken in (b"", b"x" * 4096, clip[: len(clip) // 2]):
        _fail(probe, broken)
        _fail(probe_picture, broken)
    for name in FORMATS:
        with _in_memory(tiny_picture(name)) as picture:
            probe_picture(picture)
            read_picture(picture, 8)


def tiny_clip() -> bytes:
    """A few grey frames with silence, as MP4."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1
        sound: Any = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT * 3 // 2, WIDTH), 60 + 40 * index, np.uint8), "yuv420p")
            silence = av.AudioFrame.from_ndarray(np.zeros((1, SOUND_FRAME), np.float32), "fltp", "mono")
            silence.sample_rate = SOUND_RATE
            frame.pts, silence.pts = index, index * SOUND_FRAME
            frame.time_base, silence.time_base = Fraction(1, 24), Fraction(1, SOUND_RATE)
            container.mux([*video.encode(frame), *sound.encode(silence)])
        container.mux([*video.encode(None), *sound.encode(None)])
    return file.getvalue()


def tiny_picture(kind: str) -> bytes:
    """A picture of a few pixels that lies on its side."""
    file, tags = io.BytesIO(), Image.Exif()
    tags[0x0112] = 6
    Image.new("RGBA" if kind != "JPEG" else "RGB", (16, 12)).save(file, kind, exif=tags)
    return file.getvalue()


def _fail(read: Callable[[BinaryIO], object], content: bytes) -> None:
    with _in_memory(content) as file:
        try:
            read(file)
        except EditFailure as error:
            str(error)


@contextmanager
def _in_memory(content: bytes = b"") -> Iterator[BinaryIO]:
    """A file with a descriptor and, where the system knows such files, without a place on any disk."""
    if hasattr(os, "memfd_create"):
        file = cast("BinaryIO", os.fdopen(os.memfd_create("refilm"), "w+b", buffering=0))
    else:
        file = cast("BinaryIO", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - closed below
    with file:
        file.write(content)
        file.seek(0)
        yield file
