"""Which media libraries are at work, and what they can encode. For reports; nothing is opened."""

from __future__ import annotations

import av
from av.codec import Codec


def library_versions() -> dict[str, str]:
    """Versions of PyAV and of FFmpeg's libraries inside it, by name."""
    parts = {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
    return {"PyAV": av.__version__} | parts


def can_encode(codec: str) -> bool:
    """Whether there is an encoder of that name, such as "libx264"."""
    try:
        Codec(codec, "w")
    except ValueError:  # what PyAV raises for an unknown codec
        return False
    return True
