"""Opening an input for demuxing: which containers and codecs are let in, and which streams are used.

The container allow-list is the control that keeps playlists and nested references out: FFmpeg checks it before it
reads anything further. Codecs are checked here, by name, because FFmpeg's own list only logs. Nothing is opened by
name.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, BinaryIO, NoReturn, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from refilm.errors import InvalidAsset
from refilm.media.descriptor import Descriptor
from refilm.media.geometry import MAX_PIXELS
from refilm.media.pyav import LENIENT_METADATA, exact
from refilm.media.tables import check_tables

#: FFmpeg's names of the demuxers that may open an input.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,h264"

VIDEO_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "prores", "mjpeg", "theora"})
AUDIO_CODECS = frozenset({"aac", "mp3", "opus", "vorbis", "flac", "alac", "ac3", "eac3"})
_PCM = (
    "s8",
    "u8",
    "s16le",
    "s16be",
    "s24le",
    "s24be",
    "s32le",
    "s32be",
    "f32le",
    "f32be",
    "f64le",
    "f64be",
    "alaw",
    "mulaw",
)
#: What FFmpeg may open while it looks at the streams: its decoders' own names.
_PROBE_DECODERS = ",".join(
    sorted(VIDEO_CODECS | AUDIO_CODECS | {"libdav1d", "libvpx", "libvpx-vp9", "mp3float", "libopus", "libvorbis"})
    + [f"pcm_{name}" for name in _PCM]
)
#: Room for the rounding to coding blocks; every decoded frame is judged again by its true size.
_CODED_PIXELS = (3840 + 64) * (2160 + 64)

_AnyStream = TypeVar("_AnyStream", bound=Stream)


def open_input(source: BinaryIO) -> InputContainer:
    """A demuxer over the descriptor of `source`. Raises InvalidAsset where it is no container that we read."""
    check_tables(Descriptor(source))
    try:
        container: InputContainer = av.open(
            Descriptor(source),
            "r",
            options={
                "format_whitelist": FORMATS,
                "codec_whitelist": _PROBE_DECODERS,
                "max_pixels": str(_CODED_PIXELS),
                "protocol_whitelist": "none",
            },
            io_open=_refuse_to_open,
            **LENIENT_METADATA,
        )
    except (av.FFmpegError, ValueError) as error:
        raise InvalidAsset(_why_not_open(source)) from error
    if container.format.name not in {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "ogg", "h264"}:
        container.close()
        raise InvalidAsset("The file is not a video that we read. Send MP4, MOV, WebM, MKV, Ogg or H.264.")
    return container


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    """A container may not make us open anything else."""
    raise PermissionError("a clip may not refer to other files")


def _why_not_open(source: BinaryIO) -> str:
    boxes = _top_boxes(Descriptor(source))
    if boxes[:1] == [b"ftyp"] and b"moov" not in boxes:
        return "The clip is cut off: its index is missing. Send the whole file again."
    return "The file cannot be read as a video. Send a whole MP4, MOV, WebM, MKV, Ogg or H.264 file."


def _top_boxes(file: Descriptor) -> list[bytes]:
    """The names of the first few top-level boxes, if this is an MP4 (ISO/IEC 14496-12, 4.2)."""
    names: list[bytes] = []
    while len(names) < 16 and len(header := file.read(16)) >= 8:
        length, name = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack(">Q", header[8:])
        names.append(name)
        if length < 8:
            break
        file.seek(file.tell() - len(header) + length)
    return names


@contextmanager
def asset_errors(sentence: str) -> Iterator[None]:
    """FFmpeg's errors inside become InvalidAsset with `sentence`.

    FFmpeg names its errors after errno, so some of them are Python's PermissionError or EOFError too; they say
    something about the clip and nothing about our files. Errors of the file itself (a failing disk) pass.
    """
    try:
        yield
    except av.FFmpegError as error:
        raise InvalidAsset(sentence) from error


def video_stream(container: InputContainer) -> VideoStream:
    """The stream that a player shows: the default one, else the largest. Cover pictures do not count.

    Raises InvalidAsset where there is none, or where its codec or size is not ours to decode.
    """
    pictures = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & pictures]
    if not streams:
        raise InvalidAsset("The file holds no video, only sound or pictures. Send a clip with a video track.")
    stream = max(streams, key=_rank)
    name = codec_name(stream)
    if name not in VIDEO_CODECS:
        raise InvalidAsset(f"The video codec {name} is not supported. Convert the clip to H.264, HEVC, VP9 or AV1.")
    check_pixels(stream.codec_context.width, stream.codec_context.height)
    stream.codec_context.options = {"max_pixels": str(_CODED_PIXELS)}
    return stream


def _rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
    """Decodable before foreign, default before other, large before small, first before later."""
    context = stream.codec_context
    pixels = context.width * context.height if context is not None else 0
    return (
        codec_name(stream) in VIDEO_CODECS,
        bool(stream.disposition & Disposition.default),
        pixels,
        -stream.index,
    )


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The default sound track, else the first; None where there is none."""
    streams: list[AudioStream] = list(container.streams.audio)
    return max(streams, key=lambda s: (bool(s.disposition & Disposition.default), -s.index), default=None)


def codec_name(stream: Stream) -> str:
    """The codec's common name ("vp9", not the name of a library that decodes it); "unknown" without a decoder."""
    context: Any = stream.codec_context  # None where FFmpeg has no decoder
    return "unknown" if context is None else str(context.codec.canonical_name)


def check_pixels(width: int, height: int) -> None:
    """Raise InvalidAsset where a frame holds more than MAX_PIXELS."""
    if width * height > MAX_PIXELS:
        raise InvalidAsset(
            f"The clip is {width}x{height}; at most {MAX_PIXELS:,} pixels (such as 3840x2160) can be edited. "
            "Make it smaller."
        )


def use_only(container: InputContainer, stream: Stream) -> None:
    """Let the demuxer skip the data of every other stream."""
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all


def start_of(stream: Stream | None) -> Fraction | None:
    """When the stream's first packet is shown, in seconds of the container's clock; None where it does not say."""
    time_base = exact(stream.time_base) if stream is not None else None
    if stream is None or stream.start_time is None or time_base is None:
        return None
    return stream.start_time * time_base


def origin_of(video: VideoStream, audio: AudioStream | None) -> Fraction:
    """The moment of the container's clock that becomes 0 in the output, on the grid of the video's time base.

    The earlier of picture and sound, so that their offset stays. Sound before 0 is an encoder's run-in that nobody
    hears, and does not count.
    """
    first = start_of(video) or Fraction(0)
    sound = start_of(audio)
    if first > 0 and sound is not None:
        first = max(Fraction(0), min(first, sound))
    time_base = exact(video.time_base) or Fraction(1)
    return first // time_base * time_base


def without_lost_packets(packets: Iterator[Any]) -> Iterator[Any]:
    """The demuxer's packets up to the end or to the first place where the container is damaged beyond reading."""
    try:
        yield from packets
    except av.FFmpegError:
        return


def canonical_container(container: InputContainer, video: VideoStream, audio: AudioStream | None) -> str:
    """ "mp4", "mov", "webm", "matroska", "ogg" or "h264"."""
    family: str = container.format.name
    if family.startswith("mov"):
        return "mov" if re.match(r"qt\b|qt  ", container.metadata.get("major_brand", "")) else "mp4"
    if family.startswith("matroska"):
        web = {"vp8", "vp9", "av1", "opus", "vorbis"}
        names = {codec_name(stream) for stream in (video, audio) if stream is not None}
        return "webm" if names <= web else "matroska"
    return family
