"""After preloading, media work imports and opens nothing more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

_WATCH = """
import sys, tempfile
from refilm.media.preload import preload
preload()
from refilm.media.picture import read_picture
from refilm.media.moment import sample_frames
from refilm.media.stream import edit_frames
seen = []
clips = [open(name, "rb") for name in sys.argv[2:]]
photos = [open(name, "rb") for name in sys.argv[1].split(",")]
outputs = [tempfile.TemporaryFile() for _ in clips]
sys.addaudithook(lambda event, args: seen.append((event, args[:1])) if event in {"open", "import"} else None)
for clip, output in zip(clips, outputs):
    edit_frames(clip, output, None)
    sample_frames(clip, 2)
for photo in photos:
    read_picture(photo, 64)
print(seen)
"""


def test_nothing_is_imported_or_opened_after_preloading(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    """An edit with transcoded sound, one with copied sound and photographs touch no file but their own."""
    pcm = make_clip(name="a.mov", seconds=0.2, audio="pcm_s16le", codec="prores_ks", pixel_format="yuv422p10le")
    aac = make_clip(seconds=0.2, audio="aac", rotation=90)
    photos = [tmp_path / name for name in ("photo.jpg", "photo.png", "photo.webp")]
    for photo in photos:
        Image.new("RGB", (100, 50)).save(photo)

    command = [sys.executable, "-c", _WATCH, ",".join(map(str, photos)), str(pcm), str(aac)]
    watched = subprocess.run(command, check=True, capture_output=True, text=True)

    assert watched.stdout.strip() == "[]"
