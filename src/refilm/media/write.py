"""Writing an MP4 that browsers play: H.264, yuv420p, its index in front, the source's sound beside it.

Everything goes through the output's descriptor; moving the index to the front reads back through the same one. Memory
is the encoder's look-ahead, whatever the length.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import Any, BinaryIO, Self

import av
import numpy as np
from av.video.frame import PictureType

from refilm.errors import BadOutput, StorageFull
from refilm.media import colour
from refilm.media.audio import NO_AUDIO, AudioTrack
from refilm.media.descriptor import Descriptor
from refilm.media.frame import Frame
from refilm.media.geometry import Size, check_even
from refilm.media.transcode import SoundCourse

#: Rates that steer the encoder; timestamps are exact whatever they are.
_SLOWEST, _FASTEST = Fraction(1), Fraction(240)

#: NumPy's names, old and new, for the AVX-512 extensions that x264 asks for.
_AVX512_NAMES = frozenset({"AVX512_SKX", "X86_V4"})


@dataclass(frozen=True)
class Written:
    """What a finished writer leaves. frames: pictures.  bytes: of the file.

    audio: {"action": "copied" | "transcoded" | "none", "codec": the output's codec or None, ...}, JSON values.
    notes: sentences on what had to be done to the source, from its reader.  read: pictures of the source that it read.
    """

    frames: int
    audio: dict[str, Any] = field(default_factory=dict)
    bytes: int = 0
    notes: tuple[str, ...] = ()
    read: int = 0


class ClipWriter:
    """Encodes frames into a faststart MP4. A context manager; what it leaves is whole only after `finish`."""

    def __init__(
        self,
        output: BinaryIO,
        *,
        size: Size,
        time_base: Fraction,
        frame_rate: Fraction,
        matrix: str,
        preset: str = "veryfast",
        crf: int = 20,
        threads: int = 2,
        audio_from: BinaryIO | None = None,
        sound_course: SoundCourse | None = None,
    ) -> None:
        """output: a regular file open for reading and writing, with a descriptor; what it held is thrown away.

        size: (width, height), even.  time_base: unit of the frames' pts.  frame_rate: average, steers the encoder only.
        matrix: "709" or "601", of the frames.  threads: of the encoder; the file's bytes depend on it.
        audio_from: the clip whose sound goes along.  sound_course: what becomes of its time, None where nothing does.
        Raises InvalidAsset where the sound's clip cannot be read.
        """
        check_even(size)
        self._output = output
        os.ftruncate(output.fileno(), 0)
        self._file = Descriptor(output)
        self._size = size
        self._frames = 0
        self._first: tuple[int, int] | None = None  # pts and dts of the first packet
        self._end = 0  # where the last picture ends, in pts
        self._held: av.Packet[Any] | None = None
        self._usual_duration = max(1, round(1 / (frame_rate * time_base)))
        self._container = av.open(
            self._file, "w", format="mp4", options={"movflags": "+faststart"}, io_open=lambda *_: Descriptor(output)
        )
        self._stream = self._container.add_stream(
            "libx264",
            rate=min(max(frame_rate, _SLOWEST), _FASTEST),
            options={"preset": preset, "crf": str(crf), "profile": "high", **steady_kernels()},
            width=size[0],
            height=size[1],
            pix_fmt="yuv420p",
            time_base=time_base,
        )
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.sample_aspect_ratio = Fraction(1)
        colour.flag_output(self._stream.codec_context, matrix)
        self._audio = AudioTrack(audio_from, self._container, sound_course) if audio_from is not None else None

    def new_frame(self, like: Frame) -> Frame:
        """A frame of the output's size whose planes are yours to fill, at the same place in time as `like`."""
        picture = av.VideoFrame(*self._size, "yuv420p")
        return Frame(
            picture,
            index=like.index,
            pts=like.pts,
            time_base=like.time_base,
            origin=like.origin,
            duration=like.duration,
            time=like.time,
        )

    def write(self, frame: Frame) -> None:
        """Encode one frame. Frames come in the order of their pts, which must rise.

        Raises ValueError for a frame of another size, BadOutput where the encoder fails, StorageFull on a full disk.
        """
        if frame.size != self._size:
            raise ValueError(f"a frame of {frame.size} cannot go into a clip of {self._size}")
        picture = frame.picture
        picture.pict_type = PictureType.NONE  # else the encoder would repeat the source's choice of key frames
        picture.pts, picture.time_base = frame.pts, frame.time_base
        self._end = max(self._end, frame.pts + (frame.duration or self._usual_duration))
        with _writing_errors():
            self._mux(self._stream.encode(picture))
        self._frames += 1

    def finish(self) -> Written:
        """Encode what is left, write the index to the front. Raises BadOutput where no frame was written."""
        if self._frames == 0:
            raise BadOutput("The edit produced no picture.")
        with _writing_errors():
            self._mux(self._stream.encode(None))
            self._mux_last()
            for packet in self._audio.until(None) if self._audio is not None else ():
                self._container.mux_one(packet)
            self._container.close()
        audio = self._audio.record if self._audio is not None else dict(NO_AUDIO)
        self._release()
        return Written(self._frames, audio, os.fstat(self._output.fileno()).st_size)

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        """Mux pictures, and before each the sound that belongs before it. The newest packet is held back."""
        for packet in packets:
            if self._first is None:
                self._first = (packet.pts or 0, packet.dts or 0)
            if self._held is not None:
                self._mux_held(self._held)
            self._held = packet

    def _mux_held(self, packet: av.Packet[Any]) -> None:
        time = (packet.dts or 0) * packet.time_base
        for sound in self._audio.until(time) if self._audio is not None else ():
            self._container.mux_one(sound)
        self._container.mux_one(packet)

    def _mux_last(self) -> None:
        """Mux the last packet, so long that the track lasts as long as its pictures.

        MP4 adds up the distances in decoding order, and at a variable rate those of the last pictures say little.
        """
        if self._held is None or self._first is None:
            return
        first_pts, first_dts = self._first
        shown, decoded = self._end - first_pts, (self._held.dts or 0) - first_dts
        self._held.duration = max(1, shown - decoded)
        self._mux_held(self._held)
        self._held = None

    def _release(self) -> None:
        """Close the demuxer, and keep PyAV from writing an index into a file that was given up."""
        self._file.close()
        if self._audio is not None:
            self._audio.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()


def steady_kernels() -> dict[str, str]:
    """Options that keep x264 from its AVX-512 kernels, where the processor has them.

    Its macroblock-tree kernel for AVX-512 reads uninitialised memory past the end of a row unless the width is a
    multiple of 128, so the same pictures gave different files (seen with x264 165; superfast has no such tree). The
    AVX2 kernels are exact and, measured at 720p, as fast. Naming them elsewhere would force them on processors
    without AVX2, hence the question.
    """
    features = np.show_config(mode="dicts").get("SIMD Extensions", {})
    found = {*features.get("baseline", ()), *features.get("found", ())}
    return {"x264-params": "asm=avx2"} if _AVX512_NAMES & found else {}


@contextmanager
def _writing_errors() -> Iterator[None]:
    """Errors of encoder and muxer become BadOutput, a full disk becomes StorageFull."""
    try:
        yield
    except av.FFmpegError as error:
        raise BadOutput("The edited clip could not be encoded.") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StorageFull("There is no room for the edited clip.") from error
        raise
