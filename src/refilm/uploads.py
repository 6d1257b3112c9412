"""Uploads: slots that a caller asks for, and the bytes that arrive in them.

A slot is a signed form that somebody without a key may fill once. Where the place for assets takes forms itself, the
bytes go there and are looked at when they are first used; else they come through us and are probed at once, so that a
create can answer at once. Knows nothing of HTTP forms and of media; memory: one megabyte for each upload under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from refilm.accounts import Caller
from refilm.assets.base import Assets
from refilm.assets.room import Room
from refilm.assets.signing import Signer
from refilm.domain.upload import Upload
from refilm.errors import EditFailure, InvalidRequest, Issue, NotFound, Refused, Unavailable
from refilm.store.base import Store
from refilm.store.sql import Transaction

#: An opened file to {"kind": "video" or "image", "facts": {...}}. Raises EditFailure where nothing can be made of it.
Probe = Callable[[BinaryIO], Awaitable[Mapping[str, Any]]]

#: 192 random bits: who can name an upload was told its name.
ID_BYTES = 24

#: Uploads that are looked at from a bucket at the same time; each passes through the disk as a whole.
LOOKS_AT_ONCE = 4

#: Bytes are collected up to this before a thread writes them.
_WRITE_BYTES = 1 << 20


@dataclass(frozen=True)
class UploadRules:
    """What an upload may be. slot_time: until when its bytes may come.  uri_time: how long it may be used."""

    min_bytes: int = 512
    max_bytes: int = 200_000_000
    slot_time: timedelta = timedelta(hours=1)
    uri_time: timedelta = timedelta(hours=24)

    def problem(self, size: int) -> InvalidRequest | None:
        """What is wrong with so many bytes, or None."""
        if size > self.max_bytes:
            return _too_big(self.max_bytes)
        return _too_small(self.min_bytes) if size < self.min_bytes else None


@dataclass(frozen=True)
class UploadSlot:
    """Where one file may be uploaded: POST it to `upload_url` as a form with `fields`, then use `runway_uri`."""

    upload_url: str
    fields: dict[str, str]
    runway_uri: str


class Uploads:
    """Hands out slots and fills them."""

    def __init__(
        self,
        store: Store,
        assets: Assets,
        signer: Signer,
        probe: Probe,
        now: Callable[[], datetime],
        *,
        path: str = "/uploads",
        rules: UploadRules | None = None,
        room: Room | None = None,
    ) -> None:
        """path: of the address that takes the forms, below the server's base URL."""
        self._store = store
        self._assets = assets
        self._signer = signer
        self._probe = probe
        self._now = now
        self._path = path
        self._rules = rules or UploadRules()
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._room = room or Room()

    async def create(self, caller: Caller, filename: str, base_url: str) -> UploadSlot:
        """A place for one file of the caller; durable when it returns. Raises StorageFull where there is no room."""
        self._room.check()
        now = self._now()
        upload = Upload(
            id=secrets.token_urlsafe(ID_BYTES),
            account=caller.account,
            filename=filename,
            created_at=now,
            expires_at=now + self._rules.uri_time,
        )
        await asyncio.wrap_future(self._store.write(lambda tx: tx.uploads.insert(upload)))
        sizes = self._rules.min_bytes, self._rules.max_bytes
        form = self._assets.form_for(upload.posted_key, int(self._rules.slot_time.total_seconds()), sizes)
        if form is not None:
            return UploadSlot(form.url, form.fields, upload.uri)
        until = int((now + self._rules.slot_time).timestamp())
        fields = {"key": upload.id, **self._signer.sign("POST", _slot_path(upload.id), until)}
        return UploadSlot(base_url.rstrip("/") + self._path, fields, upload.uri)

    async def receive(self, fields: Mapping[str, str], chunks: AsyncIterator[bytes]) -> Upload:
        """Keep the bytes of one file. fields: those of its slot.

        A file that cannot be read is kept as a `problem` of the upload, to be told when it is used. Raises Refused for
        fields that are not from us or too old and for a slot that is filled, InvalidRequest for a wrong size,
        StorageFull; what `chunks` raises passes. Then nothing is kept, and the slot may be tried again.
        """
        self._room.check()
        upload = await self._slot(fields)
        key = _own_key(upload)
        writer = self._assets.writer(key)
        file = await asyncio.to_thread(writer.__enter__)
        try:
            size = await self._write(file, chunks)
            arrived = replace(upload, key=key, size=size, **await self._probed(file))
        except BaseException as error:
            await asyncio.to_thread(writer.__exit__, type(error), error, error.__traceback__)
            raise
        # From here on bytes and row belong together, also when the client hangs up.
        if not await asyncio.shield(self._keep(writer, arrived)):
            raise _filled()
        return arrived

    async def collect(self, upload: Upload) -> None:
        """Look whether the form of this upload brought a file since, and if so take it over for good.

        A file of a wrong size, or one that cannot be read, is kept as a `problem` of the upload.
        """
        async with self._looks:
            await self._take_over(upload, _own_key(upload))

    async def _take_over(self, upload: Upload, key: str) -> None:
        try:
            # Whoever has the form may yet send other bytes. What is probed and used is a copy that nobody can reach.
            await asyncio.to_thread(self._assets.copy, upload.posted_key, key)
        except NotFound:
            return
        try:
            arrived = await self._looked_at(replace(upload, key=key))
        except BaseException:
            await asyncio.to_thread(self._assets.delete, key)
            raise
        await asyncio.shield(self._note(arrived))
        with contextlib.suppress(Unavailable):  # an orphan then
            await asyncio.to_thread(self._assets.delete, upload.posted_key)

    async def _looked_at(self, upload: Upload) -> Upload:
        """The upload with the size of its asset and what the probe says of it."""
        assert upload.key is not None
        size = await asyncio.to_thread(self._assets.size, upload.key)
        wrong = self._rules.problem(size)
        if wrong is not None:
            return replace(upload, size=size, problem=str(wrong))
        file = await asyncio.to_thread(self._assets.open, upload.key)
        try:
            return replace(upload, size=size, **await self._probed(file))
        finally:
            file.close()

    async def _slot(self, fields: Mapping[str, str]) -> Upload:
        """The empty slot that these fields open. Raises Refused."""
        upload_id = fields.get("key", "")
        self._signer.verify("POST", _slot_path(upload_id), fields, self._now().timestamp())
        upload: Upload | None = await asyncio.to_thread(self._store.read, lambda tx: tx.uploads.get(upload_id))
        if upload is None:
            raise Refused("This upload slot no longer exists. Create a new upload.")
        if upload.arrived:
            raise _filled()
        return upload

    async def _write(self, file: BinaryIO, chunks: AsyncIterator[bytes]) -> int:
        """Write what comes, counted. Leaves the file flushed and at its beginning."""
        size = 0
        waiting = bytearray()
        async for chunk in chunks:
            size += len(chunk)
            if size > self._rules.max_bytes:
                raise _too_big(self._rules.max_bytes)
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                self._room.check()
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        wrong = self._rules.problem(size)
        if wrong is not None:
            raise wrong
        await asyncio.to_thread(file.write, bytes(waiting))
        await asyncio.to_thread(file.seek, 0)  # seeking flushes
        return size

    async def _probed(self, file: BinaryIO) -> dict[str, Any]:
        """Kind, facts and problem of the file, as an Upload names them."""
        try:
            found = await self._probe(file)
        except EditFailure as failure:
            return {"kind": None, "facts": None, "problem": str(failure)}
        return {"kind": found["kind"], "facts": dict(found["facts"]), "problem": None}

    async def _keep(self, writer: AbstractContextManager[BinaryIO], arrived: Upload) -> bool:
        """Publish the bytes and note them in the row, durably; False where another try was quicker."""
        await asyncio.to_thread(writer.__exit__, None, None, None)
        return await self._note(arrived)

    async def _note(self, arrived: Upload) -> bool:
        """Note in the row what arrived, durably; False where another try was quicker. Its bytes are gone then."""
        assert arrived.key is not None
        kept = False
        try:
            kept = await asyncio.wrap_future(self._store.write(lambda tx: _complete(tx, arrived)))
        finally:
            if not kept:
                await asyncio.to_thread(self._assets.delete, arrived.key)
        return kept


def _complete(tx: Transaction, arrived: Upload) -> bool:
    assert arrived.key is not None
    assert arrived.size is not None
    return tx.uploads.complete(
        arrived.id,
        key=arrived.key,
        size=arrived.size,
        kind=arrived.kind,
        facts=arrived.facts,
        problem=arrived.problem,
    )


def _own_key(upload: Upload) -> str:
    """A name of its own for each try: of two that race for one slot, neither may touch the other's bytes."""
    return f"uploads/{upload.id}/{secrets.token_hex(8)}"


def _slot_path(upload_id: str) -> str:
    """What the signature of a slot covers; a name in our own space, wherever the form is served."""
    return f"uploads/{upload_id}"


def _filled() -> Refused:
    return Refused("This upload slot is already filled. Create a new upload for another file.")


def _too_big(most: int) -> InvalidRequest:
    extra = {"maximum": most, "inclusive": True, "origin": "file"}
    return InvalidRequest([Issue(("file",), "too_big", f"The file is larger than {most} bytes.", extra)])


def _too_small(least: int) -> InvalidRequest:
    extra = {"minimum": least, "inclusive": True, "origin": "file"}
    return InvalidRequest([Issue(("file",), "too_small", f"The file is smaller than {least} bytes.", extra)])
