"""The sound of a clip on its way into the output: copied packet by packet, or transcoded once to AAC, which sound that
follows another course of time always is.

Reads the source through a demuxer of its own, so that sound can follow the picture's pace in constant memory.
Knows nothing of pictures but where the clip's time begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.audio.frame import AudioFrame
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
from refilm.media.pyav import opens
from refilm.media.reversed_sound import backwards
from refilm.media.transcode import SoundCourse, aac_stream, decoded, encoded

#: What browsers play inside MP4.
COPIED_CODECS = frozenset({"aac", "mp3", "opus", "flac"})
#: Codecs whose MP4 form needs the setup bytes that only the container knows.
_NEED_SETUP = frozenset({"aac", "opus", "flac"})

_LONGEST_PACKET = 60  # seconds

NO_AUDIO: dict[str, Any] = {"action": "none", "codec": None}


class AudioTrack:
    """The sound track of a clip, ready for the muxer.

    record: what is done with it: {"action": "copied" | "transcoded" | "none", "codec": the output's}, and "from" for
    the source's codec where it differs, "reason" where sound is left out, "tempo" and "backwards" where its time is
    changed.
    """

    def __init__(self, source: BinaryIO, output: OutputContainer, course: SoundCourse | None = None) -> None:
        """Open `source` and add a stream to `output`, if there is sound that we read. Raises InvalidAsset.

        course: what becomes of the sound's time; None leaves it as it is.
        """
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
        if course is None and name in COPIED_CODECS and (name not in _NEED_SETUP or stream.codec_context.extradata):
            self.record = {"action": "copied", "codec": name}
            self._packets = self._copied(stream, output.add_stream_from_template(stream))
        elif name not in AUDIO_CODECS and not name.startswith("pcm_"):
            self.record = {"action": "none", "codec": None, "from": name, "reason": "the codec is not supported"}
        elif not opens(stream.codec_context):
            self.record = {"action": "none", "codec": None, "from": name, "reason": "the sound is damaged"}
        else:
            self.record = {"action": "transcoded", "codec": "aac", "from": name}
            self._packets = encoded(self._sound(stream, course), aac_stream(stream, output), course)
            if course is not None:
                self.record |= {"tempo": float(course.tempo), "backwards": course.end is not None}

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

    def _sound(self, stream: AudioStream, course: SoundCourse | None) -> Iterator[AudioFrame]:
        """The decoded sound in the order in which it will be heard, on a clock that begins at the clip's start."""
        if course is not None and course.end is not None:
            return backwards(self._container, stream, self._origin, course.end)
        return decoded(self._read(stream), stream, self._origin)

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
            if (packet.duration or 0) * packet.time_base > _LONGEST_PACKET:
                packet.duration = 0  # damage; it would not fit the index
            packet.dts, packet.pts, last = dts, max(pts, dts), dts
            packet.stream = target
            yield packet
