"""What a place for assets is, and what a key may look like. Knows no rows, no URLs and no media."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from refilm.errors import NotFound

MAX_KEY_LENGTH = 1000

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


class Assets(Protocol):
    """Bytes under keys. An asset appears whole or not at all, and stays after a power cut once `writer` has ended.

    Every method raises InvalidKey for a key that `check_key` refuses. All of them block.
    """

    def writer(self, key: str) -> AbstractContextManager[BinaryIO]:
        """An empty file, opened for reading and writing and with a descriptor, that becomes the asset on clean exit.

        An existing asset is replaced in one step; who has it open keeps the old bytes. After an exception nothing is
        left. Raises StorageFull, also for a write inside the block that found no room.
        """

    def open(self, key: str) -> BinaryIO:
        """The asset as a regular local file opened for reading. Raises NotFound."""

    def size(self, key: str) -> int:
        """Bytes. Raises NotFound."""

    def exists(self, key: str) -> bool:
        """Whether there is such an asset."""

    def delete(self, key: str) -> None:
        """Remove the asset. A missing one is fine."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix` and a slash, in no order. What is added or deleted meanwhile may show."""

    def free_bytes(self) -> int | None:
        """Room left, or None where nobody can tell."""
