"""Reading a clip frame by frame, in the one form that is edited. One frame is alive at a time, whatever the length."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from refilm.domain.clip import ClipInfo
from refilm.errors import InvalidAsset
from refilm.media import colour
from refilm.media.container import (
    asset_errors,
    audio_stream,
    open_input,
    origin_of,
    use_only,
    video_stream,
)
from refilm.media.decode import Clock, Decoder, Run
from refilm.media.frame import Frame
from refilm.media.geometry import Size, even_size, fit_time_base, fit_within
from refilm.media.probe import NOTHING_DECODES, check_rate, describe, frame_rate_of, sample_aspect_of
from refilm.media.pyav import exact
from refilm.media.upright import Upright

_USUAL_RATE = Fraction(25)
#: Pictures that are decoded after a key frame in search of others. Damage can make a clip's times stand still.
_LONGEST_RUN = 3000


class FrameReader:
    """The frames of a clip, in order, as `Frame`. A context manager; iterate once.

    info: the clip's facts.  size: (width, height) of every frame.  matrix: "709" or "601", of every frame.
    time_base: the unit of every frame's pts, the source's own where MP4 can carry it; source_base: the source's own.
    frame_rate: average, 25 where the clip does not say.  damaged: packets skipped so far because they could not be
    decoded.  read: frames handed out so far.
    Times count from the clip's start: where sound begins before the picture, the first pts is above 0.
    """

    def __init__(
        self,
        source: BinaryIO,
        *,
        size: Size | None = None,
        threads: int = 2,
        max_seconds: Fraction | None = None,
        matrix: str | None = None,
    ) -> None:
        """Open the clip and decode its first picture.

        source: a regular file with a descriptor.  size: None keeps the display size, rounded to even; otherwise the
        centre is cut to that shape and scaled.  threads: of the decoder.  max_seconds: a clip that turns out to be
        longer than this raises InvalidAsset while it is read, whatever its container claims.  matrix: "709" or "601"
        for frames of another matrix than the clip's own; None keeps it.
        Raises InvalidAsset where the clip cannot be used.
        """
        self._container = open_input(source)
        try:
            self._stream = video_stream(self._container)
            use_only(self._container, self._stream)
            audio = audio_stream(self._container)
            self._decoder = Decoder(self._container, self._stream, threads)
            with asset_errors(NOTHING_DECODES):
                self._pictures = iter(self._decoder)
                first = next(self._pictures, None)
            if first is None:
                raise InvalidAsset(NOTHING_DECODES)
            self.info: ClipInfo = describe(source, self._container, self._stream, audio, first)
        except BaseException:
            self._container.close()
            raise
        self._first = first
        self._hdr = colour.is_hdr(first.color_trc)
        self.source_base = exact(self._stream.time_base) or Fraction(1, 90_000)
        self._origin = origin_of(self._stream, audio)
        self._max_seconds = max_seconds
        self.read = 0
        self.time_base = fit_time_base(self.source_base)
        self.frame_rate = frame_rate_of(self._stream) or _USUAL_RATE
        self.size = size or even_size((self.info.width, self.info.height))
        self.matrix = matrix or colour.output_matrix(self.info.matrix)

    @property
    def damaged(self) -> int:
        """Packets skipped so far because they could not be decoded."""
        return self._decoder.damaged

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what had to be done to the clip to read it so far."""
        notes = []
        if self._hdr is not None:
            notes.append(f"The clip is HDR ({self._hdr}); it was tone-mapped to standard dynamic range.")
        if self.info.matrix != self.matrix and self._hdr is None:
            notes.append(f"The clip's BT.{self.info.matrix} colours were written as BT.{self.matrix}.")
        if self.damaged:
            notes.append(f"{self.damaged} damaged packets of the clip were skipped.")
        return tuple(notes)

    def __iter__(self) -> Iterator[Frame]:
        upright = Upright(self.size, self.matrix, self.info.matrix)
        clock = Clock(self.source_base, self.frame_rate)
        aspect = sample_aspect_of(self._stream)
        origin: int | None = None
        with asset_errors(NOTHING_DECODES):
            for index, picture in enumerate(itertools.chain([self._first], self._pictures)):
                pts = self._placed(clock.place(picture.pts))
                origin = pts if origin is None else origin
                self._check_length((pts - origin) * self.time_base)
                self.read += 1
                check_rate(self.read, (pts - origin) * self.time_base)
                yield Frame(
                    upright(picture, aspect),
                    index=index,
                    pts=pts,
                    time_base=self.time_base,
                    origin=origin,
                    duration=round((picture.duration or 0) * self.source_base / self.time_base),
                )

    def pictures_near(
        self, times: Sequence[Fraction], longest: int, *, exact: bool
    ) -> list[tuple[Fraction, NDArray[np.uint8]]]:
        """Pictures near these rising seconds after the start, in order, each once. Ends the reader's use.

        Each comes with its own time, seconds after the start, as (height, width, 3) uint8 RGB, upright, its longer side
        at most `longest` pixels.  exact: the pictures shown then. Otherwise the key frames before them, where that
        gives half as many pictures as times or more; else, of the pictures before them, the last that others are made
        from: a fraction of the work. A clip that cannot be searched gives its first picture.
        Raises InvalidAsset where the clip cannot be used.
        """
        start = self._stream.start_time or 0
        upright = Upright(
            even_size(fit_within((self.info.width, self.info.height), longest)), self.matrix, self.info.matrix
        )
        aspect = sample_aspect_of(self._stream)
        with asset_errors(NOTHING_DECODES):
            return [
                (((picture.pts or 0) - start) * self.source_base, _rgb(upright(picture, aspect), self.matrix))
                for picture in self._found_near([start + round(time / self.source_base) for time in times], exact)
            ]

    def _found_near(self, wanted: Sequence[int], exact: bool) -> list[av.VideoFrame]:
        """Decoded pictures near these times of the stream's clock."""
        try:
            keys = self._keys_before(wanted)
            if not exact and 2 <= len(keys) <= 2 * len(set(keys)):
                return self._key_pictures(wanted) or [self._first]
            self._stream.codec_context.skip_frame = "DEFAULT" if exact else "NONREF"
            return self._pictures_at(wanted, keys) or [self._first]
        except av.FFmpegError:  # it cannot be searched
            return [self._first]

    def _keys_before(self, wanted: Sequence[int]) -> list[int | None]:
        """When the key frames are shown that a search for these times leads to; None where it leads to none."""
        packets = [self._key_packet(pts) for pts in wanted]
        return [None if packet is None else packet.pts for packet in packets]

    def _key_packet(self, pts: int) -> av.Packet[VideoStream] | None:
        self._container.seek(pts, stream=self._stream)
        return self._decoder.key_packet()

    def _key_pictures(self, wanted: Sequence[int]) -> list[av.VideoFrame]:
        """The key frames before these times, each decoded alone."""
        seen, pictures = set(), []
        for packet in map(self._key_packet, wanted):
            if packet is not None and packet.pts not in seen:
                seen.add(packet.pts)
                pictures.append(self._decoder.alone(packet))
        return [picture for picture in pictures if picture is not None]

    def _pictures_at(self, wanted: Sequence[int], keys: Sequence[int | None]) -> list[av.VideoFrame]:
        """The pictures shown at these times, each once, decoding nothing twice."""
        found: dict[int, av.VideoFrame] = {}
        run, begun = None, None
        for pts, key in zip(wanted, keys, strict=True):
            if run is None or key != begun:
                self._container.seek(pts, stream=self._stream)
                run, begun = Run(itertools.islice(self._decoder, _LONGEST_RUN)), key
            picture = run.at(pts)
            if picture is not None and picture.pts is not None:
                found[picture.pts] = picture
        return list(found.values())

    def _placed(self, pts: int) -> int:
        """A time of the source's clock, in its units, as one of ours: exact wherever the time base is kept."""
        return round((pts * self.source_base - self._origin) / self.time_base)

    def _check_length(self, time: Fraction) -> None:
        if self._max_seconds is not None and time >= self._max_seconds:
            raise InvalidAsset(f"The clip is longer than {float(self._max_seconds):g} seconds. Send a shorter one.")

    def close(self) -> None:
        """Let go of the decoder. The file stays open."""
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rgb(picture: av.VideoFrame, matrix: str) -> NDArray[np.uint8]:
    """A picture in the one form as (height, width, 3) RGB."""
    source = colour.scaler_target(matrix)
    rgb = picture.to_ndarray(format="rgb24", src_colorspace=source, src_color_range=1, dst_color_range=2)
    return np.asarray(rgb, np.uint8)
