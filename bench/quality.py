"""How still each operator holds, how much detail it keeps, and whether the clip around the pixels survives it.

    python bench/quality.py [--clip PATH] [--only NAME ...] [--side 360] [--frames 16] [--first N] [--quick]

Neighbouring frames of the clip, made small (`--side` is the shorter side), go through each operator in memory:

    warp     flow-warped error over the source's own, divided by the gain in contrast; 1.00 adds nothing to the motion
    bare     the same without the layer that moves by its nature: flakes, drops, grain, hatching
    flicker  mean absolute change of mean luma from frame to frame, over the source's own, or over 0.05 levels
    edge F1  whether the edges are those of the source; 1.00 for the source itself
    sharp    variance of the Laplacian over the source's; under 1 is softer, or darker, or flatter: see edge F1
    change   mean absolute difference to the source, levels of RGB: the edit did happen from 2 on (film grain, text: 1)

`warp` and `edge F1` say little where the operator moves pixels (mirror). Then the whole clip is edited and encoded:
`time` is whether every frame is there at its own time, `sound` whether every sound packet is, byte for byte. The goal
is that of `bare` where there is one, else of `warp`. Exit status 1 where an edit did not happen or a clip was hurt;
goals that are missed are only told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.executor import Executor, encoding_for, sample_colours
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Planes
from refilm.media.probe import probe
from refilm.media.stream import edit_frames
from refilm.testing import audio_packets, decode_times, footage, stability
from refilm.testing.rendering import Picture, as_rgb, read_pictures, references_for, render

#: What the warped error may be, by stage and then by operator; particles, grain and textures taken off.
STAGE_GOALS = {"grade": 1.25, "light": 1.25, "weather": 1.25}
GOALS = {"cartoon": 1.25, "watercolour": 1.6, "pencil": 1.6, "comic": 2.5, "oil": 2.5, "patch_style": 2.5}
#: Levels of RGB from which an edit did happen.
CHANGED, LITTLE_CHANGED, CHANGE_LITTLE = 2.0, 1.0, {"film_grain", "text"}
HEADS = ("warp", "bare", "flicker", "edge F1", "sharp", "change", "time", "sound")


@dataclass(frozen=True)
class Source:
    """A clip, some of its frames in memory, and what their measures are relative to."""

    clip: Path
    size: tuple[int, int]
    pictures: list[Picture]
    paths: list[stability.Path]
    error: float


@dataclass(frozen=True)
class Quality:
    """One row of the table."""

    name: str
    warp: float
    bare: float | None
    flicker: float
    edges: float
    sharp: float
    change: float
    timed: bool
    sound: bool

    @property
    def goal(self) -> float | None:
        """What `bare`, or else `warp`, should stay under; None where nothing was promised."""
        if self.name in stability.INSEPARABLE:
            return None
        return GOALS.get(self.name, STAGE_GOALS.get(OPERATORS[self.name].spec.stage))

    @property
    def met(self) -> bool:
        """Whether the goal is met, or there is none."""
        return self.goal is None or (self.warp if self.bare is None else self.bare) <= self.goal

    @property
    def unharmed(self) -> bool:
        """Whether the edit happened and hurt neither time nor sound."""
        least = LITTLE_CHANGED if self.name in CHANGE_LITTLE else CHANGED
        return self.change >= least and self.timed and self.sound


def open_source(clip: Path, side: int, first: int | None, count: int) -> Source:
    """The clip's frames from `first` on, by default from its middle, and the paths of their pixels."""
    with clip.open("rb") as file:
        info = probe(file)
    scale = side / min(info.width, info.height)
    size = round(info.width * scale / 2) * 2, round(info.height * scale / 2) * 2
    start = max(0, (len(decode_times(clip)) - count) // 2) if first is None else first
    pictures = read_pictures(clip, size, first=start, count=count)
    if len(pictures) < 3:
        raise SystemExit(f"{clip.name} has only {len(pictures)} frames from number {start} on; 3 are needed.")
    paths = stability.find_paths(pictures)
    return Source(clip, size, pictures, paths, stability.warped_error(pictures, paths))


def measure(name: str, source: Source, room: Path) -> Quality:
    """Everything about one operator with its defaults."""
    result = render(source.pictures, name, references=references_for(name))
    bare = None
    if name in stability.LAYERED - stability.INSEPARABLE:
        with stability.without_layer(name):
            bare = warp_ratio(source, render(source.pictures, name, references=references_for(name)))
    pairs = list(zip(source.pictures, result, strict=True))[:: max(1, len(result) // 4)]
    timed, sound = edit_whole(name, source, room / "out.mp4")
    return Quality(
        name,
        warp_ratio(source, result),
        bare,
        stability.flicker_ratio(source.pictures, result),
        float(np.mean([stability.edge_f1(before, after) for before, after in pairs])),
        float(np.mean([stability.sharpness(after) / stability.sharpness(before) for before, after in pairs])),
        float(np.mean([np.abs(as_rgb(after).astype(int) - as_rgb(before)).mean() for before, after in pairs])),
        timed,
        sound,
    )


def warp_ratio(source: Source, result: Sequence[Planes]) -> float:
    """The warped error over the source's own and over the gain in contrast."""
    return stability.warped_error(result, source.paths) / source.error / stability.gain(source.pictures, result)


def edit_whole(name: str, source: Source, output: Path) -> tuple[bool, bool]:
    """Edit the whole clip into `output`: (frames at the times they had, sound packets as they were)."""
    plan = Plan((Step(name),))
    samples = sample_colours([as_rgb(picture)[::4, ::4] for picture in source.pictures[::3]], 1)
    setting = Setting(source.size, seed=1, references=references_for(name), samples=lambda: samples)
    encoding = encoding_for(plan)
    with source.clip.open("rb") as file, output.open("w+b") as target:
        process = Executor(plan, setting).process
        edit_frames(file, target, process, size=source.size, preset=encoding.preset, crf=encoding.crf)
    before, after = decode_times(source.clip), decode_times(output)
    timed = len(before) == len(after) and all(
        abs((new - after[0]) - (old - before[0])) < 0.001 for old, new in zip(before, after, strict=True)
    )
    sounds = [[data for _, data in audio_packets(path)] for path in (source.clip, output)]
    return timed, sounds[0] == sounds[1]


def row(found: Quality) -> str:
    """One line of the table."""
    numbers = (found.warp, found.bare, found.flicker, found.edges, found.sharp, found.change)
    cells = ["" if value is None else f"{value:.2f}" for value in numbers]
    cells += ["kept" if kept else "LOST" for kept in (found.timed, found.sound)]
    verdict = "" if found.goal is None else f"{found.goal:.2f} {'met' if found.met else 'missed'}"
    hurt = "" if found.unharmed else "  THE EDIT FAILED"
    return f"{found.name:<18}" + "".join(f"{cell:>9}" for cell in cells) + f"  {verdict}{hurt}"


def main() -> None:
    """Measure the operators one after another, printing as we go."""
    arguments = parser().parse_args()
    unknown = set(arguments.only) - set(DRAWING)
    if unknown:
        raise SystemExit(f"There is no operator {', '.join(sorted(unknown))}.")
    EffectsEngine().warm()
    frames = min(6, arguments.frames) if arguments.quick else arguments.frames
    source = open_source(arguments.clip or footage(), arguments.side, arguments.first, frames)
    still = stability.flicker(source.pictures)
    print(f"{source.clip.name}, {len(source.pictures)} frames of {source.size[0]}x{source.size[1]}.", end=" ")
    print(f"The source itself: warped error {source.error:.2f} levels, flicker {still:.3f} levels per frame.")
    print(f"{'':<18}" + "".join(f"{head:>9}" for head in HEADS) + "  goal")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in DRAWING:
            if not arguments.only or name in arguments.only:
                found.append(measure(name, source, Path(folder)))
                print(row(found[-1]), flush=True)
    promised = [each for each in found if each.goal is not None]
    print(f"Goals met: {sum(each.met for each in promised)} of {len(promised)}.")
    sys.exit(not all(each.unharmed for each in found))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--clip", type=Path, help="default: Big Buck Bunny")
    options.add_argument("--only", nargs="*", default=[], metavar="NAME", help="names of operators")
    options.add_argument("--side", type=int, default=360, help="shorter side of the pictures, pixels")
    options.add_argument("--frames", type=int, default=16, help="how many neighbouring frames are measured")
    options.add_argument("--quick", action="store_true", help="six frames only: a first impression")
    options.add_argument("--first", type=int, help="number of the first of them; default: around the middle")
    return options


if __name__ == "__main__":
    main()
