"""Locks on files of a data folder, by which a process proves that it lives, and to whoever comes after, that it died.

The system lets go of a lock when its process ends, however it ends. Local disks only. Knows nothing of what is locked.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from refilm.errors import Unavailable

#: Below the data folder: a file for each process that shares its database with others.
NAMES = "workers"


def lock_data(folder: Path) -> IO[str]:
    """Make sure that no other server works on this folder. Whoever worked on it before is dead then.

    Raises Unavailable. The lock lasts as long as the returned file is open, and ends with the process.
    """
    file = _locked(folder / "lock")
    if file is None:
        raise Unavailable(f"Another Refilm server works on {folder}. Stop it, or use another --data.")
    return file


def announce(folder: Path, name: str) -> IO[str]:
    """Say that the process of that name works with this folder, for as long as the returned file is open."""
    names = folder / NAMES
    names.mkdir(parents=True, exist_ok=True, mode=0o700)
    coming = names / f".{name}"
    file = _locked(coming)
    if file is None:
        raise Unavailable(f"Another process calls itself {name}.")
    coming.rename(names / name)  # whoever finds the name finds it locked
    return file


def retire(folder: Path, name: str) -> None:
    """Take a name away, once nobody has to ask any more whether its process lives."""
    (folder / NAMES / name).unlink(missing_ok=True)


def died(folder: Path) -> list[str]:
    """Names of processes that worked with this folder and died without taking their names away."""
    names = folder / NAMES
    return sorted(path.name for path in names.glob("[!.]*") if _is_free(path)) if names.exists() else []


def _locked(path: Path) -> IO[str] | None:
    """The file, made where it is missing, and locked; None where another process holds it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _is_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
