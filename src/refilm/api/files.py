"""Bytes in and out under signed links: the second step of an upload, and the outputs. No key is asked for here; the
signature is the permission.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import BinaryIO
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from refilm.api import operations
from refilm.api.answers import json_answer, link_error
from refilm.api.dialect import Parts
from refilm.api.edge import Route
from refilm.api.form import read_upload
from refilm.api.ranges import ByteRange, Unsatisfiable, wanted
from refilm.service import SignedFile

CHUNK_BYTES = 262_144

#: An output is somebody's video and never a page: no type but the one we say, no script, shown only when downloaded.
INERT = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "access-control-allow-origin": "*",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-transform",
    "accept-ranges": "bytes",
}


class FileEndpoints:
    """Uploads in, outputs out."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[Route]:
        """Every route of files."""
        return [
            Route("GET", "/files/{key:path}", self.download, link_error, operations.DOWNLOAD, of_files=True),
            Route("POST", "/uploads", self.receive, link_error, operations.RECEIVE, of_files=True),
        ]

    async def receive(self, request: Request) -> Response:
        """Take the file of an upload. Its fields carry the permission."""
        self._parts.gate.keyless(request.scope)
        upload = await read_upload(request.scope, request.receive, self._parts.settings.max_upload_bytes)
        await self._parts.uploads.receive(upload.fields, upload.chunks)
        return Response(status_code=204)

    async def download(self, request: Request) -> Response:
        """An output, or a part of it."""
        self._parts.gate.keyless(request.scope)
        query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        key: str = request.scope["path_params"]["key"]
        signed = await asyncio.to_thread(self._parts.service.open_signed, key, query)
        try:
            return _answer(request, key, signed)
        except BaseException:
            signed.file.close()
            raise


def _answer(request: Request, key: str, signed: SignedFile) -> Response:
    headers = {**INERT, "etag": _etag(key, signed.size), "content-disposition": _attachment(signed.filename)}
    asked = request.headers
    if asked.get("if-none-match") == headers["etag"]:
        signed.file.close()
        return Response(status_code=304, headers=headers)
    unchanged = asked.get("if-range", headers["etag"]) == headers["etag"]
    try:
        part = wanted(asked.get("range") if unchanged else None, signed.size)
    except Unsatisfiable as error:
        signed.file.close()
        return json_answer({"error": str(error)}, 416, {**headers, "content-range": f"bytes */{signed.size}"})
    if part is not None:
        headers["content-range"] = part.content_range(signed.size)
    whole = part or ByteRange(0, signed.size)
    headers["content-length"] = str(whole.length)
    if request.method == "HEAD":
        signed.file.close()
        return Response(None, 206 if part else 200, headers, signed.media_type)
    return FileResponse(signed.file, whole, 206 if part else 200, headers, signed.media_type)


class FileResponse(StreamingResponse):
    """A part of an open file, read in threads and closed at the end, however the end comes."""

    def __init__(self, file: BinaryIO, part: ByteRange, status: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(_pieces(file, part), status, headers, media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


async def _pieces(file: BinaryIO, part: ByteRange) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, part.start)
    left = part.length
    while left > 0:
        piece = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
        if not piece:
            raise OSError("An output became shorter while it was sent.")
        left -= len(piece)
        yield piece


def _etag(key: str, size: int) -> str:
    """An output never changes under its key, so key and size name its content."""
    return f'"{hashlib.sha256(f"{size}:{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def _attachment(filename: str) -> str:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in filename)
    if plain == filename:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"
