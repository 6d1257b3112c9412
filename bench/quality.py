"""How still each operator holds, how much detail it keeps, and whether the clip around the pixels survives it.

    python bench/quality.py [--clip PATH ...] [--only NAME ...] [--reference PATH] [--side 360] [--frames 16]
                            [--first N] [--quick]

Neighbouring frames of each clip, made small (`--side` is the shorter side), go through each operator in memory:

    warp     flow-warped error over the source's own, or over 0.25 levels, divided by the gain in contrast; 1.00 adds
             nothing to the motion
    bare     the same without the layer that moves by its nature: flakes, drops, grain, hatching
    flicker  mean absolute change of mean luma from frame to frame, over the source's own, or over 0.05 levels
    edge F1  whether the edges are those of the source; 1.00 for the source itself
    sharp    variance of the Laplacian over the source's; under 1 is softer, or darker, or flatter: see edge F1
    change   mean absolute difference to the source, levels of RGB: the edit did happen from 2 on (film grain, text: 1;
             sharpen: where `sharp` is 1.2; saturation: always, where the source has no colour)

Where the operator moves the picture itself (mirror, stabilise) there is no `warp` and no `edge F1`; stabilise gets what
a trembling hand would have filmed. Operators that give the clip another course or shape are told and left out. Then the
whole clip is edited and encoded: `time` is whether every frame is there at its own time, `sound` whether every sound
packet is, byte for byte. The goal is that of `bare` where there is one, else of `warp`. Exit status 1 where an edit did
not happen or a clip was hurt; goals that are missed are only told. `--reference` is the picture whose brushwork
patch_style takes; a painting is harder to hold still than the drawn strokes that it takes otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from refilm.engines.effects.camera_path import CameraPath, PathFinder
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.executor import Executor, encoding_for, sample_colours
from refilm.engines.effects.operator import Setting, TimeOperator
from refilm.engines.effects.operators import DRAWING, OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Planes
from refilm.media.probe import probe
from refilm.media.read import FrameReader
from refilm.media.stream import edit_frames
from refilm.testing import audio_packets, decode_times, footage, stability
from refilm.testing.rendering import Picture, Rgb, as_rgb, read_pictures, references_for, render, source_for

#: What the warped error may be, by stage and then by operator; particles, grain and textures taken off.
STAGE_GOALS = {"grade": 1.25, "light": 1.25, "weather": 1.25}
GOALS = {"cartoon": 1.25, "watercolour": 1.6, "pencil": 1.6, "comic": 2.5, "oil": 2.5, "patch_style": 2.5}
#: Levels of RGB from which an edit did happen.
CHANGED, LITTLE_CHANGED, CHANGE_LITTLE = 2.0, 1.0, {"film_grain", "text"}
#: A source whose own error is less than this many levels counts as this unsteady: nobody sees a multiple of nothing.
STILL = 0.25
#: How much sharper a soft picture is after it was sharpened; mean distance of chroma from grey that is no colour.
SHARPENED, GREY = 1.2, 2.0
#: Operators that move the picture itself, so that the source's motion says nothing about theirs.
MOVING = {"mirror", "stabilise"}
HEADS = ("warp", "bare", "flicker", "edge F1", "sharp", "change", "time", "sound")


@dataclass(frozen=True)
class Source:
    """A clip, some of its frames in memory, and what their measures are relative to."""

    clip: Path
    size: tuple[int, int]
    pictures: list[Picture]
    paths: list[stability.Path]
    error: float
    painting: Rgb | None

    def references_for(self, name: str) -> tuple[Rgb, ...]:
        """The reference picture that the operator `name` is measured with."""
        return (self.painting,) if name == "patch_style" and self.painting is not None else references_for(name)


@dataclass(frozen=True)
class Quality:
    """One row of the table."""

    name: str
    warp: float | None
    bare: float | None
    flicker: float
    edges: float | None
    sharp: float
    change: float
    happened: bool
    timed: bool
    sound: bool

    @property
    def goal(self) -> float | None:
        """What `bare`, or else `warp`, should stay under; None where nothing was promised."""
        if self.name in stability.INSEPARABLE | MOVING:
            return None
        return GOALS.get(self.name, STAGE_GOALS.get(OPERATORS[self.name].spec.stage))

    @property
    def met(self) -> bool:
        """Whether the goal is met, or there is none."""
        measured = self.warp if self.bare is None else self.bare
        return self.goal is None or measured is None or measured <= self.goal

    @property
    def unharmed(self) -> bool:
        """Whether the edit happened and hurt neither time nor sound."""
        return self.happened and self.timed and self.sound


def open_source(clip: Path, side: int, first: int | None, count: int, painting: Rgb | None = None) -> Source:
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
    return Source(clip, size, pictures, paths, stability.warped_error(pictures, paths), painting)


def measure(name: str, source: Source, room: Path) -> Quality:
    """Everything about one operator with its defaults."""
    pictures, moving = source_for(name, source.pictures), name in MOVING
    result = render(pictures, name, references=source.references_for(name))
    bare = None
    if name in stability.LAYERED - stability.INSEPARABLE:
        with stability.without_layer(name):
            bare = warp_ratio(source, render(pictures, name, references=source.references_for(name)))
    pairs = list(zip(pictures, result, strict=True))[:: max(1, len(result) // 4)]
    sharp = float(np.mean([stability.sharpness(after) / stability.sharpness(before) for before, after in pairs]))
    change = float(np.mean([np.abs(as_rgb(after).astype(int) - as_rgb(before)).mean() for before, after in pairs]))
    timed, sound = edit_whole(name, source, room / "out.mp4")
    return Quality(
        name,
        None if moving else warp_ratio(source, result),
        bare,
        stability.flicker_ratio(pictures, result),
        None if moving else float(np.mean([stability.edge_f1(before, after) for before, after in pairs])),
        sharp,
        change,
        did_happen(name, source, sharp, change),
        timed,
        sound,
    )


def did_happen(name: str, source: Source, sharp: float, change: float) -> bool:
    """Whether the edit is in the pictures, as far as the source leaves it something to do."""
    if name == "sharpen":
        return sharp >= SHARPENED
    last = source.pictures[-1]
    if name == "saturation" and max(np.abs(plane.astype(int) - 128).mean() for plane in (last.u, last.v)) < GREY:
        return True
    return change >= (LITTLE_CHANGED if name in CHANGE_LITTLE else CHANGED)


def warp_ratio(source: Source, result: Sequence[Planes]) -> float:
    """The warped error over the source's own and over the gain in contrast."""
    error = stability.warped_error(result, source.paths) / max(STILL, source.error)
    return error / stability.gain(source.pictures, result)


def edit_whole(name: str, source: Source, output: Path) -> tuple[bool, bool]:
    """Edit the whole clip into `output`: (frames at the times they had, sound packets as they were)."""
    plan = Plan((Step(name),))
    samples = sample_colours([as_rgb(picture)[::4, ::4] for picture in source.pictures[::3]], 1)
    path = camera_path(source) if "path" in OPERATORS[name].spec.needs else None
    references = source.references_for(name)
    setting = Setting(source.size, seed=1, references=references, samples=lambda: samples, path=path)
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


def camera_path(source: Source) -> CameraPath:
    """Where the camera went over the whole clip."""
    finder = PathFinder()
    with source.clip.open("rb") as file, FrameReader(file, size=source.size) as reader:
        for frame in reader:
            finder.follow(float(frame.time), frame.y)
    return finder.path()


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
        raise SystemExit(f"There is no operator {', '.join(sorted(unknown))} that draws.")
    EffectsEngine().warm()
    frames = min(6, arguments.frames) if arguments.quick else arguments.frames
    painting = None
    if arguments.reference is not None:
        painting = np.asarray(Image.open(arguments.reference).convert("RGB"))
    found = []
    for clip in arguments.clip or [footage()]:
        source = open_source(clip, arguments.side, arguments.first, frames, painting)
        found += measure_all(source, [name for name in DRAWING if not arguments.only or name in arguments.only])
    if not arguments.only:
        tell_left_out()
    sys.exit(not all(each.unharmed for each in found))


def measure_all(source: Source, names: Sequence[str]) -> list[Quality]:
    """The table of one clip, printed."""
    still = stability.flicker(source.pictures)
    print(f"{source.clip.name}, {len(source.pictures)} frames of {source.size[0]}x{source.size[1]}.", end=" ")
    print(f"The source itself: warped error {source.error:.2f} levels, flicker {still:.3f} levels per frame.")
    print(f"{'':<18}" + "".join(f"{head:>9}" for head in HEADS) + "  goal")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            found.append(measure(name, source, Path(folder)))
            print(row(found[-1]), flush=True)
    promised = [each for each in found if each.goal is not None]
    print(f"Goals met: {sum(each.met for each in promised)} of {len(promised)}.\n", flush=True)
    return found


def tell_left_out() -> None:
    """Why some operators have no row."""
    for name in OPERATORS:
        if name in DRAWING:
            continue
        if issubclass(OPERATORS[name], TimeOperator):
            reason = "shows the clip's moments at other times: its neighbours are not those of the source"
        else:
            reason = "gives the clip another shape: its pixels are not at the places of the source's"
        print(f"{name:<18} left out; it {reason}.")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--clip", type=Path, nargs="*", default=[], help="one or more; default: Big Buck Bunny")
    options.add_argument("--reference", type=Path, help="picture for patch_style; default: drawn strokes")
    options.add_argument("--only", nargs="*", default=[], metavar="NAME", help="names of operators")
    options.add_argument("--side", type=int, default=360, help="shorter side of the pictures, pixels")
    options.add_argument("--frames", type=int, default=16, help="how many neighbouring frames are measured")
    options.add_argument("--quick", action="store_true", help="six frames only: a first impression")
    options.add_argument("--first", type=int, help="number of the first of them; default: around the middle")
    return options


if __name__ == "__main__":
    main()
