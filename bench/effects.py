"""What each operator costs, as a ratio to a plain FFmpeg transcode of the same clip in the same run.

    python bench/effects.py [--clip PATH] [--rounds 3] [--only NAME ...]

Every measurement is a process of its own. The transcode runs again after every third job, and a job is divided by the
two transcodes around it, so that a machine that grows busy does so for both; the table shows medians over the rounds.
The transcode is imageio-ffmpeg's binary, libx264 veryfast crf 20, 2 threads, audio copied. Peers do the grade
`teal_orange`: FFmpeg's lut3d, moviepy (in an environment of its own under .cache/), a plain OpenCV loop.

Our processes load their kernels before the clock starts, as a worker does; opening the clip, sampling it, baking tables
and textures is inside. `first` tells how many seconds of it had passed when the first frame was handed to the encoder.
A short clip is played again and again until it lasts 20 s, by copying its packets: what a frame costs is to be told
from what a start costs.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOVIEPY_HOME = ROOT / ".cache" / "bench-moviepy"
GRADE = "teal_orange"
#: Wall ratio that the next release wants, by stage.
GOALS = {"grade": 1.15, "light": 1.5, "weather": 1.5, "lens": 1.5, "medium": 1.5, "style": 2.3}
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
    """One operator with its defaults, as the engine runs it."""
    import numpy as np

    from refilm.engines.effects.engine import EffectsEngine
    from refilm.engines.effects.executor import SAMPLED_FRAMES, Executor, encoding_for, needs_of, sample_colours
    from refilm.engines.effects.operator import Setting, no_samples
    from refilm.engines.effects.plan import Plan, Step
    from refilm.media.moment import sample_frames
    from refilm.media.probe import probe
    from refilm.media.stream import edit_frames

    EffectsEngine().warm()
    plan = Plan((Step(name),))
    encoding = encoding_for(plan)
    down, across = np.mgrid[0:180, 0:320]
    sunset = np.stack([235 - down // 2, 60 + across // 4, 50 + down // 2], -1).astype(np.uint8)
    clock()
    with clip.open("rb") as source, output.open("w+b") as target:
        info = probe(source)
        samples = no_samples
        if "samples" in needs_of(plan):
            colours = sample_colours(sample_frames(source, SAMPLED_FRAMES), 1)
            samples = lambda: colours  # noqa: E731
        size = (info.width // 2 * 2, info.height // 2 * 2)
        executor = Executor(plan, Setting(size, info.matrix, seed=1, references=(sunset,), samples=samples))
        return edit_frames(
            source, target, executor.process, preset=encoding.preset, crf=encoding.crf, on_frame=once(clock)
        ).frames


def once(clock: Callable[[], None]) -> Callable[[int], None]:
    """For each frame written: the clock for the first, nothing for the others."""
    return lambda frames: clock() if frames == 1 else None


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
    command = [python, Path(__file__), "--measure", job, "--clip", clip, "--room", room]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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

    goal = GOALS.get(stage or "")
    verdict = "" if goal is None else f"{goal:.2f} {'met' if ratio('wall') <= goal else 'not yet'}"
    wall = statistics.median(mine["wall"] for mine, _ in runs)
    memory = "" if job.startswith("ffmpeg") else f"{runs[0][0]['memory']:.0f}"
    first = statistics.median(mine["first"] for mine, _ in runs)
    return (
        f"{job:<18}{stage or 'peer':<9}{ratio('wall'):>6.2f}{ratio('cpu'):>7.2f}{ratio('bytes'):>7.2f}"
        f"{wall:>8.2f}{f'{first:.2f}' if first else '':>8}{memory:>8}  {verdict}"
    )


def main() -> None:
    """Measure everything and print the table."""
    from refilm.engines.effects.engine import EffectsEngine
    from refilm.engines.effects.operators import OPERATORS
    from refilm.testing import footage

    arguments = parser().parse_args()
    clip = arguments.clip or footage()
    EffectsEngine().warm()
    pythons = dict.fromkeys([*PEERS, *OPERATORS], Path(sys.executable))
    found = moviepy_python() if not arguments.only or "moviepy" in arguments.only else None
    if found is None:
        del pythons["moviepy"]
    else:
        pythons["moviepy"] = found
    jobs = [job for job in pythons if not arguments.only or job in {"ffmpeg", *arguments.only}]
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder))
        clip = long_enough(clip, Path(folder))

        def run(job: str) -> Costs:
            print(f"\rround {len(rounds) + 1} of {arguments.rounds}: {job:<20}", end="", file=sys.stderr, flush=True)
            return run_job(job, clip, Path(folder), pythons[job])

        for _ in range(arguments.rounds):
            rounds.append(run_round(jobs, run))
    print(f"\r{clip.name}, {arguments.rounds} rounds, medians of ratios to `ffmpeg` beside each job.{' ' * 20}")
    print(f"{'':<18}{'stage':<9}{'wall':>6}{'cpu':>7}{'bytes':>7}{'s':>8}{'first':>8}{'MiB':>8}  goal")
    for job in jobs:
        stage = OPERATORS[job].spec.stage if job in OPERATORS else None
        print(table_row(job, [each[job] for each in rounds], stage))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--clip", type=Path, help="default: Big Buck Bunny, 1280x720")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", nargs="*", default=[], help="names of operators or peers")
    options.add_argument("--measure", help=argparse.SUPPRESS)
    options.add_argument("--room", type=Path, help=argparse.SUPPRESS)
    return options


if __name__ == "__main__":
    wanted = parser().parse_args()
    if wanted.measure:
        measure(wanted.measure, wanted.clip, wanted.room)
    else:
        main()
