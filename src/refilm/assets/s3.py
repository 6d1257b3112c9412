"""Assets as objects of an S3 bucket, below a prefix of it.

Engines need regular files, so what is written or opened passes through an unlinked file of a scratch folder: the disk
holds what is at work and nothing else, and a killed process leaves nothing on it. Memory: `SINGLE_BYTES` for each
asset on its way in, `PART_BYTES` for each on its way out. Knows nothing of tasks.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from refilm.assets.base import STAGING, PostForm, Retry, check_key, filename_of, media_type_of
from refilm.assets.bucket import Bucket, open_store, reached
from refilm.assets.post_policy import post_fields
from refilm.errors import NotFound, StorageFull, Unavailable

if TYPE_CHECKING:
    from obstore import ReadableFile

#: Up to this an asset goes up in one request that fails where there is such an object. Larger ones go up in parts,
#: which cannot be made conditional: to a key of their own first, from where a conditional copy brings them to theirs.
SINGLE_BYTES = 32 << 20
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 4

#: The longest that SigV4 allows.
MOST_LINK_SECONDS = 604_800

#: What one read of a passed-on asset fetches at least.
_STREAM_BYTES = 2 << 20

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class S3Assets:
    """Assets in a bucket. Safe to share between threads."""

    def __init__(self, bucket: Bucket, scratch: Path, now: Callable[[], datetime]) -> None:
        """scratch: a folder on a local disk, made if absent.

        Raises Unavailable where obstore is not installed.
        """
        self._bucket = bucket
        self._store = open_store(bucket, bucket.endpoint)
        self._links = open_store(bucket, bucket.link_endpoint or bucket.endpoint) if bucket.signature else None
        self._scratch = scratch
        self._now = now
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)

    def check(self) -> None:
        """See `Assets.check`: the bucket answers, is there, and is ours to read."""
        with reached():
            next(iter(self._store.list("inputs", chunk_size=1)), None)

    @contextmanager
    def writer(self, key: str, *, retry: Retry | None = None) -> Iterator[BinaryIO]:
        """See `Assets.writer`."""
        check_key(key)
        with self._new_scratch() as file:
            with _room():
                yield file
                file.flush()
            while True:
                try:
                    self._put(key, file)
                    break
                except Unavailable as away:
                    if retry is None:
                        raise
                    retry(away)

    def open(self, key: str) -> BinaryIO:
        """See `Assets.open`."""
        size = self.size(key)
        with _room(), contextlib.ExitStack() as undo:
            descriptor, name = tempfile.mkstemp(dir=self._scratch)
            filled = undo.enter_context(os.fdopen(descriptor, "wb"))
            file = undo.enter_context(Path(name).open("rb"))
            Path(name).unlink()
            with reached(key):
                for start in range(0, size, PART_BYTES):
                    filled.write(self._store.get_range(key, start=start, end=min(start + PART_BYTES, size)))
            filled.close()
            undo.pop_all()
        return file

    def stream(self, key: str) -> BinaryIO:
        """See `Assets.stream`."""
        import obstore

        check_key(key)
        with reached(key):
            return cast(BinaryIO, _Stream(obstore.open_reader(self._store, key, buffer_size=_STREAM_BYTES)))

    def copy(self, key: str, to: str) -> None:
        """See `Assets.copy`."""
        check_key(key)
        self._copy(key, check_key(to))

    def size(self, key: str) -> int:
        """See `Assets.size`."""
        check_key(key)
        with reached(key):
            return self._store.head(key)["size"]

    def exists(self, key: str) -> bool:
        """See `Assets.exists`."""
        check_key(key)
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        """See `Assets.delete`."""
        check_key(key)
        with contextlib.suppress(NotFound), reached(key):
            self._store.delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Assets.keys`."""
        check_key(prefix)
        with reached():
            for some in self._store.list(prefix, chunk_size=1000):
                yield from (found["path"] for found in some)

    def free_bytes(self) -> int:
        """See `Assets.free_bytes`: a bucket has room, so what counts is the disk that everything passes through."""
        facts = os.statvfs(self._scratch)
        return facts.f_bavail * facts.f_frsize

    def url_for(self, key: str, seconds: int) -> str | None:
        """See `Assets.url_for`. Needs no request: the keys that sign are ours."""
        import obstore

        if self._links is None:
            return None
        return obstore.sign(self._links, "GET", check_key(key), timedelta(seconds=min(seconds, MOST_LINK_SECONDS)))

    def form_for(self, key: str, seconds: int, sizes: tuple[int, int]) -> PostForm | None:
        """See `Assets.form_for`."""
        signature = self._bucket.signature
        if signature is None:
            return None
        now = self._now()
        path = self._bucket.path(check_key(key))
        until = now + timedelta(seconds=seconds)
        fields = post_fields(signature, bucket=self._bucket.name, key=path, sizes=sizes, at=now, until=until)
        return PostForm(self._bucket.form_url, fields)

    def _new_scratch(self) -> BinaryIO:
        with _room():
            return cast(BinaryIO, tempfile.TemporaryFile(dir=self._scratch))

    def _put(self, key: str, file: BinaryIO) -> None:
        """Store the whole file under its key, unless there is such an object."""
        from obstore.exceptions import AlreadyExistsError

        file.seek(0)
        about = {
            "Content-Type": media_type_of(key),
            "Content-Disposition": f'attachment; filename="{filename_of(key)}"',
        }
        if os.fstat(file.fileno()).st_size <= SINGLE_BYTES:
            with reached(), contextlib.suppress(AlreadyExistsError):
                self._store.put(key, file, attributes=about, mode="create")
            return
        staged = f"{STAGING}/{secrets.token_hex(16)}"
        try:
            with reached():
                self._store.put(staged, file, attributes=about, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
            self._copy(staged, key)
        finally:
            with contextlib.suppress(Unavailable):  # an orphan then
                self.delete(staged)

    def _copy(self, key: str, to: str) -> None:
        from obstore.exceptions import AlreadyExistsError

        with reached(key), contextlib.suppress(AlreadyExistsError):
            self._store.copy(key, to, overwrite=False)


@contextmanager
def _room() -> Iterator[None]:
    """Turn "no space left" into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk that assets pass through is full. Free some space and try again.") from error
        raise


class _Stream(io.RawIOBase):
    """An object as a file to read and seek in; every read may ask the bucket."""

    def __init__(self, reader: ReadableFile) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with reached():
            read = self._reader.read(len(buffer))
        buffer[: len(read)] = memoryview(read)
        return len(read)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with reached():
            return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()
