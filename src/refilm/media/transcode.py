"""Turning any sound into AAC, for the sound that MP4 does not carry for browsers, or into plain samples (PCM).

The sample count is the clock: it starts at the first sound's time, holes are filled with silence, so the sound cannot
drift from the picture. Knows nothing of containers but the stream that it makes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from refilm.media.pyav import exact, plane_bytes
from refilm.media.tempo import at_tempo

_RATES = frozenset({96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000})
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "4.0", 5: "5.0", 6: "5.1"}
_BITS_PER_CHANNEL = 96_000
#: Samples that are encoded at a time where the codec does not mind.
_PIECE = 1024
#: A hole longer than the first is filled; one longer than the second is damage and left alone.
_HOLE, _LONGEST_HOLE = Fraction(1, 10), Fraction(60)


def aac_stream(source: AudioStream, output: OutputContainer) -> AudioStream:
    """An AAC stream in `output` of the source's rate and channels, as far as AAC has them; else 48 kHz, stereo."""
    rate = source.codec_context.sample_rate
    target = output.add_stream("aac", rate=rate if rate in _RATES else 48_000)
    context = target.codec_context
    context.layout = _LAYOUTS.get(source.codec_context.layout.nb_channels, "stereo")
    context.bit_rate = _BITS_PER_CHANNEL * context.layout.nb_channels
    context.thread_count = 1
    context.open()
    return target


def pcm_stream(source: AudioStream, output: OutputContainer) -> AudioStream:
    """A stream of plain 24-bit samples in `output`, of the source's rate and channels; stereo for more than six."""
    target = output.add_stream("pcm_s24le", rate=source.codec_context.sample_rate)
    target.codec_context.layout = _LAYOUTS.get(source.codec_context.layout.nb_channels, "stereo")
    target.codec_context.open()
    return target


def pcm_encoder(source: AudioStream) -> AudioCodecContext:
    """An encoder as `pcm_stream` has it, without a container: its packets are the samples, interleaved."""
    context = AudioCodecContext.create("pcm_s24le", "w")
    context.sample_rate, context.format = source.codec_context.sample_rate, av.AudioFormat("s32")
    context.layout = _LAYOUTS.get(source.codec_context.layout.nb_channels, "stereo")
    context.time_base = Fraction(1, context.sample_rate)
    context.open()
    return context


@dataclass(frozen=True)
class SoundCourse:
    """What becomes of the time of a clip's sound.

    tempo: how many times faster it runs; its pitch stays.  end: where it is played backwards, the moment of the clip,
    in seconds, that is heard first; None where it is played forwards.
    """

    tempo: Fraction
    end: Fraction | None = None


def decoded(packets: Iterable[Packet[Any]], source: AudioStream, origin: Fraction) -> Iterator[AudioFrame]:
    """The sound of the packets, its holes filled.  origin: the moment of the source's clock that becomes 0."""
    for frame in _without_holes(_decoded(packets, source), origin):
        time = time_of(frame, origin) - origin
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(time * frame.sample_rate)
        yield frame


def encoded(
    frames: Iterable[AudioFrame], context: AudioCodecContext, course: SoundCourse | None = None
) -> Iterator[Packet[Any]]:
    """The sound as packets of the encoder, at the course's tempo. The first frame's time places all of it."""
    tempo = course.tempo if course is not None else Fraction(1)
    sound = _resampled(frames, context)
    first = next(sound, None)
    if first is None:
        return
    position = round(time_of(first, Fraction(0)) / tempo * context.rate)  # of the next piece to encode, in samples
    fifo = av.AudioFifo()
    for frame in at_tempo(itertools.chain([first], sound), tempo):
        frame.pts, frame.time_base = None, Fraction(1, context.rate)  # the fifo counts by itself
        fifo.write(frame)
        while (piece := fifo.read(context.frame_size or _PIECE)) is not None:
            yield from context.encode(_at(piece, position, context.rate))
            position += piece.samples
    if (rest := fifo.read(0, True)) is not None:
        yield from context.encode(_at(rest, position, context.rate))
    yield from context.encode(None)


def _decoded(packets: Iterable[Packet[Any]], source: AudioStream) -> Iterator[AudioFrame]:
    """The sound of the packets that can be decoded."""
    for packet in itertools.chain(packets, [None]):
        try:
            yield from source.decode(packet)
        except av.FFmpegError:
            continue


def _without_holes(frames: Iterable[AudioFrame], origin: Fraction) -> Iterator[AudioFrame]:
    """The frames, with silence where the next one begins too late."""
    expected: Fraction | None = None
    for frame in frames:
        start = time_of(frame, origin if expected is None else expected)
        if expected is not None and _HOLE < start - expected <= _LONGEST_HOLE:
            yield from _silence(frame, expected, start)
        yield frame
        expected = start + Fraction(frame.samples, frame.sample_rate)


def _resampled(frames: Iterable[AudioFrame], context: AudioCodecContext) -> Iterator[AudioFrame]:
    """The frames in the encoder's format, rate and layout; their own may change on the way.

    Frames of a form that nothing can be made of are left out, as packets are that cannot be decoded: both are damage.
    """
    kind: tuple[str, str, int] | None = None
    resampler: av.AudioResampler | None = None
    for frame in frames:
        told = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or told != kind:
            yield from resampler.resample(None) if resampler is not None else ()
            kind, resampler = told, av.AudioResampler(context.format, context.layout, context.rate)
        try:
            pieces = resampler.resample(frame)
        except av.FFmpegError:
            resampler = None
            continue
        yield from pieces
    yield from resampler.resample(None) if resampler is not None else ()


def time_of(frame: AudioFrame, otherwise: Fraction) -> Fraction:
    """When the frame begins, in seconds of the source's clock; `otherwise` where it does not say."""
    time_base = exact(frame.time_base)
    if frame.pts is None or time_base is None:
        return otherwise
    return frame.pts * time_base


def _at(frame: AudioFrame, position: int, rate: int) -> AudioFrame:
    """The frame, placed at sample number `position`."""
    frame.pts, frame.time_base = position, Fraction(1, rate)
    return frame


def _silence(like: AudioFrame, start: Fraction, end: Fraction) -> Iterator[AudioFrame]:
    """Silence from `start` to `end` in the format of `like`, in frames of at most a second."""
    left = round((end - start) * like.sample_rate)
    time_base = exact(like.time_base) or Fraction(1, like.sample_rate)
    while left > 0:
        samples = min(left, like.sample_rate)
        frame = AudioFrame(like.format.name, like.layout, samples)
        zero = 128 if like.format.name.startswith("u8") else 0
        for plane in frame.planes:
            plane_bytes(plane)[:] = zero
        frame.sample_rate, frame.time_base, frame.pts = like.sample_rate, time_base, round(start / time_base)
        yield frame
        start += Fraction(samples, like.sample_rate)
        left -= samples
