"""The sound of a clip on its way into the output: copied packet by packet, or transcoded once to AAC.

Reads the source through a demuxer of its own, so that sound can follow the picture's pace in constant memory.
Knows nothing of pictures but where the clip's time begins.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from refilm.media.container import (
    AUDIO_CODECS,
    audio_stream,
    codec_name,
    open_input,
    origin_of,
    use_only,
    video_stream,
)

#: What browsers play inside MP4.
COPIED_CODECS = frozenset({"aac", "mp3", "opus", "flac"})
#: Codecs whose MP4 form needs the setup bytes that only the container knows.
_NEED_SETUP = frozenset({"aac", "opus", "flac"})
_AAC_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000})
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}
_BITS_PER_CHANNEL = 96_000
#: A hole in the sound longer than this is filled with silence when transcoding; more than the cap is damage.
_HOLE, _LONGEST_HOLE = Fraction(1, 10), Fraction(60)

NO_AUDIO: dict[str, Any] = {"action": "none", "codec": None}


class AudioTrack:
    """The sound track of a clip, ready for the muxer.

    record: what is done with it: {"action": "copied" | "transcoded" | "none", "codec": the output's}, and "from" for
    the source's codec where it differs, "reason" where sound is left out.
    """

    def __init__(self, source: BinaryIO, output: OutputContainer) -> None:
        """Open `source` and add a stream to `output`, if there is sound that we read. Raises InvalidAsset."""
        self.record = dict(NO_AUDIO)
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: Packet[Any] | None = None
        self._container = open_input(source)
        stream = audio_stream(self._container)
        if stream is None:
            return
        self._origin = origin_of(video_stream(self._container), stream)
        use_only(self._container, stream)
        name = codec_name(stream)
        if name in COPIED_CODECS and (name not in _NEED_SETUP or stream.codec_context.extradata):
            self.record = {"action": "copied", "codec": name}
            self._packets = self._copied(stream, output.add_stream_from_template(stream))
        elif name in AUDIO_CODECS or name.startswith("pcm_"):
            self.record = {"action": "transcoded", "codec": "aac", "from": name}
            self._packets = self._transcoded(stream, self._aac(stream, output))
        else:
            self.record = {"action": "none", "codec": None, "from": name, "reason": "the codec is not supported"}

    def until(self, time: Fraction | None) -> Iterator[Packet[Any]]:
        """The packets not yet given that begin before `time` seconds of the output's clock; for None, all the rest."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None:
                return
            if time is not None and (self._next.dts or 0) * self._next.time_base >= time:
                return
            packet, self._next = self._next, None
            yield packet

    def close(self) -> None:
        """Let go of the demuxer. The file stays open."""
        self._container.close()

    def _read(self, stream: AudioStream) -> Iterator[Packet[Any]]:
        """The stream's packets, without the demuxer's closing dummy, up to its end or damage."""
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                return
            if packet.size:
                yield packet

    def _copied(self, stream: AudioStream, target: AudioStream) -> Iterator[Packet[Any]]:
        """The packets themselves on the output's clock; times only ever rise, as the muxer wants it."""
        last: int | None = None
        for packet in self._read(stream):
            shift = round(self._origin / packet.time_base)
            told = packet.dts if packet.dts is not None else packet.pts
            dts = told - shift if told is not None else (last or 0) + 1
            if last is not None:
                dts = max(dts, last + 1)
            pts = packet.pts - shift if packet.pts is not None else dts
            packet.dts, packet.pts, last = dts, max(pts, dts), dts
            packet.stream = target
            yield packet

    def _aac(self, stream: AudioStream, output: OutputContainer) -> AudioStream:
        rate = stream.codec_context.sample_rate
        layout = _LAYOUTS.get(stream.codec_context.layout.nb_channels, "stereo")
        target = output.add_stream("aac", rate=rate if rate in _AAC_RATES else 48_000)
        target.codec_context.layout = layout
        target.codec_context.bit_rate = _BITS_PER_CHANNEL * target.codec_context.layout.nb_channels
        target.codec_context.thread_count = 1
        target.codec_context.open()
        return target

    def _transcoded(self, stream: AudioStream, target: AudioStream) -> Iterator[Packet[Any]]:
        """AAC packets; the sample count is the clock, started at the first sound's time."""
        context = target.codec_context
        resampler = AudioResampler(context.format, context.layout, context.rate, frame_size=context.frame_size)
        position: int | None = None  # in samples, of the next piece
        for frame in self._decoded(stream):
            if position is None:
                position = round((_time_of(frame, self._origin) - self._origin) * context.rate)
            for piece in resampler.resample(frame):
                yield from target.encode(_at(piece, position, context.rate))
                position += piece.samples
        if position is None:
            return
        for piece in resampler.resample(None):
            yield from target.encode(_at(piece, position, context.rate))
            position += piece.samples
        yield from target.encode(None)

    def _decoded(self, stream: AudioStream) -> Iterator[AudioFrame]:
        """The stream's sound without its damaged packets, holes filled with silence."""
        expected: Fraction | None = None
        for packet in itertools.chain(self._read(stream), [None]):
            try:
                frames = stream.decode(packet)
            except av.FFmpegError:
                continue
            for frame in frames:
                start = _time_of(frame, self._origin if expected is None else expected)
                if expected is not None and _HOLE < start - expected <= _LONGEST_HOLE:
                    yield _silence(frame, expected, round((start - expected) * frame.sample_rate))
                yield frame
                expected = start + Fraction(frame.samples, frame.sample_rate)


def _time_of(frame: AudioFrame, otherwise: Fraction) -> Fraction:
    """When the frame begins, in seconds of the source's clock; `otherwise` where it does not say."""
    if frame.pts is None or frame.time_base is None:
        return otherwise
    return frame.pts * frame.time_base


def _at(frame: AudioFrame, position: int, rate: int) -> AudioFrame:
    """The frame, placed at sample number `position`."""
    frame.pts, frame.time_base = position, Fraction(1, rate)
    return frame


def _silence(like: AudioFrame, start: Fraction, samples: int) -> AudioFrame:
    """`samples` of silence in the format of `like`."""
    frame = AudioFrame(like.format.name, like.layout, samples)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 128 if like.format.name.startswith("u8") else 0  # type: ignore[call-overload]
    frame.sample_rate, frame.time_base = like.sample_rate, like.time_base
    frame.pts = round(start / (like.time_base or Fraction(1, like.sample_rate)))
    return frame
