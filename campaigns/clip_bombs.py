"""Clips that are small to send and would be large to take in: of sizes, times, tables and streams that nobody needs.

Each is a valid little clip of which a few numbers were changed, or is put together by hand. Pure but for those clips;
the same every time. Knows nothing of what becomes of them.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
from boxes import box, boxes_in, element, full_box, numbers, replaced, rewritten
from PIL import Image

from refilm.testing import make_clip

#: The largest number of four bytes.
MOST = 0xFFFFFFFF
#: Bytes of the longer ones: below what a data URI may carry.
LONG = 8_000_000


@dataclass(frozen=True)
class Bomb:
    """A file. place: where it is sent, "clip" or "reference".  may_pass: whether an edit of it is honest, too."""

    name: str
    content: bytes
    place: str = "clip"
    may_pass: bool = False


class Parts:
    """A little clip of each kind that bombs are made from.  folder: where they are written first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _clip(self, name: str, codec: str = "libx264", **more: object) -> bytes:
        path = self._folder / name
        return make_clip(path, seconds=0.4, size=(64, 64), codec=codec, **more).read_bytes()  # type: ignore[arg-type]

    @cached_property
    def mp4(self) -> bytes:
        """H.264, every frame a key frame, with sound."""
        return self._clip("a.mp4", options={"x264-params": "keyint=1"}, audio="aac")

    @cached_property
    def silent(self) -> bytes:
        """The same without sound."""
        return self._clip("b.mp4", options={"x264-params": "keyint=1"})

    @cached_property
    def jpegs(self) -> bytes:
        """Motion JPEG."""
        return self._clip("c.mov", "mjpeg", pixel_format="yuvj420p")

    @cached_property
    def prores(self) -> bytes:
        """ProRes."""
        return self._clip("d.mov", "prores_ks", pixel_format="yuv422p10le")

    @cached_property
    def webm(self) -> bytes:
        """VP8."""
        return self._clip("e.webm", "libvpx", options={"cpu-used": "8"})

    @cached_property
    def ogg(self) -> bytes:
        """VP8 and FLAC in Ogg."""
        return self._clip("f.ogv", "libvpx", options={"cpu-used": "8"}, audio="flac")

    @cached_property
    def pcm(self) -> bytes:
        """H.264 with plain samples of sound."""
        return self._clip("h.mov", audio="pcm_s16le")

    @cached_property
    def annex_b(self) -> bytes:
        """H.264 without a container."""
        return self._clip("g.h264")


def clip_bombs(folder: Path) -> list[Bomb]:
    """Every kind."""
    parts = Parts(folder)
    groups = (_sizes, _times, _tables, _boxes, _streams, _matroska, _sounds, _strangers)
    return [bomb for group in groups for bomb in group(parts)]


def changed(clip: bytes, boxes: dict[bytes, bytes]) -> bytes:
    """The clip with other boxes in place of those of these names, and every offset into its data still right."""
    return _moved(clip, replaced(clip, boxes))


def _moved(before: bytes, after: bytes) -> bytes:
    """Data that lie behind a longer index, at their new place."""
    grown = after.index(b"mdat") - before.index(b"mdat")
    if not grown:
        return after

    def move(name: bytes, inner: bytes) -> bytes | None:
        if name != b"stco":
            return None
        offsets = struct.unpack(f">{len(inner) // 4 - 2}I", inner[8:])
        return full_box(b"stco", numbers(len(offsets), *(offset + grown for offset in offsets)))

    return rewritten(after, move)


def first_of(clip: bytes, name: bytes) -> bytes:
    """The content of the first box of that name, at any depth."""
    found: list[bytes] = []

    def look(each: bytes, inner: bytes) -> None:
        if each == name:
            found.append(inner)

    rewritten(clip, look)
    return found[0]


def sample(clip: bytes) -> tuple[int, int]:
    """(place, length) of the first frame of a clip's first track."""
    sizes, places = first_of(clip, b"stsz"), first_of(clip, b"stco")
    (size,) = struct.unpack(">I", sizes[4:8])
    (first,) = struct.unpack(">I", sizes[12:16]) if not size else (size,)
    (place,) = struct.unpack(">I", places[8:12])
    return place, first


def repeated(clip: bytes, count: int, delta: int, *, chunks: bool = True) -> bytes:
    """The clip with `count` frames, each of them its first frame.

    delta: between two frames, in the track's units.  chunks: whether each frame is listed, and all at one place;
    otherwise the index says that they lie one behind the other, in four numbers.
    """
    place, size = sample(clip)
    listed = count if chunks else 1
    tables = {
        b"stsz": full_box(b"stsz", numbers(size, count)),
        b"stts": full_box(b"stts", numbers(1, count, delta)),
        b"stsc": full_box(b"stsc", numbers(1, 1, 1 if chunks else count, 1)),
        b"stco": full_box(b"stco", numbers(listed), numbers(place) * listed),
        b"stss": b"",
        b"ctts": b"",
        b"edts": b"",
    }
    return replaced(clip, tables)


def _resized(clip: bytes, coding: bytes, width: int, height: int) -> bytes:
    """The clip with another size in the descriptions of its first track."""
    content = bytearray(clip)
    at = content.index(coding, content.index(b"stsd")) + 4 + 24
    content[at : at + 4] = numbers(width, height, size=2)
    at = content.index(b"tkhd") + 4 + 76
    content[at : at + 8] = numbers(width << 16, height << 16)
    return bytes(content)


def _bits(*fields: tuple[int, int] | int) -> bytes:
    """Bits of H.264.  fields: (value, width), or numbers in the code of Exp-Golomb; then the final bit, and padding."""
    text = ""
    for field in fields:
        if isinstance(field, int):
            code = bin(field + 1)[2:]
            text += "0" * (len(code) - 1) + code
        else:
            text += format(field[0], f"0{field[1]}b")
    text += "1"
    text += "0" * (-len(text) % 8)
    raw = int(text, 2).to_bytes(len(text) // 8, "big")
    for zero in (b"\0\0\0", b"\0\0\1", b"\0\0\2", b"\0\0\3"):
        raw = raw.replace(zero, b"\0\0\3" + zero[2:])
    return raw


def h264(width: int, height: int, frames: int) -> bytes:
    """A stream of key frames of that size, of which only the headers are there: decoders fill in the rest."""
    start = b"\0\0\0\1"
    shape = (width // 16 - 1, height // 16 - 1, (1, 1), (1, 1), (0, 1), (0, 1))
    setup = start + b"\x67" + _bits((66, 8), (0, 8), (52, 8), 0, 0, 2, 1, (0, 1), *shape)
    picture = start + b"\x68" + _bits(0, 0, (0, 1), (0, 1), 0, 0, 0, (0, 1), (0, 2), 0, 0, 0, (0, 1), (0, 1), (0, 1))
    # A slice of one macroblock of 16x16 luma prediction.
    slice_ = start + b"\x65" + _bits(0, 7, 0, (0, 4), 0, (0, 1), (0, 1), 0, 3, 0, 0, (1, 1))
    return setup + (picture + slice_) * frames


def _sizes(parts: Parts) -> list[Bomb]:
    huge = bytearray(parts.jpegs)
    for at in _places(huge, b"\xff\xc0\0\x11\x08"):
        huge[at + 5 : at + 9] = numbers(65_500, 65_500, size=2)
    prores = bytearray(parts.prores)
    for at in _places(prores, b"icpf"):
        prores[at + 12 : at + 16] = numbers(65_535, 65_535, size=2)
    vp8 = bytearray(parts.webm)
    for at in _places(vp8, b"\x9d\x01\x2a"):
        vp8[at + 3 : at + 7] = struct.pack("<HH", 16_383, 16_383)
    narrow = bytearray(parts.jpegs)
    for at in _places(narrow, b"\xff\xc0\0\x11\x08"):
        narrow[at + 5 : at + 9] = numbers(65_500, 1, size=2)
    switching = b"".join(parts.annex_b + h264(3840, 2160, 1) for _ in range(40))
    return [
        Bomb("MP4 that declares 65535x65535", _resized(parts.silent, b"avc1", 65_535, 65_535), may_pass=True),
        Bomb("H.264 of 16384x16384", h264(16_384, 16_384, 50)),
        Bomb("H.264 of 65536x16", h264(65_536, 16, 2_000)),
        Bomb("H.264 that grows to 8192x8192", parts.annex_b + h264(8192, 8192, 100), may_pass=True),
        Bomb("H.264 that changes its size at every turn", switching, may_pass=True),
        Bomb("H.264 of 3840x2160, headers only", h264(3840, 2160, 40), may_pass=True),
        Bomb("Motion JPEG of 65500x65500", bytes(huge)),
        Bomb("Motion JPEG of 1x65500", _resized(bytes(narrow), b"jpeg", 1, 65_500)),
        Bomb("ProRes of 65535x65535", _resized(bytes(prores), b"ap", 65_535, 65_535)),
        Bomb("VP8 of 16383x16383", bytes(vp8)),
    ]


def _places(content: bytes | bytearray, mark: bytes) -> list[int]:
    """Where the mark is."""
    found, at = [], content.find(mark)
    while at >= 0:
        found.append(at)
        at = content.find(mark, at + 1)
    return found


def _times(parts: Parts) -> list[Bomb]:
    clip = parts.silent

    def timed(scale: int, length: int, **boxes: bytes) -> bytes:
        """The clip with another unit of time and another length."""
        told = {
            b"mdhd": full_box(b"mdhd", numbers(0, 0, scale, length), numbers(0x55C4, 0, size=2)),
            **{name.encode(): content for name, content in boxes.items()},
        }
        return changed(clip, told)

    def steps(delta: int, count: int = 10) -> bytes:
        return full_box(b"stts", numbers(1, count, delta))

    shifts = full_box(b"ctts", numbers(10), *(numbers(1, at % 2 * 0x7FFFFFFF) for at in range(10)), version=1)
    backwards = full_box(b"ctts", numbers(10), *(numbers(1, 0x80000000 + at) for at in range(10)), version=1)
    hour_long = repeated(clip, 3_600, 12_800)
    return [
        Bomb("ten frames that declare hours", timed(12_800, MOST - 1), may_pass=True),
        Bomb("frames that are days apart", timed(1, 10, stts=steps(86_400))),
        Bomb(
            "an hour that declares a second",
            replaced(
                hour_long,
                {b"mvhd": b"", b"mdhd": full_box(b"mdhd", numbers(0, 0, 12_800, 12_800), numbers(0x55C4, 0, size=2))},
            ),
        ),
        Bomb("a million frames a second", _quick(clip, 600)),
        Bomb("three frames at four billion a second", timed(MOST, 10, stts=steps(1)), may_pass=True),
        Bomb("a unit of time of nothing", timed(0, 10), may_pass=True),
        Bomb("a unit of time of a second", timed(1, 10, stts=steps(1)), may_pass=True),
        Bomb("times that wrap", timed(12_800, 10, stts=steps(MOST)), may_pass=True),
        Bomb("times that leap", timed(12_800, 5120, ctts=shifts, stts=steps(512)), may_pass=True),
        Bomb("times below nothing", timed(12_800, 5120, ctts=backwards, stts=steps(512)), may_pass=True),
        Bomb("200,000 frames in a second", repeated(clip, 200_000, 1)),
        Bomb("a million frames in ten minutes", repeated(clip, 1_000_000, 7)),
        Bomb("a million frames that are not there", repeated(parts.silent, 1_000_000, 7, chunks=False)),
    ]


def _quick(clip: bytes, frames: int) -> bytes:
    head = full_box(b"mdhd", numbers(0, 0, 1_000_000, frames), numbers(0x55C4, 0, size=2))
    return replaced(repeated(clip, frames, 1), {b"mdhd": head})


def _tables(parts: Parts) -> list[Bomb]:
    clip = parts.silent

    def edits(count: int, length: int = 400, claimed: int | None = None) -> bytes:
        one = numbers(length, 0, 0x10000)
        return box(b"edts", full_box(b"elst", numbers(claimed or count), one * count))

    def table(name: str, *content: bytes) -> bytes:
        return changed(clip, {name.encode(): full_box(name.encode(), *content)})

    plain = repeated(clip, 2_000, 6)
    return [
        Bomb("an index of 150 million frames", repeated(clip, 150_000_000, 1, chunks=False)),
        Bomb("an index of four billion frames", repeated(clip, MOST, 1, chunks=False)),
        Bomb("600,000 edits", _edited(clip, edits(LONG // 12)), may_pass=True),
        Bomb("20,000 edits that repeat 2,000 frames", _edited(plain, edits(20_000, 900))),
        Bomb("edits that are not there", _edited(clip, edits(3, claimed=MOST)), may_pass=True),
        Bomb(
            "a million steps of time", table("stts", numbers(LONG // 8), numbers(1, 512) * (LONG // 8)), may_pass=True
        ),
        Bomb("steps of time that are not there", table("stts", numbers(MOST), numbers(10, 512)), may_pass=True),
        Bomb("chunks that are not there", table("stsc", numbers(MOST), numbers(1, 1, 1)), may_pass=True),
        Bomb("sizes that are not there", table("stsz", numbers(0, MOST), numbers(700) * 10), may_pass=True),
        Bomb("frames of four billion bytes", table("stsz", numbers(MOST, 10)), may_pass=True),
    ]


def _edited(clip: bytes, edits: bytes) -> bytes:
    """The clip with edits for its first track."""
    done = False

    def change(name: bytes, inner: bytes) -> bytes | None:
        nonlocal done
        if name == b"edts":
            return b""
        if name == b"mdia" and not done:
            done = True
            return edits + box(name, inner)
        return None

    return _moved(clip, rewritten(clip, change))


def _boxes(parts: Parts) -> list[Bomb]:
    clip, moov = parts.mp4, first_of(parts.mp4, b"moov")
    deep = b""
    for _ in range(20_000):
        deep = box(b"moov", deep)
    nested = b""
    for _ in range(20_000):
        nested = box(b"udta", nested)
    packed = zlib.compress(bytes(1 << 30), 1)
    compressed = box(b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", numbers((1 << 31) - 1), packed)))
    names = b"".join(box(b"\xa9nam", box(b"data", numbers(1, 0), b"x" * 500)) for _ in range(LONG // 530))
    tags = box(b"udta", full_box(b"meta", full_box(b"hdlr", bytes(4), b"mdir", bytes(13)), box(b"ilst", names)))
    one = box(
        b"udta",
        full_box(
            b"meta",
            full_box(b"hdlr", bytes(4), b"mdir", bytes(13)),
            box(b"ilst", box(b"\xa9nam", box(b"data", numbers(1, 0), b"y" * LONG))),
        ),
    )
    track = next(box(name, inner) for name, inner in boxes_in(moov) if name == b"trak")
    fragment = box(
        b"moof",
        full_box(b"mfhd", numbers(1)),
        box(b"traf", full_box(b"tfhd", numbers(1)), full_box(b"trun", numbers(0))),
    )
    run = box(
        b"moof",
        full_box(b"mfhd", numbers(1)),
        box(b"traf", full_box(b"tfhd", numbers(1)), full_box(b"trun", numbers(MOST >> 4), flags=0)),
    )
    whole = b"".join(box(name, inner) for name, inner in boxes_in(clip))
    return [
        Bomb("boxes in boxes", box(b"ftyp", b"isom", numbers(512), b"isom") + deep),
        Bomb("boxes in boxes beside an index", changed(clip, {b"udta": nested}) + box(b"udta", nested), may_pass=True),
        Bomb("a compressed index", box(b"ftyp", b"qt  ", numbers(512), b"qt  ") + compressed),
        Bomb("15,000 titles", whole + tags, may_pass=True),
        Bomb("a title of megabytes", _with(clip, one), may_pass=True),
        Bomb("titles in the index", _with(clip, tags), may_pass=True),
        Bomb("10,000 tracks", _with(clip, track * 10_000), may_pass=True),
        Bomb("a million empty boxes", whole + box(b"free") * (LONG // 8), may_pass=True),
        Bomb("100,000 empty fragments", whole + fragment * (LONG // len(fragment)), may_pass=True),
        Bomb("fragments of frames that are not there", whole + run * 1_000, may_pass=True),
    ]


def _with(clip: bytes, more: bytes) -> bytes:
    """The clip with more at the end of its index, which is its last box."""
    return rewritten(clip, lambda name, inner: box(name, inner, more) if name == b"moov" else None)


def _streams(parts: Parts) -> list[Bomb]:
    page = bytearray(parts.ogg[: parts.ogg.index(b"OggS", 4)])
    pages = b"".join(bytes(page[:14]) + struct.pack("<I", at) + bytes(page[18:]) for at in range(20_000))
    late = bytearray(parts.ogg)
    for at in _places(late, b"OggS")[4:]:
        late[at + 6 : at + 14] = b"\xff" * 7 + b"\x7f"
    return [
        Bomb("Ogg of 20,000 streams", pages, may_pass=True),
        Bomb("Ogg of the last moment", bytes(late), may_pass=True),
        Bomb("Ogg pages without end", parts.ogg + parts.ogg[-4_000:] * 1_500, may_pass=True),
        Bomb("start codes", b"\0\0\1\x67" * (LONG // 4)),
        Bomb("parameter sets without pictures", h264(64, 64, 1)[:40] * (LONG // 40), may_pass=True),
    ]


EBML = element(0x1A45DFA3, element(0x4282, b"matroska"), element(0x4287, 4), element(0x4285, 2))
INFO = element(0x1549A966, element(0x2AD7B1, 1_000_000), element(0x4D80, b"x"), element(0x5741, b"x"))
UNTOLD = b"\x01" + b"\xff" * 7


def _track(codec: bytes, *more: bytes) -> bytes:
    """A video track of 64x64."""
    size = element(0xE0, element(0xB0, 64), element(0xBA, 64))
    return element(
        0x1654AE6B,
        element(0xAE, element(0xD7, 1), element(0x73C5, 1), element(0x83, 1), element(0x86, codec), size, *more),
    )


def _matroska(parts: Parts) -> list[Bomb]:
    frame = next(iter(_vp8_frames(parts.webm)))
    hidden = bytes([frame[0] & ~0x10]) + frame[1:]
    track, webm = _track(b"V_VP8"), parts.webm

    def segment(*inside: bytes) -> bytes:
        return EBML + element(0x18538067, INFO, *inside)

    def cluster(frames: Sequence[bytes], step: int = 1, head: bytes = b"\x80") -> bytes:
        blocks = b"".join(
            element(0xA3, b"\x81", struct.pack(">h", at * step % 32_000), head, content)
            for at, content in enumerate(frames)
        )
        return element(0x1F43B675, element(0xE7, 0), blocks)

    packed = zlib.compress(bytes(9_000_000), 9)
    zipped = _track(b"V_VP8", element(0x6D80, element(0x6240, element(0x5034, element(0x4254, 0)))))
    atom = element(
        0xB6, element(0x73C4, 1), element(0x91, 0), element(0x80, element(0x85, b"chapter"), element(0x437C, b"eng"))
    )
    attachment = element(
        0x61A7, element(0x466E, b"a.ttf"), element(0x4660, b"font/ttf"), element(0x465C, b"x"), element(0x46AE, 1)
    )
    tag = element(0x7373, element(0x63C0), element(0x67C8, element(0x45A3, b"TITLE"), element(0x4487, b"x" * 100)))
    cue = element(0xBB, element(0xB3, 1), element(0xB7, element(0xF7, 1), element(0xF1, 1)))
    nest = b""
    for _ in range(5_000):
        nest = element(0xB6, nest)
    laced = b"\x06\xff" + b"\xff" * 8 + frame
    claims = b"\xec" + b"\x01" + b"\xff" * 6 + b"\xfe"
    first = cluster([frame] * 10, 40)
    return [
        Bomb(
            "100,000 pictures that are not shown",
            segment(track, cluster([hidden] * min(100_000, LONG // (len(hidden) + 16)))),
        ),
        Bomb(
            "pictures that are not shown after one that is",
            segment(track, first, cluster([hidden] * min(60_000, LONG // (len(hidden) + 16)))),
            may_pass=True,
        ),
        Bomb("blocks that unpack to gigabytes", segment(zipped, cluster([packed] * 500))),
        Bomb(
            "50,000 chapters", segment(element(0x1043A770, element(0x45B9, atom * 50_000)), track, first), may_pass=True
        ),
        Bomb("chapters in chapters", segment(element(0x1043A770, element(0x45B9, nest)), track, first), may_pass=True),
        Bomb("20,000 attachments", segment(element(0x1941A469, attachment * 20_000), track, first), may_pass=True),
        Bomb(
            "an attachment of megabytes",
            segment(
                element(
                    0x1941A469,
                    element(
                        0x61A7,
                        element(0x466E, b"a"),
                        element(0x4660, b"x/y"),
                        element(0x465C, bytes(LONG)),
                        element(0x46AE, 1),
                    ),
                ),
                track,
                first,
            ),
            may_pass=True,
        ),
        Bomb("50,000 titles", segment(element(0x1254C367, tag * 50_000), track, first), may_pass=True),
        Bomb("300,000 cues", segment(element(0x1C53BB6B, cue * 300_000), track, first), may_pass=True),
        Bomb("four million bytes of nothing", webm + b"\xec\x80" * 2_000_000, may_pass=True),
        Bomb(
            "nothing that claims all",
            EBML + b"\x18\x53\x80\x67" + UNTOLD + INFO + track + claims + first,
            may_pass=True,
        ),
        Bomb("laces in laces", segment(track, cluster([laced] * 10_000, head=b"\x86")), may_pass=True),
        Bomb(
            "clusters without end",
            EBML + b"\x18\x53\x80\x67" + UNTOLD + INFO + track + (b"\x1f\x43\xb6\x75" + UNTOLD) * 200_000,
            may_pass=True,
        ),
        Bomb("a thousand tracks", segment(*[track] * 5_000, first), may_pass=True),
    ]


def _vp8_frames(webm: bytes) -> Sequence[bytes]:
    """The key frames of a WebM as they are."""
    with av.open(io.BytesIO(webm)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size and packet.is_keyframe]


def _sounds(parts: Parts) -> list[Bomb]:
    path = parts.mp4
    pcm = bytearray(parts.pcm)
    at = pcm.index(b"sowt", pcm.index(b"stsd")) + 4
    wide, fast = bytearray(pcm), bytearray(pcm)
    wide[at + 16 : at + 18] = numbers(64, size=2)
    fast[at + 24 : at + 28] = numbers(65_535 << 16)
    return [
        Bomb("sound of 64 channels", bytes(wide), may_pass=True),
        Bomb("sound of 65,535 Hz", bytes(fast), may_pass=True),
        Bomb("sound of hours", _long_sound(path, 700_000), may_pass=True),
        Bomb("sound of days that are not there", _long_sound(path, 100_000_000, listed=False), may_pass=True),
    ]


def _long_sound(clip: bytes, frames: int, *, listed: bool = True) -> bytes:
    """The clip whose sound repeats its first frame."""
    moov = first_of(clip, b"moov")
    (track,) = [inner for name, inner in boxes_in(moov) if name == b"trak" and b"soun" in inner]
    content = box(b"trak", track)
    place, size = sample(content)
    tables = {
        b"stsz": full_box(b"stsz", numbers(size, frames)),
        b"stts": full_box(b"stts", numbers(1, frames, 1024)),
        b"stsc": full_box(b"stsc", numbers(1, 1, 1 if listed else frames, 1)),
        b"stco": full_box(b"stco", numbers(frames if listed else 1), numbers(place) * (frames if listed else 1)),
        b"edts": b"",
        b"sbgp": b"",
        b"sgpd": b"",
    }
    long = replaced(content, tables)
    return rewritten(clip, lambda name, inner: long if name == b"trak" and inner == track else None)


def _strangers(parts: Parts) -> list[Bomb]:
    """What is no clip at all, though its sender says so."""
    frames = [Image.new("L", (4096, 4096), shade) for shade in (0, 255, 0)]
    return [
        Bomb("zeros", bytes(LONG)),
        Bomb("a GIF of huge frames", _animation(frames, "GIF")),
        Bomb("an animated WebP of huge frames", _animation(frames, "WEBP")),
        Bomb("an animated PNG of huge frames", _animation(frames, "PNG")),
        Bomb("gzip of zeros", gzip.compress(bytes(64 << 20), 9, mtime=0)),
    ]


def _animation(frames: list[Image.Image], kind: str) -> bytes:
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=40)
    return file.getvalue()
