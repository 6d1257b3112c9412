"""What a clip is: its facts, found by opening it and decoding one picture.

One picture is decoded because a container's word is not enough: only the picture carries the orientation, and a clip
whose first picture cannot be decoded is no clip.
"""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from refilm.domain.clip import ClipInfo
from refilm.errors import InvalidAsset
from refilm.media import colour
from refilm.media.container import (
    asset_errors,
    audio_stream,
    canonical_container,
    codec_name,
    open_input,
    use_only,
    video_stream,
)
from refilm.media.decode import Decoder
from refilm.media.geometry import display_size
from refilm.media.pyav import exact
from refilm.media.upright import orientation_of

NOTHING_DECODES = "No picture of the clip can be decoded: it is damaged or not what its name says. Send another file."
_MICROSECOND = Fraction(1, 1_000_000)
#: On average over a clip, its first second aside. Cameras with slow motion write up to 240.
MAX_FRAME_RATE = 480


def probe(source: BinaryIO) -> ClipInfo:
    """The facts of the clip in `source`, a regular file with a descriptor, whose position is left alone.

    Raises InvalidAsset where it is no video that we read, holds no picture that can be decoded, or is too large.
    """
    with open_input(source) as container:
        video = video_stream(container)
        use_only(container, video)
        with asset_errors(NOTHING_DECODES):
            picture = next(iter(Decoder(container, video, threads=1)), None)
        if picture is None:
            raise InvalidAsset(NOTHING_DECODES)
        return describe(source, container, video, audio_stream(container), picture)


def describe(
    source: BinaryIO,
    container: InputContainer,
    video: VideoStream,
    audio: AudioStream | None,
    picture: av.VideoFrame,
) -> ClipInfo:
    """The facts of an open clip whose first picture is `picture`."""
    coded = picture.width, picture.height
    aspect = sample_aspect_of(video)
    rotation = orientation_of(picture).rotation
    width, height = display_size(coded, aspect, rotation)
    name = picture.format.name
    duration = _duration(source, container, video)
    check_rate(video.frames, duration)
    return ClipInfo(
        container=canonical_container(container, video, audio),
        video_codec=codec_name(video),
        pixel_format=name,
        width=width,
        height=height,
        coded_width=coded[0],
        coded_height=coded[1],
        duration=duration,
        frame_rate=frame_rate_of(video),
        frames=video.frames,
        rotation=rotation,
        sample_aspect_ratio=aspect,
        matrix=colour.matrix_name(picture.colorspace, min(coded)),
        full_range=colour.is_full_range(name, picture.color_range),
        audio_codec=codec_name(audio) if audio is not None else None,
    )


def check_rate(frames: int, seconds: Fraction) -> None:
    """Raise InvalidAsset where so many frames are more than a clip of that length can need."""
    if frames > MAX_FRAME_RATE * (seconds + 1):
        raise InvalidAsset(
            f"The clip has more than {MAX_FRAME_RATE} frames a second. Save it with fewer and send that."
        )


def sample_aspect_of(video: VideoStream) -> Fraction:
    """Width over height of one sample; 1 where the clip does not say."""
    return exact(video.sample_aspect_ratio) or Fraction(1)


def frame_rate_of(video: VideoStream) -> Fraction | None:
    """Average frames per second, or the guess of the demuxer; None where neither knows."""
    return exact(video.average_rate) or exact(video.guessed_rate)


def _duration(source: BinaryIO, container: InputContainer, video: VideoStream) -> Fraction:
    """Seconds of the video stream: as the stream says, else the container, else counted from the packets."""
    time_base = exact(video.time_base)
    if video.duration and time_base:
        return video.duration * time_base
    if container.duration:
        return container.duration * _MICROSECOND
    return _counted_duration(source)


def _counted_duration(source: BinaryIO) -> Fraction:
    """Seconds from the first picture's time to the end of the last, by reading every packet and decoding none."""
    with open_input(source) as container, asset_errors(NOTHING_DECODES):
        video = video_stream(container)
        use_only(container, video)
        time_base = exact(video.time_base) or Fraction(1)
        step = 1 / (frame_rate_of(video) or Fraction(25))
        first: Fraction | None = None
        end, packets = Fraction(0), 0
        try:
            for packet in container.demux(video):
                if packet.size == 0:
                    continue
                packets += 1
                if packet.pts is not None:
                    time = packet.pts * time_base
                    first = time if first is None else min(first, time)
                    end = max(end, time + ((packet.duration or 0) * time_base or step))
        except av.FFmpegError:
            pass  # the packets up to the damage count
        return end - first if first is not None else packets * step
