"""Requests whose bodies are small to send and would be large to take in, or that never come to their end.

Pure; knows of HTTP only what a request consists of.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

#: The endpoint that JSON goes to. Uploads go to the slot's own address.
CREATE = "/v1/video_to_video"
JSON: Mapping[str, str] = {"Content-Type": "application/json"}
BOUNDARY = "bomb"
#: Longer than any body may be.
TOO_LONG = 30_000_000


@dataclass(frozen=True)
class BodyBomb:
    """A body. form: whether it goes to an upload slot, whose fields then stand before it.

    chunked: sent without its length.  missing: bytes that the length promises and that never come.
    """

    name: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    form: bool = False
    chunked: bool = False
    missing: int = 0


def body_bombs() -> list[BodyBomb]:
    """Every kind."""
    return [*_json(), *_packed(), *_data_uris(), *_forms()]


def _create(video: str, *more: str) -> bytes:
    members = ['"model":"gen4_aleph"', '"promptText":"warm"', f'"videoUri":{video}', *more]
    return ("{" + ",".join(members) + "}").encode()


def _json() -> list[BodyBomb]:
    depth, keys = 1_000_000, 500_000
    uri = '"https://media.example.com/clip.mp4"'
    many = ",".join(f'"k{number}":0' for number in range(keys))
    return [
        BodyBomb("arrays in arrays", b"[" * depth + b"]" * depth),
        BodyBomb("objects in objects", b'{"a":' * depth + b"0" + b"}" * depth),
        BodyBomb("arrays in a member", _create(uri, '"references":' + "[" * 100_000 + "]" * 100_000)),
        BodyBomb("arrays that are not closed", b"[" * 5_000_000),
        BodyBomb("half a million keys", _create(uri, many)),
        BodyBomb("half a million references", _create(uri, '"references":[' + ",".join(["{}"] * 500_000) + "]")),
        BodyBomb("ten million zeros", b"[" + b"0," * 10_000_000 + b"0]"),
        BodyBomb("the same key again and again", b"{" + b'"model":"gen4_aleph",' * 400_000 + b'"model":0}'),
        BodyBomb("a whole number of a million digits", _create(uri, '"seed":' + "9" * 1_000_000)),
        BodyBomb("a number beyond all", _create(uri, '"seed":1e999999999')),
        BodyBomb("a fraction of a million digits", _create(uri, '"seed":0.' + "3" * 1_000_000)),
        BodyBomb("a text of 20 MB", _create(uri).replace(b"warm", b"w" * 20_000_000)),
        BodyBomb("a text of escapes", _create(uri).replace(b"warm", rb"\u0041" * 3_000_000)),
        BodyBomb("a text of half characters", _create(uri).replace(b"warm", rb"\ud800" * 1_000_000)),
        BodyBomb("spaces", b" " * 20_000_000 + b"{}"),
        BodyBomb("more than a body may be", b'"' + b"x" * TOO_LONG + b'"'),
        BodyBomb("chunks without end", b"x" * TOO_LONG, chunked=True),
        BodyBomb("bytes that are no text", b'{"model":"' + b"\xff" * 5_000_000 + b'"}'),
    ]


def _packed() -> list[BodyBomb]:
    zeros = bytes(64 << 20)
    member = gzip.compress(zeros, 9, mtime=0)
    spelled = {**JSON, "Content-Encoding": "gzip"}
    return [
        BodyBomb("gzip of 10 GB", member * 160, spelled),
        BodyBomb("gzip of gzip", gzip.compress(member * 100, 9, mtime=0), {**JSON, "Content-Encoding": "gzip, gzip"}),
        BodyBomb("deflate of 64 MB", zlib.compress(zeros, 9), {**JSON, "Content-Encoding": "deflate"}),
        # A brotli window with an empty block of metadata, and a zstd frame of one repeated byte, declared as huge.
        BodyBomb("brotli", b"\x6b\x00" * 2_000, {**JSON, "Content-Encoding": "br"}),
        BodyBomb(
            "zstd",
            b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8 + b"\x02\xff\x7f\0" * 5_000,
            {**JSON, "Content-Encoding": "zstd"},
        ),
        BodyBomb("gzip that nobody spoke of", member),
    ]


def _data_uris() -> list[BodyBomb]:
    zeros = base64.b64encode(bytes(12_582_915)).decode()
    nested = base64.b64encode(b"data:video/mp4;base64," + zeros[:300_000].encode()).decode()

    def uri(text: str) -> bytes:
        return _create(f'"{text}"')

    return [
        BodyBomb("a data URI that is too long", uri(f"data:video/mp4;base64,{zeros}")),
        BodyBomb("a data URI of bad base64", uri("data:video/mp4;base64," + "A" * 8_000_000 + "!")),
        BodyBomb("a data URI of padding", uri("data:video/mp4;base64," + "=" * 8_000_000)),
        BodyBomb("a data URI in a data URI", uri(f"data:video/mp4;base64,data:video/mp4;base64,{nested}")),
        BodyBomb("a data URI of another type", uri(f"data:application/x-mpegurl;base64,{zeros[:4_000_000]}")),
        BodyBomb("a data URI of spaces", uri("data:video/mp4;base64," + "A A " * 2_000_000)),
        BodyBomb("a data URI of parameters", uri("data:video/mp4;" + "a=b;" * 2_000_000 + "base64,AAAA")),
        BodyBomb("a data URI without a comma", uri("data:" + "video/mp4;" * 800_000)),
        BodyBomb("a data URI of percent signs", uri("data:video/mp4," + "%41" * 3_000_000)),
        BodyBomb("an address of 10 MB", uri("https://media.example.com/" + "a" * 10_000_000)),
    ]


def part(name: str, content: bytes, *headers: str) -> bytes:
    """A part of a form."""
    lines = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"', *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def _forms() -> list[BodyBomb]:
    spoken = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    end, some = f"--{BOUNDARY}--\r\n".encode(), b"x" * 600
    file = part("file", some)

    def form(name: str, content: bytes, **more: object) -> BodyBomb:
        return BodyBomb(name, content, spoken, form=True, **more)  # type: ignore[arg-type]

    return [
        form("200,000 parts", b"".join([part("a", b"b")] * 200_000) + file + end),
        form("100,000 empty files", b"".join([part("file", b"")] * 100_000) + end),
        form("a part of 200,000 headers", part("file", some, *["X-A: b"] * 200_000) + end),
        form("a header of 10 MB", part("file", some, "X-A: " + "b" * 10_000_000) + end),
        form("a header without end", f"--{BOUNDARY}\r\nX-A: ".encode() + b"b" * 10_000_000),
        form("a field of 10 MB", part("extra", b"x" * 10_000_000) + file + end),
        form("a file name of a megabyte", part('file"; filename="' + "f" * 1_000_000, some) + end),
        form("boundaries, almost", part("extra", f"\r\n--{BOUNDARY[:-1]}".encode() * 700_000) + file + end),
        form("a form without an end", part("file", some)[:-2]),
        form("a form that promises more than comes", file + end, missing=1_000_000),
        form("a form that begins with megabytes of nothing", b"\r\n" * 5_000_000 + file + end),
        BodyBomb("a form without a boundary", file + end, {"Content-Type": "multipart/form-data"}, form=True),
        BodyBomb(
            "a form with a boundary of kilobytes",
            file + end,
            {"Content-Type": "multipart/form-data; boundary=" + "b" * 4_000},
            form=True,
        ),
    ]
