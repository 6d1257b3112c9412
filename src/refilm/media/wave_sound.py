"""The sound of a clip as a WAV file, written to a place that cannot be gone back on.

A WAV begins with its length, so the sound is decoded twice: once to measure it, once to write it. Beside the pictures
of a clip that costs next to nothing, and no memory. Knows nothing of pictures but that the clip begins at 0.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Self

from refilm.media.audio import NO_AUDIO, left_out, transcoding
from refilm.media.sound import Sound
from refilm.media.transcode import SoundCourse, encoded, pcm_encoder

_CODEC, _SAMPLE_BYTES = "pcm_s24le", 3
#: The headers that the standard library writes: RIFF, format, data.
_HEADER_BYTES = 44


@dataclass(frozen=True)
class WaveSound:
    """A clip's sound as 24-bit samples, from the clip's start on: silence where it begins later.

    record: what is done with it, as for AudioTrack.  channels, rate: of the samples.  samples: of each channel; 0 where
    there is nothing to write.
    """

    source: BinaryIO
    course: SoundCourse | None
    record: dict[str, Any]
    channels: int = 0
    rate: int = 0
    samples: int = 0

    @classmethod
    def measured(cls, source: BinaryIO, course: SoundCourse | None = None) -> Self:
        """The sound of the clip in `source`.  course: what becomes of its time. Raises InvalidAsset."""
        with closing(Sound(source)) as sound:
            if sound.stream is None:
                return cls(source, course, dict(NO_AUDIO))
            if reason := sound.trouble():
                return cls(source, course, left_out(sound, reason))
            encoder = pcm_encoder(sound.stream)
            channels, rate = encoder.layout.nb_channels, encoder.sample_rate
            record = transcoding(sound, _CODEC, course)
        plain = cls(source, course, record, channels, rate)
        return cls(source, course, record, channels, rate, sum(map(len, plain._pieces())) // plain._block)

    @property
    def length(self) -> int:
        """Bytes of the file."""
        return _HEADER_BYTES + self.samples * self._block

    def write(self, file: IO[bytes]) -> None:
        """Write the whole file to `file`, which need not be able to seek."""
        with wave.open(file, "wb") as target:
            target.setparams((self.channels, _SAMPLE_BYTES, self.rate, self.samples, "NONE", ""))
            for piece in self._pieces():
                target.writeframesraw(piece)

    @property
    def _block(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * _SAMPLE_BYTES

    def _pieces(self) -> Iterator[bytes]:
        """The samples, interleaved, placed on a clock that begins at the clip's start."""
        position: int | None = None
        with closing(Sound(self.source)) as sound:
            if sound.stream is None or sound.trouble():
                return
            for packet in encoded(sound.frames(self.course), pcm_encoder(sound.stream), self.course):
                data = bytes(packet)
                if position is None:
                    position = packet.pts or 0
                    yield from self._silence(position)
                if position < 0:  # before the clip's start
                    data = data[-position * self._block :]
                position += packet.size // self._block
                yield data

    def _silence(self, samples: int) -> Iterator[bytes]:
        for begin in range(0, samples, self.rate):
            yield bytes(min(self.rate, samples - begin) * self._block)
