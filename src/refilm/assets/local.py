"""Assets as files below one folder: written in a scratch folder of the same file system, synced, then linked.

Knows nothing of tasks or links. Several processes may share a folder. A scratch file is locked while it is written, so
a sweep tells the leftovers of a killed process from the work of a living one without asking the clock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast

from refilm.assets.base import InvalidKey, PostForm, Retry, check_key
from refilm.errors import NotFound, StorageFull, Unavailable

_SCRATCH = ".scratch"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})
_NO_TIME = timedelta(0)

#: Publishing races only with `delete` pruning the same folder; losing that race this often means something else.
_PUBLISH_TRIES = 10


class LocalAssets:
    """Assets below `root`, which is made if absent. Files are 0600 and folders 0700."""

    def __init__(self, root: Path, *, sweep_after: timedelta = _NO_TIME) -> None:
        """Opens the folder and sweeps what killed writers left in it.

        sweep_after: how long a scratch file lay untouched before that; where machines share the folder, some file
        systems do not tell one of them of the locks of another.

        Raises Unavailable where the folder cannot be made.
        """
        self._root = root
        self._scratch = root / _SCRATCH
        try:
            _make_folders(self._scratch)
        except OSError as error:
            raise Unavailable(f"The folder for assets, {root}, cannot be made: {error.strerror}.") from error
        self.sweep_scratch(sweep_after)

    @contextmanager
    def writer(self, key: str, *, retry: Retry | None = None) -> Iterator[BinaryIO]:
        """See `Assets.writer`. A folder is there or broken: nothing is tried again."""
        target = self._path(key)
        with _room():
            file, scratch = self._new_scratch()
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                self._publish(scratch, target)
            finally:
                # Closing flushes, and on a full disk that fails again: the first error is the one to tell.
                with contextlib.suppress(OSError):
                    file.close()
                scratch.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        """See `Assets.open`."""
        path = self._path(key)
        with _found(key):
            # Without O_NONBLOCK, opening a pipe would wait for its writer; regular files do not notice.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _not_found(key)
        return os.fdopen(descriptor, "rb")

    def stream(self, key: str) -> BinaryIO:
        """See `Assets.stream`."""
        return self.open(key)

    def copy(self, key: str, to: str) -> None:
        """See `Assets.copy`. Costs no room: an asset never changes, so two names may share its bytes."""
        source, target = self._path(key), self._path(to)
        self.size(key)
        with _found(key):
            self._publish(source, target)

    def url_for(self, key: str, seconds: int) -> None:
        """None: nobody asks a folder for anything."""

    def form_for(self, key: str, seconds: int, sizes: tuple[int, int]) -> PostForm | None:
        """None: nobody sends a folder anything."""
        return None

    def size(self, key: str) -> int:
        """See `Assets.size`."""
        with _found(key):
            facts = self._path(key).lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise _not_found(key)
        return facts.st_size

    def exists(self, key: str) -> bool:
        """See `Assets.exists`."""
        path = self._path(key)
        return path.is_file() and not path.is_symlink()

    def delete(self, key: str) -> None:
        """See `Assets.delete`. Folders that become empty go too."""
        path = self._path(key)
        if not self.exists(key):
            return
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty, or somebody else was quicker: both are fine
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Assets.keys`."""
        for folder, _, names in os.walk(self._path(prefix)):
            for name in names:
                yield (Path(folder) / name).relative_to(self._root).as_posix()

    def check(self) -> None:
        """See `Assets.check`."""
        if not os.access(self._scratch, os.W_OK):
            raise Unavailable(f"The folder for assets, {self._root}, is not there or cannot be written.")

    def free_bytes(self) -> int:
        """See `Assets.free_bytes`: what the file system gives to unprivileged users."""
        facts = os.statvfs(self._root)
        return facts.f_bavail * facts.f_frsize

    def sweep_scratch(self, older_than: timedelta = _NO_TIME) -> int:
        """Remove scratch files that no living process writes and that were last touched `older_than` ago or earlier.

        Returns how many were removed.
        """
        latest = time.time() - older_than.total_seconds()
        return sum(_remove_leftover(path, latest) for path in self._scratch.iterdir())

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _new_scratch(self) -> tuple[BinaryIO, Path]:
        """A new locked file. A sweep may take it between creation and locking; then we make another."""
        while True:
            path = self._scratch / secrets.token_hex(16)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                return cast(BinaryIO, os.fdopen(descriptor, "w+b")), path
            os.close(descriptor)

    def _publish(self, source: Path, target: Path) -> None:
        """Give the file a second name, unless that is taken, and sync the folder: the name survives a power cut."""
        for tries_left in reversed(range(_PUBLISH_TRIES)):
            try:
                _make_folders(target.parent)
                with contextlib.suppress(FileExistsError):  # the first one stays
                    target.hardlink_to(source)
                if target.is_dir():
                    raise _key_of_a_folder()
                _sync_folder(target.parent)
                break
            except FileNotFoundError:
                if not tries_left:
                    raise
            except NotADirectoryError as error:
                raise _key_of_a_folder() from error


@contextmanager
def _room() -> Iterator[None]:
    """Turn "no space left" into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk for assets is full. Free some space and send the request again.") from error
        raise


@contextmanager
def _found(key: str) -> Iterator[None]:
    """Turn every way of not being there into NotFound."""
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise _not_found(key) from error
        raise


def _key_of_a_folder() -> InvalidKey:
    return InvalidKey("One asset's key cannot be the folder of another's.")


def _not_found(key: str) -> NotFound:
    return NotFound(f"There is no asset {key!r}.")


def _remove_leftover(path: Path, latest: float) -> bool:
    """Remove one scratch file if nobody holds its lock; whoever removes it holds the lock meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_mtime > latest:
            return False
        path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(descriptor)
    return True


def _make_folders(folder: Path) -> None:
    """Make `folder` and what is missing above it, each 0700 and synced into its parent."""
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
