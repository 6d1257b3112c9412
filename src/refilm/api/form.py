"""Reads a multipart/form-data upload as it arrives: small fields first, then one file whose bytes stream through.

Memory: one network chunk and the fields, whatever the file's size. Knows nothing of what the fields mean.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.types import Receive, Scope

from refilm.api.auth import header
from refilm.api.body import check_unencoded, chunks, declared_length, refuse, too_large

FILE_FIELD = "file"
MAX_FIELDS = 32
MAX_FIELD_BYTES = 8192
#: Room for the fields, the boundaries and the headers of the parts around a file of the greatest size.
OVERHEAD_BYTES = 65_536


@dataclass(frozen=True)
class Upload:
    """A form whose file has begun to arrive.

    chunks: the file's bytes; raises InvalidRequest where the form breaks off, BodyTooLarge.
    """

    fields: dict[str, str]
    chunks: AsyncIterator[bytes]


async def read_upload(scope: Scope, receive: Receive, max_file_bytes: int) -> Upload:
    """The fields of the form, and its file as a stream. Raises InvalidRequest, EncodedBody, BodyTooLarge,
    ClientDisconnect.
    """
    check_unencoded(scope)
    limit = max_file_bytes + OVERHEAD_BYTES
    if (declared_length(scope) or 0) > limit:
        raise too_large(max_file_bytes)
    parser = _Parser(_boundary(scope))
    body = chunks(receive, limit)
    while not parser.in_file:
        chunk = await anext(body, None)
        if chunk is None:
            refuse("The form has no part named file, or ends before it.")
        parser.feed(chunk)
    return Upload(parser.fields, _file_bytes(parser, body, max_file_bytes))


def _boundary(scope: Scope) -> bytes:
    media_type, options = parse_options_header((header(scope, b"content-type") or b"").decode("latin-1"))
    boundary = options.get(b"boundary", b"")
    if media_type != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        refuse("An upload must be sent as multipart/form-data, with a boundary.")
    return boundary


async def _file_bytes(parser: _Parser, body: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    while True:
        for piece in parser.take():
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            yield piece
        chunk = await anext(body, None)
        if chunk is None:
            break
        parser.feed(chunk)
    if not parser.ended:
        refuse("The form breaks off before its end; upload the file again.")


class _Parser:
    """Collects fields, and the pieces of the file since the last `take`."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.in_file = False
        self.ended = False
        self._pieces: list[bytes] = []
        self._header = [bytearray(), bytearray()]
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Parse one more piece of the body. Raises InvalidRequest."""
        try:
            self._parser.write(chunk)
        except FormParserError:
            refuse("The form is not valid multipart/form-data.")

    def take(self) -> list[bytes]:
        """The file's bytes since the last call."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _begin(self) -> None:
        if self.in_file:
            refuse("The part named file must be the last one of the form.")
        self._headers, self._value = {}, bytearray()

    def _header_end(self) -> None:
        self._headers[bytes(self._header[0]).lower()] = bytes(self._header[1])
        self._header = [bytearray(), bytearray()]

    def _headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        name = parse_options_header(disposition)[1].get(b"name")
        if name is None:
            refuse("A part of the form has no name.")
        self._name = name.decode("utf-8", "replace")
        self.in_file = self._name == FILE_FIELD
        if len(self.fields) >= MAX_FIELDS or self._name in self.fields:
            refuse("The form has too many fields, or one of them twice.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self.in_file:
            self._pieces.append(data[start:end])
        else:
            self._value.extend(data[start:end])
            if len(self._value) > MAX_FIELD_BYTES:
                refuse(f"A field of the form is longer than {MAX_FIELD_BYTES} bytes.")

    def _end(self) -> None:
        if not self.in_file:
            self.fields[self._name] = self._value.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.ended = True
