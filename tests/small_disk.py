"""A small file system in memory, to be filled to the brim without harm. Imports nothing of Refilm."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path


class SmallDisk:
    """So many bytes below `folder`; a context manager."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._size = size
        self._filling = folder / "filling"

    @staticmethod
    def possible() -> bool:
        """Whether we may mount: root may, but not in every container."""
        if os.getuid() != 0:
            return False
        with tempfile.TemporaryDirectory() as folder:
            tried = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True)
            return tried.returncode == 0 and subprocess.run(["umount", folder]).returncode == 0

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir()
        options = f"size={self._size},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(self.folder)], check=True)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)

    @property
    def free(self) -> int:
        """Bytes left."""
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize

    def fill(self, leaving: int = 0) -> None:
        """Take all but so many bytes."""
        with self._filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while self.free > leaving:
                file.write(bytes(min(1 << 16, self.free - leaving) or 1))

    def clear(self) -> None:
        """Give back what `fill` took."""
        self._filling.unlink()
