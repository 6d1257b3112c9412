"""How large the index of an MP4 would become, judged by its own few numbers before anything builds it.

A table of constant sizes or of repeated edits is written in a dozen bytes and stands for billions of entries in memory
(ISO/IEC 14496-12, 8.6 to 8.8). Reads headers of boxes and counts, no media. What is damaged is left for FFmpeg.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refilm.errors import InvalidAsset
from refilm.media.descriptor import Descriptor

#: Entries that the frames of a clip, its sound included, may have: a ten-minute clip has 70,000 at 60 frames a second.
MAX_ENTRIES = 2_000_000
MAX_TRACKS = 100
#: Pieces of a clip that was written piece by piece. Cameras write one for each second, some senders one for each frame.
MAX_FRAGMENTS = 40_000
#: A piece has two boxes, its index and its data, and some have one or two more.
MAX_BOXES = 100_000
MAX_INDEX_BYTES = 64_000_000

_NESTS = frozenset({b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf"})
#: FFmpeg indexes plain samples of sound by so many at once.
_SAMPLES_AT_ONCE = 1024
_TOO_LARGE = "The clip's index is larger than any clip needs. Save the clip anew and send that."


@dataclass
class _Track:
    """The counts of one track. plain: whether each of its entries is one sample of sound."""

    entries: int = 0
    edits: int = 1
    plain: bool = False

    @property
    def total(self) -> int:
        """The entries that stand in memory: each edit has its own."""
        return (self.entries // _SAMPLES_AT_ONCE if self.plain else self.entries) * max(1, self.edits)


def check_tables(file: Descriptor) -> None:
    """Raise InvalidAsset where the file in MP4's form has an index that is larger than any clip needs."""
    total = fragments = 0
    for name, content in _top_boxes(file):
        if name == b"moov":
            total += _entries_of(content)
        elif name == b"moof":
            fragments += 1
            total += sum(_count(inner, 4) for kind, inner in _boxes(content) if kind == b"trun")
        if total > MAX_ENTRIES or fragments > MAX_FRAGMENTS:
            raise InvalidAsset(_TOO_LARGE)


def _top_boxes(file: Descriptor) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of the boxes that hold tables."""
    at, size, seen = 0, file.size, 0
    while at + 8 <= size:
        file.seek(at)
        header = file.read(16)
        length, name, head = int.from_bytes(header[:4], "big"), header[4:8], 8
        if length == 1:
            length, head = int.from_bytes(header[8:], "big"), 16
        length = length or size - at
        seen += 1
        if seen > MAX_BOXES:
            raise InvalidAsset(_TOO_LARGE)
        if length < head:
            return
        if name in (b"moov", b"moof"):
            if min(length, size - at) > MAX_INDEX_BYTES:
                raise InvalidAsset(_TOO_LARGE)
            file.seek(at + head)
            yield name, file.read(length - head)
        at += length


def _entries_of(index: bytes) -> int:
    """How many entries the tables of an index stand for. Raises InvalidAsset for one that is packed."""
    tracks = [_Track()]
    for name, content in _boxes(index):
        track = tracks[-1]
        if name == b"cmov":
            raise InvalidAsset("The clip's index is compressed. Save the clip anew and send that.")
        if name == b"trak":
            tracks.append(_Track())
        elif name in (b"stsz", b"stz2"):
            track.entries += _count(content, 8)
        elif name == b"elst":
            track.edits += _count(content, 4)
        elif name == b"stts":
            track.plain = content[4:8] == b"\0\0\0\1" and content[12:16] == b"\0\0\0\1" and track.plain
        elif name == b"hdlr":
            track.plain = content[8:12] == b"soun"
        if len(tracks) > MAX_TRACKS:
            raise InvalidAsset(f"The clip has more than {MAX_TRACKS} tracks. Save it with its picture and sound alone.")
    return sum(track.total for track in tracks)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, first bytes of the content) of the boxes in there, those that hold others before what they hold."""
    ends, at = [len(content)], 0
    while ends:
        if at + 8 > ends[-1]:
            at = max(at, ends.pop())
            continue
        length, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        end = min(ends[-1], at + length) if length >= 8 else ends[-1]
        yield name, content[at + 8 : min(end, at + 40)]
        if name in _NESTS:
            ends.append(end)
            at += 8
        else:
            at = end


def _count(content: bytes, at: int) -> int:
    """The number of four bytes there; 0 where the box ends before."""
    return int.from_bytes(content[at : at + 4], "big") if len(content) >= at + 4 else 0
