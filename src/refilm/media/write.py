"""Writing a clip: an MP4 that browsers play, or a coding for those who work on it, with the source's sound beside it.

Everything goes through the output's descriptor; moving the index to the front reads back through the same one. Memory
is the encoder's look-ahead, whatever the length.
"""

from __future__ import annotations

import os
from fractions import Fraction
from types import TracebackType
from typing import Any, BinaryIO, Self

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from refilm.domain.edit import OutputFormat
from refilm.media import colour
from refilm.media.audio import NO_AUDIO, AudioTrack
from refilm.media.coding import Coding, coding_for
from refilm.media.descriptor import Descriptor
from refilm.media.frame import Frame, new_frame
from refilm.media.geometry import Size
from refilm.media.transcode import SoundCourse
from refilm.media.upright import SCALING
from refilm.media.written import Taken, Written, writing_errors

#: Rates that steer the encoder; timestamps are exact whatever they are.
_SLOWEST, _FASTEST = Fraction(1), Fraction(240)


class ClipWriter:
    """Encodes frames into an MP4 or MOV. A context manager; what it leaves is whole only after `finish`."""

    def __init__(
        self,
        output: BinaryIO,
        *,
        size: Size,
        time_base: Fraction,
        frame_rate: Fraction,
        matrix: str,
        coding: Coding | None = None,
        threads: int = 2,
        audio_from: BinaryIO | None = None,
        sound_course: SoundCourse | None = None,
    ) -> None:
        """output: a regular file open for reading and writing, with a descriptor; what it held is thrown away.

        size: (width, height), even.  time_base: unit of the frames' pts.  frame_rate: average, steers the encoder only.
        matrix: "709" or "601", of the frames.  coding: None for what browsers play.  threads: of the encoder; the
        file's bytes depend on it.
        audio_from: the clip whose sound goes along.  sound_course: what becomes of its time, None where nothing does.
        Raises InvalidAsset where the sound's clip cannot be read.
        """
        self._taken = Taken(size, time_base, frame_rate)
        self._output = output
        os.ftruncate(output.fileno(), 0)
        self._file = Descriptor(output)
        self._size = size
        self._first: tuple[int, int] | None = None  # pts and dts of the first packet
        self._held: av.Packet[Any] | None = None
        self._coding = coding = coding or coding_for(OutputFormat.MP4)
        self._matrix = matrix
        self._scaler = VideoReformatter()
        self._container = av.open(
            self._file,
            "w",
            format=coding.container,
            options={"movflags": "+faststart"} if coding.front else {},
            io_open=lambda *_: Descriptor(output),
        )
        stream: Any = self._container.add_stream(
            coding.encoder,
            rate=min(max(frame_rate, _SLOWEST), _FASTEST),
            options=coding.options,
            width=size[0],
            height=size[1],
            pix_fmt=coding.pixel_format,
            time_base=time_base,
        )
        self._stream: VideoStream = stream
        self._stream.codec_context.thread_count = self._threads = threads
        # PyAV asks for threads within a picture; x264 then cuts it into slices, which takes longer and costs bytes.
        self._stream.codec_context.thread_type = "FRAME"
        self._stream.codec_context.sample_aspect_ratio = Fraction(1)
        colour.flag_output(self._stream.codec_context, matrix)
        self._audio = AudioTrack(audio_from, self._container, sound_course) if audio_from is not None else None

    def new_frame(self, like: Frame) -> Frame:
        """A frame of the output's size whose planes are yours to fill, at the same place in time as `like`."""
        return new_frame(self._size, like)

    def write(self, frame: Frame) -> None:
        """Encode one frame. Frames come in the order of their pts, which must rise.

        Raises ValueError as `Taken.take` does, BadOutput where the encoder fails, StorageFull on a full disk.
        """
        self._taken.take(frame)
        picture = self._prepared(frame.picture)
        picture.pict_type = PictureType.NONE  # else the encoder would repeat the source's choice of key frames
        picture.pts, picture.time_base = frame.pts, frame.time_base
        with writing_errors():
            self._mux(self._stream.encode(picture))

    def finish(self) -> Written:
        """Encode what is left, write the index to the front. Raises BadOutput where no frame was written."""
        seconds = self._taken.seconds
        with writing_errors():
            self._mux(self._stream.encode(None))
            self._mux_last()
            for packet in self._audio.until(None) if self._audio is not None else ():
                self._container.mux_one(packet)
            self._container.close()
        audio = self._audio.record if self._audio is not None else dict(NO_AUDIO)
        self._release()
        return Written(
            self._taken.count,
            audio,
            os.fstat(self._output.fileno()).st_size,
            notes=self._coding.notes,
            encoder={**self._coding.told, "threads": self._threads},
            seconds=seconds,
        )

    def _prepared(self, picture: av.VideoFrame) -> av.VideoFrame:
        """The picture with the samples that the encoder takes: more of them or wider ones, of the same colours."""
        if self._coding.pixel_format == picture.format.name:
            return picture
        matrix = colour.scaler_target(self._matrix)
        return self._scaler.reformat(
            picture,
            format=self._coding.pixel_format,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=SCALING,
            threads=1,
        )

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
        shown, decoded = self._taken.end - first_pts, (self._held.dts or 0) - first_dts
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
