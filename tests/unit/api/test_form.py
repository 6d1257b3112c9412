"""Uploads are read as they arrive: fields first, then the file's bytes."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from asgi import Sender, scope
from hypothesis import assume, given
from hypothesis import strategies as st

from refilm.api.form import OVERHEAD_BYTES, read_upload
from refilm.api.refusals import BodyTooLarge, EncodedBody
from refilm.errors import InvalidRequest

TYPE = "multipart/form-data; boundary=BOUND"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a form."""
    suffix = f'; filename="{filename}"\r\nContent-Type: video/mp4' if filename else ""
    head = f'--BOUND\r\nContent-Disposition: form-data; name="{name}"{suffix}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(content: bytes, **fields: bytes) -> bytes:
    """A form with these fields and then the file."""
    return (
        b"".join(part(name, value) for name, value in fields.items())
        + part("file", content, "a.mp4")
        + b"--BOUND--\r\n"
    )


def read(
    pieces: list[bytes], limit: int = 1_000_000, *, breaks_off: bool = False, **headers: str
) -> tuple[dict[str, str], bytes]:
    """The fields and the file of a form that arrives in these pieces."""

    async def go() -> tuple[dict[str, str], bytes]:
        sender = Sender(pieces, breaks_off=breaks_off)
        upload = await read_upload(scope(**{"content_type": TYPE, **headers}), sender, limit)
        return upload.fields, b"".join([piece async for piece in upload.chunks])

    return asyncio.run(go())


@given(st.binary(max_size=400), st.lists(st.integers(0, 900), max_size=8))
def test_a_form_may_be_cut_anywhere(content: bytes, cuts: list[int]) -> None:
    """However the network cuts the body, the fields and the file are the same, even where it looks like a boundary."""
    assume(not content.startswith(b"D"))  # that would be a boundary
    raw = form(b"\r\n--BOUN" + content, key=b"abc", signature=b"x-y_z")
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:stop] for start, stop in itertools.pairwise(edges)]

    fields, file = read(pieces)

    assert fields == {"key": "abc", "signature": "x-y_z"}
    assert file == b"\r\n--BOUN" + content


def test_memory_does_not_grow_with_the_file() -> None:
    """Fifty megabytes pass through less than two."""

    async def go() -> int:
        upload = await read_upload(scope(content_type=TYPE), Endless(50), 100_000_000)
        return sum([len(piece) async for piece in upload.chunks])

    tracemalloc.start()
    size = asyncio.run(go())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size == 50 << 20
    assert peak < 4 << 20


class Endless(Sender):
    """Sends a form with a file of so many megabytes, without having it."""

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self._messages = self._form(megabytes)

    def _form(self, megabytes: int) -> Iterator[dict[str, object]]:
        piece = bytes(1 << 18)
        yield {"type": "http.request", "body": part("file", b"", "a.mp4")[:-2], "more_body": True}
        for _ in range(megabytes * 4):
            yield {"type": "http.request", "body": piece, "more_body": True}
        yield {"type": "http.request", "body": b"\r\n--BOUND--\r\n", "more_body": False}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no form at all",
        part("key", b"x"),
        part("key", b"x") + b"--BOUND--\r\n",
        form(b"content")[:-20],
        part("file", b"x", "a") + part("late", b"x") + b"--BOUND--\r\n",
        part("file", b"x", "a") + form(b"x"),
        part("key", b"x") + form(b"x", key=b"y"),
        b"".join(part(f"f{n}", b"x") for n in range(40)) + form(b"x"),
        form(b"x", key=b"x" * 10_000),
        form(b"x").replace(b'; name="file"', b""),
        b"--BOUND\r\n" + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_other_forms_are_refused(raw: bytes) -> None:
    """No file, a form that breaks off, parts after the file, fields twice, too many or too long: all are refused."""
    with pytest.raises(InvalidRequest):
        read([raw])


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 71]
)
def test_other_types_are_refused(content_type: str) -> None:
    """An upload is multipart/form-data with a boundary."""
    with pytest.raises(InvalidRequest, match="multipart/form-data"):
        read([form(b"x")], content_type=content_type)


def test_a_file_over_the_limit_is_refused() -> None:
    """By the declared length before anything is read, else when the file's own bytes cross the limit."""
    with pytest.raises(BodyTooLarge):
        read([form(b"x")], 100, content_length=str(101 + OVERHEAD_BYTES))
    with pytest.raises(BodyTooLarge):
        read([form(b"x" * 101)], 100)
    assert read([form(b"x" * 100)], 100)[1] == b"x" * 100


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_form_is_refused(coding: str) -> None:
    """Nothing is decompressed here."""
    with pytest.raises(EncodedBody, match="as it is"):
        read([form(b"x")], content_encoding=coding)
