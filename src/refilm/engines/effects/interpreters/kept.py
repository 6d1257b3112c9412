"""Arrays that are costly to make, kept in a file beside the data that they were made from.

The file's name carries a digest of everything that the arrays depend on, so that it is never stale. One that cannot be
read is made again; where none can be written, nothing is kept. Knows nothing of what the arrays mean.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

_CHUNK = 1 << 20
#: What the model's own files are: readable by every account that serves with it.
_READABLE = 0o644


def digest(files: Iterable[Path], texts: Iterable[str]) -> str:
    """A name for the contents of files together with texts, 32 hexadecimal digits. Raises OSError."""
    hashed = hashlib.blake2b(digest_size=16)
    for file in files:
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                hashed.update(chunk)
    for text in texts:
        hashed.update(text.encode() + b"\0")
    return hashed.hexdigest()


def kept(folder: Path, name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays in the file `name`.npz of `folder`, or those that `make` gives, which are then kept there."""
    file = folder / f"{name}.npz"
    unreadable = contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
    with unreadable, file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
        return dict(stored)
    arrays = make()
    with contextlib.suppress(OSError):
        _write(file, arrays)
    return arrays


def _write(file: Path, arrays: Arrays) -> None:
    """Written whole or not at all, whoever else writes it at the same time."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}-")
    try:
        with os.fdopen(handle, "wb") as opened:
            np.savez(opened, allow_pickle=False, **arrays)
        Path(name).chmod(_READABLE)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
