"""Which media libraries are at work, and what they can encode. For reports and judgements; nothing is opened.

A server judges its FFmpeg without having it in its process: `ffmpeg_build` asks another one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

#: Told in a process of its own. The build options are in a private part of PyAV; without it they are taken for given.
_TELL = """
import av, av._core as core, json
options = " ".join(each.get("configuration", "") for each in getattr(core, "library_meta", {}).values())
print(json.dumps([av.ffmpeg_version_info, options]))
"""


@dataclass(frozen=True)
class Build:
    """An FFmpeg. version: "8.1.2", or what its builder called it.  configuration: its build options."""

    version: str
    configuration: str


@cache
def ffmpeg_build() -> Build:
    """The FFmpeg inside the installed PyAV; a quarter of a second, once. Its version is "" where nobody tells."""
    asked = subprocess.run([sys.executable, "-I", "-c", _TELL], capture_output=True, timeout=60, check=False)
    try:
        version, configuration = json.loads(asked.stdout)
    except ValueError:
        return Build("", "")
    return Build(str(version), str(configuration))


def library_versions() -> dict[str, str]:
    """Versions of PyAV and of FFmpeg's libraries inside it, by name."""
    import av

    parts = {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
    return {"PyAV": av.__version__} | parts


def can_encode(codec: str) -> bool:
    """Whether there is an encoder of that name, such as "libx264"."""
    from av.codec import Codec

    try:
        Codec(codec, "w")
    except ValueError:  # what PyAV raises for an unknown codec
        return False
    return True
