"""What each operator costs, as a ratio to a plain FFmpeg transcode of the same clip in the same run.

    python bench/effects.py [--section NAME ...] [--only NAME ...] [--clip PATH] [--quick]

Section `cost` is the table of all operators, `sizes` the same for one grade and one painting at 1920x1080 and 3840x2160
against the transcode at that size; `memory`, `start` and `prompts` are those of `bench/limits.py`, and
`lock` is what it costs that children are locked, of `bench/lock.py`.

Every measurement is a process of its own. The transcode runs again after every third job, and a job is divided by the
two transcodes around it, so that a machine that grows busy does so for both; the table shows medians over the rounds.
The transcode is imageio-ffmpeg's binary, libx264 veryfast crf 20, 2 threads, audio copied. Peers do the grade
`teal_orange`: FFmpeg's lut3d, moviepy (in an environment of its own under .cache/), a plain OpenCV loop.

Our processes have the environment of a worker's child and load their kernels before the clock starts, as it does;
opening the clip, sampling it, baking tables and textures is inside. `first` tells how many seconds of
it had passed when the first frame was handed to the encoder. A short clip is played again and again until it lasts
20 s, by copying its packets: what a frame costs is to be told from what a start costs. `--quick`: one round, and the
footage as it is.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import limits
import lock

ROOT = Path(__file__).resolve().parent.parent
MOVIEPY_HOME = ROOT / ".cache" / "bench-moviepy"
GRADE = "teal_orange"
#: Wall ratio that the next release wants, by stage.
GOALS = {"grade": 1.15, "light": 1.5, "weather": 1.5, "lens": 1.5, "medium": 1.5, "style": 2.3}
#: The same for single operators.
OWN_GOALS = {"patch_style": 4.5}
#: How many times faster than these peers the same grade should be.
FASTER, SLOWER_PEERS = 2.5, ("ffmpeg lut3d", "moviepy")
#: Sizes of section `sizes`, how many frames of the footage are made so large, and what edits them.
SIZES = {(1920, 1080): 132, (3840, 2160): 48}
SIZED = (GRADE, "watercolour")
LUT_SIZE = 33
#: Seconds that the footage lasts at least.
SHORTEST = 20


# The jobs. Each runs in its own process: it prepares, calls clock(), works, and calls clock() again when the first
# frame is handed to the encoder, where it can tell.


def ffmpeg(clip: Path, output: Path, room: Path, clock: Callable[[], None], *, lut: bool = False) -> int:
    """The command line that everybody knows."""
    import imageio_ffmpeg

    look = ["-vf", f"lut3d={room / 'grade.cube'}"] if lut else []
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-threads", "2", "-i", str(clip), *look]
    command += ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-threads", "2"]
    clock()
    subprocess.run([*command, "-c:a", "copy", str(output)], check=True, stdin=subprocess.DEVNULL)
    return 0


def lut3d(clip: Path, output: Path, room: Path, clock: Callable[[], None]) -> int:
    """FFmpeg with its own 3D table."""
    return ffmpeg(clip, output, room, clock, lut=True)


def pyav(clip: Path, output: Path, room: Path, clock: Callable[[], None]) -> int:
    """Our media streams without an edit."""
    from refilm.media.stream import edit_frames

    clock()
    with clip.open("rb") as source, output.open("w+b") as target:
        return edit_frames(source, target, None, on_frame=once(clock)).frames


def operator(name: str, clip: Path, output: Path, room: Path, clock: Callable[[], None]) -> int:
    """One operator with its defaults, asked for by its name: the whole engine but for the process it runs in."""
    from refilm.engines.effects.engine import EffectsEngine

    EffectsEngine().warm()
    request = limits.request_for(name)
    first = once(clock)
    clock()
    with output.open("w+b") as target:
        return limits.edited(request, clip, target, lambda progress: first(progress.frames)).frames


def once(clock: Callable[[], None]) -> Callable[[int], None]:
    """What to call with the number of frames written: the clock at the first, nothing at the others."""
    waiting = [clock]

    def count(frames: int) -> None:
        if frames and waiting:
            waiting.pop()()

    return count


def moviepy(clip: Path, output: Path, room: Path, clock: Callable[[], None]) -> int:
    """moviepy with a numpy look-up, the usual recipe. Runs in the environment that has it."""
    import numpy as np
    from moviepy import VideoFileClip

    table = np.load(room / "grade.npy")
    clock()
    video = VideoFileClip(str(clip)).image_transform(lambda rgb: looked_up(table, rgb))
    video.write_videofile(
        str(output), codec="libx264", preset="veryfast", ffmpeg_params=["-crf", "20"], threads=2, logger=None
    )
    return 0


def opencv(clip: Path, output: Path, room: Path, clock: Callable[[], None]) -> int:
    """The loop of every tutorial: VideoCapture, numpy, VideoWriter. MPEG-4 part 2, and no sound."""
    import cv2
    import numpy as np

    table = np.load(room / "grade.npy")[..., ::-1]
    clock()
    reader = cv2.VideoCapture(str(clip))
    size = int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT))
    writer = cv2.VideoWriter(str(output), cv2.VideoWriter.fourcc(*"mp4v"), reader.get(cv2.CAP_PROP_FPS), size)
    frames = 0
    while True:
        there, picture = reader.read()
        if not there:
            break
        writer.write(looked_up(table, picture[..., ::-1]))
        frames += 1
    writer.release()
    return frames


def looked_up(table, rgb):  # type: ignore[no-untyped-def]
    """The nearest entry of a (33, 33, 33, 3) table for each pixel."""
    import numpy as np

    place = (rgb.astype(np.uint16) * (LUT_SIZE - 1) + 127) // 255
    return table[place[..., 0], place[..., 1], place[..., 2]]


PEERS = {"ffmpeg": ffmpeg, "pyav": pyav, "ffmpeg lut3d": lut3d, "moviepy": moviepy, "opencv loop": opencv}


def measure(job: str, clip: Path, room: Path) -> None:
    """Run one job in this process and print what it cost, as JSON."""
    output = room / "out.mp4"
    started: list[tuple[float, float]] = []

    def clock() -> None:
        started.append((time.perf_counter(), cpu_seconds()))

    run = PEERS.get(job)
    if run is None:
        operator(job, clip, output, room, clock)
    else:
        run(clip, output, room, clock)
    wall, cpu = started[0]
    result = {
        "wall": time.perf_counter() - wall,
        "cpu": cpu_seconds() - cpu,
        "bytes": output.stat().st_size,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first": started[1][0] - wall if len(started) > 1 else 0.0,
    }
    print(json.dumps(result))


def cpu_seconds() -> float:
    """Processor time of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


# The run.

Costs = dict[str, float]


def write_tables(room: Path) -> None:
    """The peers' grade, as a .cube file and as an array."""
    import numpy as np

    from refilm.engines.effects.operator import ColourOperator, Setting
    from refilm.engines.effects.operators import OPERATORS

    grade = OPERATORS[GRADE]()
    assert isinstance(grade, ColourOperator)
    grade.prepare(Setting((64, 64), parameters=grade.spec.resolve({})))
    axis = np.linspace(0, 1, LUT_SIZE)
    table = np.clip(grade.colour(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)), 0, 1)
    np.save(room / "grade.npy", np.rint(table * 255).astype(np.uint8))
    rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)
    lines = [f"LUT_3D_SIZE {LUT_SIZE}", *(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows)]
    (room / "grade.cube").write_text("\n".join(lines) + "\n")


def long_enough(clip: Path, room: Path) -> Path:
    """The clip, or a copy of it in `room` that repeats it until it lasts SHORTEST seconds."""
    import imageio_ffmpeg

    from refilm.media.probe import probe

    with clip.open("rb") as source:
        again = math.ceil(SHORTEST / probe(source).duration) - 1
    if again < 1:
        return clip
    repeated = room / f"{clip.stem} x{again + 1}{clip.suffix}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", str(again), "-i", str(clip)]
    subprocess.run([*command, "-c", "copy", str(repeated)], check=True, stdin=subprocess.DEVNULL)
    return repeated


def moviepy_python() -> Path | None:
    """The interpreter that has moviepy, made on first use; None where it cannot be installed."""
    python = MOVIEPY_HOME / "bin" / "python"
    if python.exists() and subprocess.run([python, "-c", "import moviepy"], capture_output=True).returncode == 0:
        return python
    try:
        venv.create(MOVIEPY_HOME, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "moviepy>=2.2,<3"]
        subprocess.run(install, check=True, timeout=600)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"moviepy is left out: it could not be installed ({error}).")
        return None
    return python


def run_job(job: str, clip: Path, room: Path, python: Path) -> Costs:
    """One measurement in a process of its own."""
    from refilm.runner.spawn import ENVIRONMENT

    command = [python, Path(__file__), "--measure", job, "--clip", clip, "--room", room]
    environment = os.environ if job in PEERS and job != "pyav" else {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{job} failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def run_round(jobs: list[str], run: Callable[[str], Costs]) -> dict[str, tuple[Costs, Costs]]:
    """One round: for each job its costs, and the mean costs of the transcodes before and after it."""
    results: dict[str, tuple[Costs, Costs]] = {}
    before = run("ffmpeg")
    for start in range(0, len(jobs), 3):
        group = {job: run(job) for job in jobs[start : start + 3]}
        after = run("ffmpeg")
        base = {key: (before[key] + after[key]) / 2 for key in before}
        results |= {job: (costs, base) for job, costs in group.items()}
        before = after
    return results


def table_row(job: str, runs: list[tuple[Costs, Costs]], stage: str | None) -> str:
    """One line: medians over the rounds of this job's costs over the transcode's around it."""

    def ratio(key: str) -> float:
        return statistics.median(mine[key] / its[key] for mine, its in runs)

    goal = OWN_GOALS.get(job, GOALS.get(stage or ""))
    verdict = "" if goal is None else f"{goal:.2f} {'met' if ratio('wall') <= goal else 'not yet'}"
    wall = statistics.median(mine["wall"] for mine, _ in runs)
    memory = "" if job.startswith("ffmpeg") else f"{runs[0][0]['memory']:.0f}"
    first = statistics.median(mine["first"] for mine, _ in runs)
    return (
        f"{job:<18}{stage or 'peer':<9}{ratio('wall'):>6.2f}{ratio('cpu'):>7.2f}{ratio('bytes'):>7.2f}"
        f"{wall:>8.2f}{f'{first:.2f}' if first else '':>8}{memory:>8}  {verdict}"
    )


def compared(jobs: list[str], run: Callable[[str], Costs], rounds: int) -> dict[str, list[tuple[Costs, Costs]]]:
    """For each job, one after the other in each round, its costs and those of the transcodes around it."""

    def told(number: int) -> Callable[[str], Costs]:
        def tell(job: str) -> Costs:
            if sys.stderr.isatty():
                print(f"\rround {number} of {rounds}: {job:<20}\r", end="", file=sys.stderr, flush=True)
            return run(job)

        return tell

    made = [run_round(jobs, told(number)) for number in range(1, rounds + 1)]
    return {job: [each[job] for each in made] for job in jobs}


HEADINGS = f"{'':<18}{'stage':<9}{'wall':>6}{'cpu':>7}{'bytes':>7}{'s':>8}{'first':>8}{'MiB':>8}  goal"


def print_rows(found: dict[str, list[tuple[Costs, Costs]]]) -> None:
    """The table of these jobs."""
    from refilm.engines.effects.operators import OPERATORS

    print(HEADINGS)
    for job, runs in found.items():
        print(table_row(job, runs, OPERATORS[job].spec.stage if job in OPERATORS else None), flush=True)


def print_costs(clip: Path, rounds: int, only: list[str]) -> None:
    """The table of all operators and peers, or of some."""
    from refilm.engines.effects.operators import OPERATORS

    pythons = dict.fromkeys([*PEERS, *OPERATORS], Path(sys.executable))
    found = moviepy_python() if not only or "moviepy" in only else None
    if found is None:
        del pythons["moviepy"]
    else:
        pythons["moviepy"] = found
    jobs = [job for job in pythons if not only or job in {"ffmpeg", *only}]
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder))
        costs = compared(jobs, lambda job: run_job(job, clip, Path(folder), pythons[job]), rounds)
    print(f"{clip.name}, {rounds} rounds, medians of ratios to `ffmpeg` beside each job.")
    print_rows(costs)
    for peer in SLOWER_PEERS:
        if GRADE in costs and peer in costs:
            times = statistics.median(
                theirs["wall"] / its["wall"] * base["wall"] / mine["wall"]
                for (theirs, its), (mine, base) in zip(costs[peer], costs[GRADE], strict=True)
            )
            met = "met" if times >= FASTER else "not yet"
            print(f"{GRADE} is {times:.1f} times as fast as {peer}; goal {FASTER}: {met}")


def print_sizes(clip: Path, rounds: int, *, quick: bool) -> None:
    """The tables of larger frames: the footage made larger, so that its own detail is the same at every size."""
    for size, frames in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            large = enlarged(clip, size, frames // 3 if quick else frames, Path(folder))
            jobs = ["ffmpeg", "pyav", *SIZED]
            costs = compared(jobs, lambda job: run_job(job, large, Path(folder), Path(sys.executable)), rounds)  # noqa: B023
        print(f"\n{clip.name} at {size[0]}x{size[1]}, {rounds} rounds, ratios to `ffmpeg` at that size.")
        print_rows(costs)


def enlarged(clip: Path, size: tuple[int, int], frames: int, room: Path) -> Path:
    """The first frames of the clip at another size, with its sound."""
    import imageio_ffmpeg

    large = room / f"{size[0]}x{size[1]}.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), "-frames:v", str(frames), "-shortest"]
    command += ["-vf", f"scale={size[0]}:{size[1]}:flags=lanczos", "-c:v", "libx264", "-preset", "veryfast"]
    subprocess.run([*command, "-crf", "16", "-c:a", "copy", str(large)], check=True, stdin=subprocess.DEVNULL)
    return large


SECTIONS = ("cost", "sizes", *limits.SECTIONS, "lock")


def main() -> None:
    """Measure everything and print the tables."""
    from refilm.engines.effects.engine import EffectsEngine
    from refilm.testing import footage

    arguments = parser().parse_args()
    clip, quick = arguments.clip or footage(), arguments.quick
    sections = arguments.section or (["cost"] if arguments.only else list(SECTIONS))
    rounds = 1 if quick else arguments.rounds
    EffectsEngine().warm()
    if "cost" in sections:
        with tempfile.TemporaryDirectory() as folder:
            print_costs(clip if quick else long_enough(clip, Path(folder)), rounds, arguments.only)
    if "sizes" in sections:
        print_sizes(clip, rounds, quick=quick)
    limits.print_sections(sections, clip, quick=quick, only=arguments.only)
    if "lock" in sections:
        lock.print_lock(clip, quick=quick)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--section", nargs="*", choices=SECTIONS, help="default: all, or cost beside --only")
    options.add_argument("--clip", type=Path, help="default: Big Buck Bunny, 1280x720")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", nargs="*", default=[], help="operators or peers, for cost and memory")
    options.add_argument("--quick", action="store_true", help="one round, shorter clips: a first impression")
    options.add_argument("--measure", help=argparse.SUPPRESS)
    options.add_argument("--room", type=Path, help=argparse.SUPPRESS)
    return options


if __name__ == "__main__":
    wanted = parser().parse_args()
    if wanted.measure:
        measure(wanted.measure, wanted.clip, wanted.room)
    else:
        main()
