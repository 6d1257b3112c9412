"""R9: damaged clips of every container and codec, edited in locked children.

    python campaigns/r09_mutants.py [--mutants 20000] [--controls 104] [--batch 250] [--seed 1] [--clips DIR]

Every mutant has to be edited, or refused as a clip that cannot be used, in time. One that ends its child costs that
child alone, as it would cost one task; it is told, and the rest of its batch goes to another child. Controls are whole
clips that must be edited. Ends with one line of verdict and exit code 0 for a pass.

--clips: a folder for the clips, which is kept; by default a temporary one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model, Reference
from refilm.errors import EngineCrash, TooExpensive
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Limits, Runner
from refilm.runner.spawn import go_on
from refilm.testing import make_clip

MUTATING_CHILD = (sys.executable, "-I", str(Path(__file__).with_name("mutating_child.py")))
#: How long one mutant may take, in seconds, on a machine that has other things to do.
PATIENCE = 60.0
#: What clips consist of: file name, encoder of the pictures and of the sound, and what else `make_clip` is told.
KINDS: tuple[tuple[str, str, str | None, dict[str, Any]], ...] = (
    ("a.mp4", "libx264", "aac", {}),
    ("b.m4v", "libx264", "libmp3lame", {"options": {"x264-params": "bframes=3:keyint=5"}}),
    ("c.mov", "prores_ks", "pcm_s16le", {"pixel_format": "yuv422p10le"}),
    ("d.mov", "mjpeg", "alac", {"pixel_format": "yuvj420p"}),
    ("e.mp4", "mpeg4", "ac3", {}),
    ("f.mkv", "mpeg4", "flac", {}),
    ("g.mkv", "libx264", "eac3", {"pixel_format": "yuv444p"}),
    ("h.webm", "libvpx", "libopus", {"options": {"cpu-used": "8"}}),
    ("i.webm", "libvpx-vp9", "libopus", {"options": {"cpu-used": "8"}}),
    ("j.mp4", "libsvtav1", "aac", {"options": {"preset": "12"}}),
    ("k.mkv", "libsvtav1", "pcm_s24le", {"options": {"preset": "12"}}),
    ("l.ogv", "libvpx", "flac", {"options": {"cpu-used": "8"}}),
    ("m.h264", "libx264", None, {}),
)
#: A clip of the tests, because the encoder of this codec may end the process that runs it.
HEVC = Path(__file__).resolve().parents[1] / "tests" / "unit" / "media" / "hevc.m4v"
#: Shapes of the controls: (seconds, size, frames per second).
SHAPES = tuple(
    itertools.product((Fraction(2, 5), Fraction(1)), ((64, 64), (96, 54)), (Fraction(24), Fraction(30_000, 1001)))
)

#: Which of a batch's files, and which mutant of it; None for the file as it is.
Try = tuple[int, int | None]
NO_MATTER = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(1))


@dataclass
class Findings:
    """How the tries ended, by ending. What should not have been is printed at once."""

    ends: Counter[str] = field(default_factory=Counter)
    children: int = 0

    def note(self, clip: Path, number: int | None, end: str) -> None:
        """One try more.  end: its first word is its kind."""
        kind = end.split()[0]
        self.ends[kind] += 1
        if kind not in ("edited", "refused"):
            print(f"  {clip.name}, mutant {number}: {end}", flush=True)

    def told(self) -> str:
        """The numbers in words."""
        return ", ".join(f"{self.ends[kind]} {kind}" for kind in ("edited", "refused", "odd", "crashed", "hung"))


def seeds(folder: Path) -> list[Path]:
    """One clip of each kind, and one of HEVC."""
    made = [
        make_clip(folder / name, seconds=0.4, size=(64, 64), codec=codec, audio=audio, **more)
        for name, codec, audio, more in KINDS
    ]
    return [*made, HEVC]


def controls(folder: Path, count: int) -> list[Path]:
    """That many clips, of all kinds in all shapes."""
    wanted = itertools.islice(itertools.product(SHAPES, KINDS), count)
    return [
        make_clip(folder / f"{at} {name}", seconds=seconds, size=size, rate=rate, codec=codec, audio=audio, **more)
        for at, ((seconds, size, rate), (name, codec, audio, more)) in enumerate(wanted)
    ]


def tried(
    clips: Sequence[Path],
    tries: Sequence[Try],
    seed: int,
    findings: Findings,
    *,
    command: Sequence[str] = MUTATING_CHILD,
) -> None:
    """Let children try them all: one, and another for what is left whenever one ends before its work does."""
    runner = Runner(Limits(idle_seconds=PATIENCE), command=command, sandbox=Sandbox.REQUIRE)
    left = list(tries)
    while left:
        findings.children += 1
        log, end = _batch(runner, clips, left, seed)
        for (which, number), line in zip(left, log, strict=False):
            findings.note(clips[which], number, line or end)
        if not log:
            raise SystemExit(f"a child ended before its first try: {end}")
        left = left[len(log) :]


def _batch(runner: Runner, clips: Sequence[Path], tries: Sequence[Try], seed: int) -> tuple[list[str], str]:
    """The ends that one child wrote down, "" for the try that ended it; and how it was ended."""
    references = tuple(Reference("local:") for _ in clips[1:])
    request = EditRequest(Model.GEN4_ALEPH, "local:", json.dumps(tries), seed=seed, references=references)
    end = ""
    with ExitStack() as opened:
        files: list[Any] = [opened.enter_context(clip.open("rb")) for clip in clips]
        log = opened.enter_context(tempfile.TemporaryFile(buffering=0))
        try:
            seconds = PATIENCE * len(tries)
            runner.edit("mutating", request, NO_MATTER, [*files, log], options={}, seconds=seconds, on_tick=go_on)
        except EngineCrash as crash:
            end = f"crashed {' '.join(str(note) for note in crash.__notes__)[:300]}"
        except TooExpensive as slow:
            end = f"hung {slow}"
        log.seek(0)
        lines = log.read().decode().splitlines()
    return [line.split(" ", 2)[2] for line in lines], end


def batches(clips: int, mutants: int, size: int) -> Iterator[list[Try]]:
    """So many mutants, of one clip after the other, in batches."""
    for first in range(0, mutants, size):
        yield [(number % clips, number) for number in range(first, min(first + size, mutants))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--controls", type=int, default=104)
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clips", type=Path)
    wishes = parser.parse_args()
    os.environ["SVT_LOG"] = "0"  # the AV1 encoder is talkative
    found, whole = Findings(), Findings()
    with tempfile.TemporaryDirectory(prefix="refilm-r09-") as folder:
        place = wishes.clips or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        valid = controls(place, wishes.controls)
        for first in range(0, len(valid), len(KINDS)):
            group = valid[first : first + len(KINDS)]
            tried(group, [(at, None) for at in range(len(group))], wishes.seed, whole)
        print(f"  controls: {whole.told()}", flush=True)
        clips = seeds(place)
        for tries in batches(len(clips), wishes.mutants, wishes.batch):
            tried(clips, tries, wishes.seed, found)
            print(f"  {found.told()}; {found.children} children", flush=True)
    passed = whole.ends["edited"] == len(valid) and not found.ends["odd"] and not found.ends["hung"]
    print(
        f"R9: {'PASS' if passed else 'FAIL'}  {found.ends.total()} mutants of {len(clips)} kinds of clips in "
        f"{found.children} locked children: {found.told()}; {whole.ends['edited']} of {len(valid)} controls edited; "
        f"seed {wishes.seed}"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
