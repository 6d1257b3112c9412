"""Writing a clip as single pictures: a zip of numbered PNGs, with their times and the sound beside them.

The pictures are RGB, full range, 8 bit, upright. `timing.json` says when each is shown, so that nothing of the clip's
time is lost, and `audio.wav` is its sound as plain samples from the clip's start on. The zip stores what it holds: PNGs
do not shrink. The same frames give the same bytes. Memory: a few pictures, and some bytes for the time of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import IO, Any, BinaryIO, Self, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import av
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from refilm.media import colour
from refilm.media.audio import NO_AUDIO
from refilm.media.descriptor import Descriptor
from refilm.media.frame import Frame, new_frame
from refilm.media.geometry import Size
from refilm.media.transcode import SoundCourse
from refilm.media.upright import SCALING
from refilm.media.wave_sound import WaveSound
from refilm.media.written import Taken, Written, writing_errors

TIMING_NAME, SOUND_NAME = "timing.json", "audio.wav"

#: zlib's quickest level: higher ones take twice to six times as long for 8 % less. Of the filters, the difference to
#: the row above is both the quickest and the smallest on footage.
_PNG = {"compression_level": "1", "pred": "up"}

#: The zip's own clock begins here; real times would make two equal edits differ.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16


class PictureWriter:
    """Writes frames into a zip of PNGs. A context manager; what it leaves is whole only after `finish`."""

    def __init__(
        self,
        output: BinaryIO,
        *,
        size: Size,
        time_base: Fraction,
        frame_rate: Fraction,
        matrix: str,
        threads: int = 2,
        audio_from: BinaryIO | None = None,
        sound_course: SoundCourse | None = None,
    ) -> None:
        """As for ClipWriter.  frame_rate: told beside the times.  threads: the file's bytes do not depend on them."""
        self._taken = Taken(size, time_base, frame_rate)
        self._output = output
        os.ftruncate(output.fileno(), 0)
        self._size, self._matrix = size, matrix
        self._time_base, self._frame_rate = time_base, frame_rate
        self._times: list[int] = []
        self._stored = 0
        self._scaler = VideoReformatter()
        self._encoder = _png_encoder(size, time_base, threads)
        self._audio_from, self._sound_course = audio_from, sound_course
        self._zip = ZipFile(cast("IO[bytes]", Descriptor(output)), "w", ZIP_STORED, allowZip64=True)

    def new_frame(self, like: Frame) -> Frame:
        """A frame of the output's size whose planes are yours to fill, at the same place in time as `like`."""
        return new_frame(self._size, like)

    def write(self, frame: Frame) -> None:
        """Encode one frame. Frames come in the order of their pts, which must rise.

        Raises ValueError as `Taken.take` does, BadOutput where the encoder fails, StorageFull on a full disk.
        """
        self._taken.take(frame)
        picture = self._rgb(frame.picture)
        picture.pts, picture.time_base = len(self._times), self._time_base
        self._times.append(frame.pts)
        with writing_errors():
            self._store(self._encoder.encode(picture))

    def finish(self) -> Written:
        """Write what is left, the sound, the times, and the zip's directory. Raises BadOutput without a frame."""
        seconds = self._taken.seconds
        with writing_errors():
            self._store(self._encoder.encode(None))
            audio = self._write_sound()
            self._zip.writestr(_entry(TIMING_NAME), self._timing(audio))
            self._zip.close()
        return Written(
            self._taken.count,
            audio,
            os.fstat(self._output.fileno()).st_size,
            encoder={"codec": "png", "bits": 8, "container": "zip"},
            seconds=seconds,
        )

    def _rgb(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture in RGB. Chroma is interpolated and rounding exact: grey stays grey, black 0 and white 255."""
        matrix = colour.scaler_target(self._matrix)
        return self._scaler.reformat(
            picture,
            format="rgb24",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=SCALING | Interpolation.FULL_CHR_H_INT,
            threads=1,
        )

    def _store(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            self._stored += 1
            self._zip.writestr(_entry(picture_name(self._stored)), bytes(packet))

    def _write_sound(self) -> dict[str, Any]:
        """Write the sound, where there is any; returns its record."""
        if self._audio_from is None:
            return dict(NO_AUDIO)
        sound = WaveSound.measured(self._audio_from, self._sound_course)
        if sound.samples:
            with self._zip.open(_entry(SOUND_NAME, sound.length), "w") as file:
                sound.write(file)
        return sound.record

    def _timing(self, audio: dict[str, Any]) -> str:
        """The times, one frame on each line."""
        told = {
            "frame_rate": str(self._frame_rate),
            "time_base": str(self._time_base),
            "size": list(self._size),
            "colour": f"RGB, full range, from BT.{self._matrix} YUV",
            "sound": SOUND_NAME if audio["codec"] else None,
            "end": float(self._taken.end * self._time_base),
        }
        lines = ",\n".join(self._frame_lines())
        return json.dumps(told, indent=1)[:-2] + f',\n "frames": [\n{lines}\n ]\n}}\n'

    def _frame_lines(self) -> Iterator[str]:
        for number, pts in enumerate(self._times, 1):
            told = {"name": picture_name(number), "pts": pts, "seconds": float(pts * self._time_base)}
            yield "  " + json.dumps(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.fp = None  # a zip that was given up gets no directory, also not when it is collected


def picture_name(number: int) -> str:
    """The name of frame `number`, counted from 1. More digits than six only where there are more frames."""
    return f"frame_{number:06d}.png"


def _png_encoder(size: Size, time_base: Fraction, threads: int) -> VideoCodecContext:
    encoder = VideoCodecContext.create("png", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "rgb24"
    encoder.time_base = time_base
    encoder.thread_count = threads
    encoder.thread_type = "FRAME"
    encoder.options = dict(_PNG)
    return encoder


def _entry(name: str, size: int = 0) -> ZipInfo:
    """An entry without a time.  size: where it is written piece by piece; a large one needs other headers."""
    entry = ZipInfo(name, _NO_TIME)
    entry.external_attr = _READABLE
    entry.create_system = 3  # Unix, wherever we run
    entry.file_size = size
    return entry
