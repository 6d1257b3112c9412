"""What a place for assets is, and what a key may look like. Knows no rows and no media."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from refilm.domain.edit import MEDIA_TYPES
from refilm.errors import NotFound, Unavailable

MAX_KEY_LENGTH = 1000

#: Below this a place may keep what is on its way to its key. What a killed process left there is an orphan.
STAGING = "staging"

#: A leading dot is kept for the store's own folders, and it rules out "." and "..".
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}", re.ASCII)


class InvalidKey(NotFound, ValueError):
    """No asset can have this key. A `NotFound`, because keys also come back to us inside links."""


def check_key(key: str) -> str:
    """Return `key` if an asset may have it, else raise InvalidKey.

    A key is a relative path: segments of A-Z a-z 0-9 . _ - joined by "/", none empty, none beginning with a dot, each
    at most 200 characters and all together at most 1000.
    """
    if len(key) > MAX_KEY_LENGTH or not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise InvalidKey("That is not the key of an asset.")
    return key


def media_type_of(key: str) -> str:
    """What an asset says of itself when it is sent to a client. Only outputs have a suffix, and only they are sent."""
    return MEDIA_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")


def filename_of(key: str) -> str:
    """The name under which a client saves an asset: that of the task, with the asset's suffix."""
    path = PurePosixPath(key)
    return path.parent.name + path.suffix


@dataclass(frozen=True)
class PostForm:
    """A form that lets a stranger store one asset: POST `fields`, and after them the part `file`, to `url`."""

    url: str
    fields: dict[str, str]


#: Told why the place cannot be reached: waits and returns for another try, or raises.
Retry = Callable[[Unavailable], None]


class Assets(Protocol):
    """Bytes under keys. An asset appears whole or not at all, stays after a power cut once `writer` has ended, and
    never changes: the first one under a key is the one.

    Every method raises InvalidKey for a key that `check_key` refuses, and Unavailable where the place cannot be
    reached. All of them block but `url_for` and `form_for`.
    """

    def writer(self, key: str, *, retry: Retry | None = None) -> AbstractContextManager[BinaryIO]:
        """An empty file, opened for reading and writing and with a descriptor, that becomes the asset on clean exit.

        Where there is such an asset already, that one stays and what was written is dropped. After an exception
        nothing is left. Raises StorageFull, also for a write inside the block that found no room.

        retry: asked where the place cannot be reached when all is written, so that nobody has to write it again.
        """

    def open(self, key: str) -> BinaryIO:
        """The asset as a regular local file opened for reading. Raises NotFound, StorageFull."""

    def stream(self, key: str) -> BinaryIO:
        """The asset opened to be read and sought in, for passing it on; it may lack a descriptor. Raises NotFound."""

    def copy(self, key: str, to: str) -> None:
        """The same bytes under another key too. An asset that is there already stays. Raises NotFound."""

    def size(self, key: str) -> int:
        """Bytes. Raises NotFound."""

    def exists(self, key: str) -> bool:
        """Whether there is such an asset."""

    def delete(self, key: str) -> None:
        """Remove the asset. A missing one is fine."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix` and a slash, in no order. What is added or deleted meanwhile may show."""

    def check(self) -> None:
        """Raise Unavailable with the reason where assets cannot be read just now."""

    def free_bytes(self) -> int | None:
        """Room left, or None where nobody can tell."""

    def url_for(self, key: str, seconds: int) -> str | None:
        """A URL that gives this asset to anybody for so long, or None where the place cannot be asked by strangers."""

    def form_for(self, key: str, seconds: int, sizes: tuple[int, int]) -> PostForm | None:
        """A form that takes one file of so many bytes (least, most) for so long, or None where the place has none.

        What arrives by it appears whole, but may be replaced by whoever has the form until the time is over.
        """
