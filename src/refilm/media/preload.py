"""Loading all that media work may ever need, for a process that will soon be unable to open files."""

from __future__ import annotations

import importlib
import pkgutil

import av
from PIL import Image

#: Between them they import the rest of this folder.
_OURS = ("refilm.media.picture", "refilm.media.stream")


def preload() -> None:
    """Import every module of PyAV and of Pillow's formats.

    PyAV imports some modules only when a clip has, say, a subtitle track; after a lock-down that would fail.
    Pillow does so when it meets a WebP or a file that it does not know.
    """
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _OURS:
        importlib.import_module(name)
    Image.init()
