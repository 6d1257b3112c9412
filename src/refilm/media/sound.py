"""The sound of a clip as it lies in its file: its packets, or decoded, in the order in which it will be heard.

Reads the source through a demuxer of its own, so that sound can follow the picture's pace in constant memory.
Knows nothing of outputs, and of pictures only where the clip's time begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.audio.frame import AudioFrame
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
from refilm.media.transcode import SoundCourse, decoded

#: Codecs that need the setup bytes which only the container knows.
_NEED_SETUP = frozenset({"aac", "opus", "flac", "alac"})

#: Of the largest layout that is in use, 22.2; nobody knows how to mix more.
MOST_CHANNELS = 24


class Sound:
    """The sound track of a clip. Read it once: by `packets` or by `frames`.

    stream: None where the clip has no sound.  codec: its name, "" where there is none.
    origin: the moment of the stream's clock, in seconds, that is 0 in the output.
    """

    def __init__(self, source: BinaryIO) -> None:
        """Open `source`, a regular file with a descriptor. Raises InvalidAsset."""
        self._container = open_input(source)
        self.stream = audio_stream(self._container)
        self.codec, self.origin = "", Fraction(0)
        if self.stream is None:
            return
        self.codec = codec_name(self.stream)
        self.origin = origin_of(video_stream(self._container), self.stream)
        use_only(self._container, self.stream)

    @property
    def has_setup(self) -> bool:
        """Whether the packets can be understood without us: their setup bytes are known, or none are needed."""
        return self.stream is not None and (self.codec not in _NEED_SETUP or bool(self.stream.codec_context.extradata))

    def trouble(self) -> str | None:
        """Why the sound cannot be decoded; None where it can. To be asked before `frames`: it opens the decoder."""
        if self.codec not in AUDIO_CODECS and not self.codec.startswith("pcm_"):
            return "the codec is not supported"
        if self.stream is None or not opens(self.stream.codec_context):
            return "the sound is damaged"
        if self.stream.codec_context.layout.nb_channels > MOST_CHANNELS:
            return "the sound has too many channels"
        return None

    def packets(self) -> Iterator[Packet[Any]]:
        """The stream's packets, without the demuxer's closing dummy, up to its end or damage."""
        packets = self._container.demux(self.stream) if self.stream is not None else iter(())
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                return
            if packet.size:
                yield packet

    def frames(self, course: SoundCourse | None) -> Iterator[AudioFrame]:
        """The decoded sound in the order in which it will be heard, on a clock that begins at the clip's start."""
        if self.stream is None:
            return iter(())
        if course is not None and course.end is not None:
            return backwards(self._container, self.stream, self.origin, course.end)
        return decoded(self.packets(), self.stream, self.origin)

    def close(self) -> None:
        """Let go of the demuxer. The file stays open."""
        self._container.close()
