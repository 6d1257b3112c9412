"""Decoding one video stream in order, with sane timestamps, past damage.

A damaged packet is skipped, as players do; a container damaged beyond reading, or thousands of packets without a
picture, end the clip there. Whether anything
came at all is for the caller to judge. Memory: the decoder's own reference frames.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from refilm.media.container import check_pixels
from refilm.media.pyav import opens

#: Seconds that one picture may stand.
_LONGEST_STILL = 3600
#: Packets in a row that may bring no picture: a minute of damage at 50 frames a second. There the clip ends.
_LONGEST_GAP = 3000
#: Bytes of such packets: a few may unpack to gigabytes.
_LARGEST_GAP = 200_000_000


class Decoder:
    """Iterates over the pictures of one stream in presentation order.

    damaged: packets that could not be decoded so far.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, threads: int) -> None:
        self._container = container
        self._stream = stream
        self.damaged = 0
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = threads

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """The pictures. Raises InvalidAsset where one is larger than we allow: a size may change in mid-stream."""
        if not opens(self._stream.codec_context):
            return
        packets = self._container.demux(self._stream)
        gap = size = 0
        while gap < _LONGEST_GAP and size < _LARGEST_GAP:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                self.damaged += 1
                yield from self._decode(None)
                return
            gap, size = gap + 1, size + packet.size
            for picture in self._decode(packet):
                gap = size = 0
                yield picture

    def key_packet(self) -> av.Packet[VideoStream] | None:
        """The packet where the container stands, if it is a key frame's and says when that is shown."""
        packet = next(self._container.demux(self._stream), None)
        return packet if packet is not None and packet.is_keyframe and packet.pts is not None else None

    def alone(self, packet: av.Packet[VideoStream]) -> av.VideoFrame | None:
        """The picture of a key frame, without waiting for those around it; None where it is damaged.

        The container has to be moved before anything else is decoded.
        """
        return next(itertools.chain(self._decode(packet), self._decode(None)), None)

    def _decode(self, packet: av.Packet[VideoStream] | None) -> Iterator[av.VideoFrame]:
        try:
            pictures = self._stream.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            return
        for picture in pictures:
            check_pixels(picture.width, picture.height)
            yield picture


class Run:
    """Pictures in presentation order, asked for by time, which may only rise."""

    def __init__(self, pictures: Iterator[av.VideoFrame]) -> None:
        self._pictures = pictures
        self._shown: av.VideoFrame | None = None
        self._following = next(pictures, None)

    def at(self, pts: int) -> av.VideoFrame | None:
        """The picture shown at `pts`; the first one before it begins, the last one after its end."""
        while self._following is not None and (
            self._shown is None or self._following.pts is None or self._following.pts <= pts
        ):
            self._shown, self._following = self._following, next(self._pictures, None)
        return self._shown


class Clock:
    """Gives every picture a presentation time, in whole units of the time base, strictly later than the one before.

    A time that the clip states is kept as it is. A missing time becomes one frame after the last; one that stands
    still or steps back a little becomes one tick after it; one that falls back by more than a second, or leaps ahead by
    more than an hour (streams glued together, damage), goes on at the frame rate.
    """

    def __init__(self, time_base: Fraction, frame_rate: Fraction) -> None:
        self._second = 1 / time_base
        self._step = max(1, round(self._second / frame_rate))
        self._last: int | None = None

    def place(self, pts: int | None) -> int:
        """The time of the next picture, which says that it is shown at `pts`."""
        if self._last is None:
            self._last = pts if pts is not None else 0
        elif pts is None or not -_LONGEST_STILL * self._second <= self._last - pts <= self._second:
            self._last += self._step
        else:
            self._last = max(pts, self._last + 1)
        return self._last
