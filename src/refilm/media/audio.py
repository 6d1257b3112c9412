"""The sound of a clip on its way into the output: copied packet by packet, or transcoded once, which sound that follows
another course of time always is.

A clip to look at (MP4) gets what browsers play; a clip to work on (MOV) gets what its editor opens, without a further
loss. Knows nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, BinaryIO

from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from refilm.media.sound import Sound
from refilm.media.transcode import SoundCourse, aac_stream, encoded, pcm_stream

_PCM = frozenset(f"pcm_{kind}{order}" for kind in ("s16", "s24", "s32", "f32") for order in ("le", "be"))
#: What each container takes as it is: what browsers play inside MP4, what editors open inside MOV.
COPIED_CODECS = {"mp4": frozenset({"aac", "mp3", "opus", "flac"}), "mov": frozenset({"aac", "mp3", "alac"}) | _PCM}
#: What other sound becomes.
_CODEC = {"mp4": "aac", "mov": "pcm_s24le"}

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

        output: an MP4 or MOV.  course: what becomes of the sound's time; None leaves it as it is.
        """
        self.record = dict(NO_AUDIO)
        self._packets: Iterator[Packet[Any]] = iter(())
        self._next: Packet[Any] | None = None
        self._sound = sound = Sound(source)
        kind = output.format.name
        if sound.stream is None:
            return
        if course is None and sound.codec in COPIED_CODECS[kind] and sound.has_setup:
            self.record = {"action": "copied", "codec": sound.codec}
            self._packets = _copied(sound, output.add_stream_from_template(sound.stream))
        elif reason := sound.trouble():
            self.record = left_out(sound, reason)
        else:
            target = (aac_stream if kind == "mp4" else pcm_stream)(sound.stream, output)
            self._packets = _onto(target, encoded(sound.frames(course), target.codec_context, course))
            self.record = transcoding(sound, _CODEC[kind], course)

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
        self._sound.close()


def left_out(sound: Sound, reason: str) -> dict[str, Any]:
    """The record of sound that the output does not have."""
    return {"action": "none", "codec": None, "from": sound.codec, "reason": reason}


def transcoding(sound: Sound, codec: str, course: SoundCourse | None) -> dict[str, Any]:
    """The record of sound that was encoded anew."""
    record: dict[str, Any] = {"action": "transcoded", "codec": codec, "from": sound.codec}
    if course is not None:
        record |= {"tempo": float(course.tempo), "backwards": course.end is not None}
    return record


def _onto(target: AudioStream, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
    for packet in packets:
        packet.stream = target
        yield packet


def _copied(sound: Sound, target: AudioStream) -> Iterator[Packet[Any]]:
    """The packets themselves on the output's clock; times only ever rise, as the muxer wants it."""
    last: int | None = None
    for packet in sound.packets():
        shift = round(sound.origin / packet.time_base)
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
