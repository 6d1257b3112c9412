"""The sound of a clip from its end to its beginning, in bounded memory.

It is taken in blocks from the end: each is searched, decoded forwards and turned round sample by sample. Every sample
has its place on the clip's clock, so that blocks meet without a seam. Memory: one block, whatever the length.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from refilm.media.transcode import time_of

#: Samples of a block: 5 s at 48 kHz.
_BLOCK = 240_000
#: Seconds before a block at which decoding begins at the latest: some codecs need what lies before.
_RUN_IN = Fraction(1, 2)
#: Samples of a frame that is handed on.
_PIECE = 8_192


def backwards(container: InputContainer, stream: AudioStream, origin: Fraction, end: Fraction) -> Iterator[AudioFrame]:
    """What is heard from `end` seconds of the clip back to its start, as planar floats, on a clock that begins at 0.

    origin: the moment of the stream's clock that is the clip's start. Where there is no sound, silence.
    """
    rate = stream.codec_context.sample_rate
    layout = stream.codec_context.layout.name
    channels = stream.codec_context.layout.nb_channels
    until = whole = round(end * rate)
    while until > 0:
        begin = max(0, until - _BLOCK)
        block = np.zeros((channels, until - begin), np.float32)
        for position, samples in _sound_from(container, stream, origin, begin):
            if position >= until:
                break
            _lay(samples, position - begin, block)
        turned = block[:, ::-1]
        for at in range(0, until - begin, _PIECE):
            piece = np.ascontiguousarray(turned[:, at : at + _PIECE])
            frame = AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), whole - until + at
            yield frame
        until = begin


def _lay(samples: NDArray[np.float32], position: int, block: NDArray[np.float32]) -> None:
    """Put the samples at their place in the block, as far as they lie within."""
    first, last = max(0, position), min(block.shape[1], position + samples.shape[1])
    if first < last:
        block[:, first:last] = samples[:, first - position : last - position]


def _sound_from(
    container: InputContainer, stream: AudioStream, origin: Fraction, begin: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(position, (channels, n) samples) from the `begin`th sample of the clip or earlier on."""
    rate = stream.codec_context.sample_rate
    wanted, run_in = Fraction(begin, rate), _RUN_IN
    while True:
        start = max(Fraction(0), wanted - run_in)
        _seek(container, origin + start)
        pieces = _decoded(container, stream, origin)
        first = next(pieces, None)
        if first is None and start == 0:
            return
        if first is not None and (start == 0 or first[0] <= max(Fraction(0), begin - rate * _RUN_IN / 2)):
            break
        run_in *= 4
    yield first
    yield from pieces


def _seek(container: InputContainer, time: Fraction) -> None:
    """Move to `time` seconds of the container's clock or before it; to nowhere else where it cannot be searched."""
    try:
        container.seek(round(time * av.time_base))
    except av.FFmpegError:
        container.seek(0)


def _decoded(
    container: InputContainer, stream: AudioStream, origin: Fraction
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(position, samples) of what follows where the container stands."""
    context: Any = stream.codec_context
    rate = context.sample_rate
    resampler = av.AudioResampler("fltp", context.layout.name, rate)
    expected = Fraction(0)
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        try:
            frames = stream.decode(packet)
        except av.FFmpegError:
            continue
        for frame in frames:
            start = time_of(frame, origin + expected) - origin
            expected = start + Fraction(frame.samples, frame.sample_rate)
            try:
                plains = resampler.resample(frame)
            except av.FFmpegError:  # a form that nothing can be made of: damage
                resampler = av.AudioResampler("fltp", context.layout.name, rate)
                continue
            for plain in plains:
                samples = np.asarray(plain.to_ndarray(), np.float32)
                yield round(start * rate), samples
                start += Fraction(samples.shape[1], rate)
