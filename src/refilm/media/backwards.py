"""A clip from its last frame to its first, in bounded memory.

Pictures are predicted from earlier ones, so that a run of them can only be decoded forwards, from a key frame on. The
clip is therefore taken in runs from its end: each is decoded from the key frame before it, held, and handed out the
other way round. Where key frames lie so far apart that what lies between them exceeds what may be held, the stretch is
decoded again from its key frame for each run of it. That takes (n / held + 1) / 2 times the work for n frames between
key frames: 1.6 times for the 250 of x264's default at 720p. The other ways were weighed: a scratch file needs room on a
disk, which a locked-down child has no right to; keeping what is held compressed costs each frame an encoder and a
decoder more, also in the clips (nearly all) that fit. What would take more than `_MOST_WORK` times the work is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av

from refilm.errors import InvalidAsset
from refilm.media.container import asset_errors
from refilm.media.frame import Frame
from refilm.media.geometry import Size
from refilm.media.index import ClipIndex, Window, read_index
from refilm.media.probe import NOTHING_DECODES, sample_aspect_of
from refilm.media.read import FrameReader
from refilm.media.upright import Upright

#: Bytes of pictures that are held: 115 frames of 720p, 51 of 1080p, 12 of 2160p.
HELD_BYTES = 160_000_000
#: How many times a clip may be decoded, frame for frame, in order to be played backwards.
_MOST_WORK = 16


class BackwardsReader(FrameReader):
    """The frames of a clip from the last to the first, shown as long as before, the first at 0.

    end: seconds of the forward clip's clock at which its last frame ends, around which time is mirrored. Each frame
    tells the moment of the source that it shows.
    """

    def __init__(
        self,
        source: BinaryIO,
        *,
        size: Size | None = None,
        threads: int = 2,
        max_seconds: Fraction | None = None,
        matrix: str | None = None,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        """held_bytes: of pictures, more or less; at least two are held. The rest as for FrameReader.

        Raises InvalidAsset also where a clip has too few key frames, or tells no times and is too long to be held.
        """
        super().__init__(source, size=size, threads=threads, max_seconds=max_seconds, matrix=matrix)
        try:
            self._held = max(2, held_bytes // (self.size[0] * self.size[1] * 3 // 2))
            self._index = self._searchable(read_index(source))
        except BaseException:
            self.close()
            raise
        index = self._index
        last = index.last or round(1 / (self.frame_rate * self.source_base))
        self._end = self._placed(index.times[-1] + last)
        self.end = self._end * self.time_base

    def _searchable(self, index: ClipIndex | None) -> ClipIndex:
        """The index of a clip that can be taken apart. Raises InvalidAsset for others."""
        if index is None or not index.times:
            raise InvalidAsset(
                "The clip does not tell when its frames are shown, so it cannot be played backwards. Send it as MP4."
            )
        if sum(window.end - window.start for window in index.windows(self._held)) > _MOST_WORK * len(index.times):
            raise InvalidAsset(
                "The clip has too few key frames to be played backwards. Send it with one every few seconds."
            )
        self._check_length((self._placed(index.times[-1]) - self._placed(index.times[0])) * self.time_base)
        return index

    def __iter__(self) -> Iterator[Frame]:
        upright = Upright(self.size, self.matrix, self.info.matrix)
        aspect = sample_aspect_of(self._stream)
        times = self._index.times
        begins, shown_until, index = self._placed(times[0]), self._end, 0
        with asset_errors(NOTHING_DECODES):
            for window in self._index.windows(self._held):
                held = [(picture.pts or 0, upright(picture, aspect)) for picture in self._run(window)]
                while held:
                    pts, picture = held.pop()
                    begun = self._placed(pts)
                    if begun >= shown_until:
                        continue  # damage: two pictures of one time
                    self.read += 1
                    yield Frame(
                        picture,
                        index=index,
                        pts=self._end - shown_until,
                        time_base=self.time_base,
                        duration=shown_until - begun,
                        time=(begun - begins) * self.time_base,
                    )
                    index, shown_until = index + 1, begun
                    del picture

    def _run(self, window: Window) -> Iterator[av.VideoFrame]:
        """The pictures of a window, forwards."""
        times = self._index.times
        until = times[window.end] if window.end < len(times) else None
        for picture in self._pictures_from(window):
            if picture.pts is None or picture.pts < times[window.first]:
                continue
            if until is not None and picture.pts >= until:
                return
            yield picture

    def _pictures_from(self, window: Window) -> Iterator[av.VideoFrame]:
        """Pictures from the window's key frame on; from one before it, where the container leads too far."""
        times, keys = self._index.times, self._index.keys
        wanted = times[window.first]
        for key in reversed([each for each in keys if each <= window.start]):
            self._container.seek(times[key], stream=self._stream)
            pictures = iter(self._decoder)
            first = next(pictures, None)
            if first is not None and first.pts is not None and first.pts <= wanted:
                return itertools.chain([first], pictures)
        self._container.seek(self._stream.start_time or 0, stream=self._stream)
        return iter(self._decoder)
