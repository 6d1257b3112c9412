"""What an edit may take beside its time: memory, the wait for its first frame, the reading of its prompt.

    python bench/limits.py [--section memory start prompts] [--only NAME ...] [--clip PATH] [--quick]

memory   the most that the child process of `refilm.runner` ever held, for a short clip and for a long one; the long one
         is the footage again and again, its packets copied. A grade gets 10 minutes, the other
         operators of LOOKED_AT 2 minutes. Goal: at most 600 MB, and the same for both within 5 %.
start    seconds from handing a request to the engine, in a fresh process that has loaded its kernels as a waiting
         worker has, until the first edited frame is with the encoder. Goal: 0.3 s. What takes a reference picture has
         more to prepare and is told apart. The best of up to three tries: a busy machine only adds.
prompts  seconds to compile texts of 1000 UTF-16 units, the best of three tries each, the slowest text of each kind.
         Goal: 0.1 s. Loading the dictionaries, once per process, is told apart.

`bench/effects.py` prints these tables, too.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from refilm.domain.edit import EditRequest
    from refilm.engines.base import OnEvent, Outcome

HERE = Path(__file__).resolve()
#: Megabytes and their allowed growth, seconds to the first frame, seconds for any prompt.
MOST_MEMORY, GROWTH, FIRST_FRAME, ANY_PROMPT = 600, 1.05, 0.3, 0.1
#: Seconds of the short clip, of the long one for a grade, and of the long one for others.
SHORT, LONG_GRADE, LONG = 10, 600, 120
#: The operators whose memory is looked at: one of each stage, and those that hold most.
LOOKED_AT = (
    "reverse",
    "slow_motion",
    "stabilise",
    "teal_orange",
    "color_transfer",
    "noir",
    "snow",
    "watercolour",
    "cartoon",
    "pencil",
    "oil",
    "patch_style",
    "tilt_shift",
    "vhs",
)
#: Prompts for operators that need more than a name.
PROMPTS = {
    "tint": "a red tint",
    "color_transfer": "match the colours of the reference image",
    "patch_style": "paint it in the style of the reference image",
    "text": 'add the text "Once upon a time"',
}
UNITS, TEXTS = 1000, 20


def prompt_for(name: str) -> str:
    """Words that mean this operator and nothing else. Raises LookupError where there are none."""
    from refilm.cli.effects import words_for

    return PROMPTS.get(name) or words_for(name)["en"][0]


def repeated(clip: Path, seconds: float, room: Path) -> Path:
    """The clip again and again until it lasts `seconds`, its packets copied."""
    import imageio_ffmpeg

    from refilm.media.probe import probe

    with clip.open("rb") as source:
        again = math.ceil(seconds / probe(source).duration) - 1
    longer = room / f"{clip.stem} {seconds:g}s{clip.suffix}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-stream_loop", str(again), "-i", str(clip)]
    subprocess.run([*command, "-t", str(seconds), "-c", "copy", str(longer)], check=True, stdin=subprocess.DEVNULL)
    return longer


def measured(what: str, name: str, clip: Path) -> float:
    """What a process of its own finds: `what` is "memory" in MB or "start" in seconds."""
    command = [sys.executable, HERE, "--measure", what, "--name", name, "--clip", clip]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{what} of {name} failed:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout))


def request_for(name: str) -> EditRequest:
    """An edit by this operator alone."""
    from refilm.domain.edit import EditRequest, Model, Reference
    from refilm.engines.effects.operators import OPERATORS

    pictures = (Reference("local:"),) if "reference" in OPERATORS[name].spec.needs else ()
    return EditRequest(Model.GEN4_ALEPH, "local:", prompt_for(name), 1, references=pictures)


def memory_of(name: str, clip: Path) -> float:
    """The most memory, in MB, that the child held while it edited the clip. Run it in a process that holds little."""
    from refilm.runner.process import Runner

    runner, request = Runner(), request_for(name)
    with ExitStack() as opened:
        source: Any = opened.enter_context(clip.open("rb", buffering=0))
        pictures = [opened.enter_context(reference_picture()) for _ in request.references]
        output: Any = opened.enter_context(tempfile.TemporaryFile(buffering=0))
        info, files = runner.probe_clip(source), [source, *pictures, output]
        runner.edit("effects", request, info, files, options={}, seconds=3600, on_tick=lambda _: True)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e6


def start_of(name: str, clip: Path) -> float:
    """Seconds until the first frame of this process's first edit is with the encoder."""
    from refilm.engines.base import Progress
    from refilm.engines.effects.compiler import compile_prompt
    from refilm.engines.effects.engine import EffectsEngine
    from refilm.errors import Cancelled

    wanted = request_for(name)
    EffectsEngine().warm()
    compile_prompt("warm")

    def stop_at_first(progress: Progress) -> None:
        if progress.frames:
            raise Cancelled("That was the first.")

    began = time.perf_counter()
    try:
        with tempfile.TemporaryFile() as output:
            edited(wanted, clip, output, stop_at_first)
    except Cancelled:
        return time.perf_counter() - began
    raise SystemExit(f"{name} wrote no frame")


def edited(request: EditRequest, clip: Path, output: BinaryIO, on_event: OnEvent) -> Outcome:
    """The engine's edit of the clip in this process, with a photograph for each reference."""
    from refilm.engines.base import Inputs
    from refilm.engines.effects.engine import EffectsEngine
    from refilm.media.probe import probe

    with ExitStack() as opened:
        source = opened.enter_context(clip.open("rb"))
        pictures = tuple(opened.enter_context(reference_picture()) for _ in request.references)
        return EffectsEngine().edit(request, Inputs(source, probe(source), pictures), output, on_event, {})


def reference_picture() -> BinaryIO:
    """A photograph as an open PNG file."""
    import skimage.data
    from PIL import Image

    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    Image.fromarray(skimage.data.chelsea()).save(file, "PNG")
    file.seek(0)
    return cast("BinaryIO", file)


def verdict(met: bool) -> str:
    """How a table tells it."""
    return "met" if met else "not yet"


def print_memory(clip: Path, *, quick: bool, only: Sequence[str] = ()) -> None:
    """The table of memory, of the operators in LOOKED_AT or of those in `only`."""
    from refilm.engines.effects.operators import OPERATORS

    print(f"\nMemory of the child at {size_of(clip)}, MB. Goal: {MOST_MEMORY}, and equal within {GROWTH - 1:.0%}.")
    print(f"{'':<18}{'stage':<10}{'short':>8}{'long':>8}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        short = repeated(clip, SHORT, Path(folder))
        for name in [each for each in only or LOOKED_AT if each in OPERATORS]:
            stage = OPERATORS[name].spec.stage
            seconds = (LONG_GRADE if stage == "grade" else LONG) / (6 if quick else 1)
            long = repeated(clip, seconds, Path(folder))
            little, much = measured("memory", name, short), measured("memory", name, long)
            met = max(little, much) <= MOST_MEMORY and much <= GROWTH * little
            told = f"{SHORT} s and {seconds:g} s: {verdict(met)}"
            print(f"{name:<18}{stage:<10}{little:>8.0f}{much:>8.0f}{much / little:>8.2f}  {told}", flush=True)


def print_starts(clip: Path, *, quick: bool) -> None:
    """The table of first frames."""
    from refilm.engines.effects.operators import OPERATORS

    print(f"\nSeconds to the first frame of a warmed worker at {size_of(clip)}. Goal: {FIRST_FRAME} s.")
    apart = [name for name, each in OPERATORS.items() if "reference" in each.spec.needs]
    found = {}
    for name in OPERATORS:
        tries = [measured("start", name, clip)]
        while not quick and len(tries) < 3 and min(tries) > FIRST_FRAME:
            tries.append(measured("start", name, clip))
        found[name] = min(tries)
    for name, seconds in sorted(found.items(), key=lambda item: -item[1]):
        goal = "has a picture to read: told apart" if name in apart else verdict(seconds <= FIRST_FRAME)
        if name in apart or seconds > FIRST_FRAME / 2:
            print(f"{name:<18}{seconds:>8.2f}  {goal}")
    judged = [seconds for name, seconds in found.items() if name not in apart]
    quickest = sum(seconds <= FIRST_FRAME / 2 for seconds in judged)
    print(f"The other {quickest} took at most {FIRST_FRAME / 2:g} s.")
    print(f"{sum(seconds <= FIRST_FRAME for seconds in judged)} of {len(judged)} within the goal.", flush=True)


def print_prompts() -> None:
    """The table of prompts."""
    began = time.perf_counter()
    from refilm.engines.effects.compiler import compile_prompt

    compile_prompt("warm")
    loaded = time.perf_counter() - began
    print(f"\nSeconds to compile {UNITS} units of text, the slowest of {TEXTS}. Goal: {ANY_PROMPT} s.")
    for kind, texts in kinds_of_text().items():
        slowest = max(min(timed(lambda: compile_prompt(text, references=1)) for _ in range(3)) for text in texts)  # noqa: B023
        print(f"{kind:<26}{slowest:>8.3f}  {verdict(slowest <= ANY_PROMPT)}")
    print(f"Loading code and dictionaries, once per process: {loaded:.2f} s.", flush=True)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def kinds_of_text() -> dict[str, list[str]]:
    """Texts of UNITS units, by kind; the same in every run."""
    from refilm.engines.effects.language.lexicon import LANGUAGES, read_table, rows

    drawn = random.Random(7)
    words = {language: sorted({phrase for phrase, _ in rows(read_table(language))}) for language in LANGUAGES}
    everything = sorted({phrase for phrases in words.values() for phrase in phrases})
    kinds: dict[str, Callable[[], Iterator[str]]] = {
        f"phrases, {language}": lambda phrases=phrases: endless(drawn, phrases, " ")  # type: ignore[misc]
        for language, phrases in words.items()
    }
    kinds["phrases, all languages"] = lambda: endless(drawn, everything, ", ")
    kinds["phrases, misspelt"] = lambda: (misspelt(drawn, word) for word in endless(drawn, words["en"], " "))
    kinds["one phrase repeated"] = lambda: endless(drawn, [drawn.choice(everything)], " ")
    kinds["letters"] = lambda: endless(drawn, list(string.ascii_lowercase), "")
    kinds["letters and spaces"] = lambda: endless(drawn, list("aeinrst "), "")
    kinds["any characters"] = lambda: endless(drawn, [chr(code) for code in range(1, 0x3000)], "")
    kinds["punctuation"] = lambda: endless(drawn, list(string.punctuation), "")
    return {kind: [filled(make()) for _ in range(TEXTS)] for kind, make in kinds.items()}


def endless(drawn: random.Random, parts: list[str], between: str) -> Iterator[str]:
    """Parts in any order, for ever."""
    while True:
        yield drawn.choice(parts) + between


def misspelt(drawn: random.Random, word: str) -> str:
    """The word with two neighbouring letters exchanged."""
    place = drawn.randrange(max(1, len(word) - 2))
    return word[:place] + word[place : place + 2][::-1] + word[place + 2 :]


def filled(parts: Iterator[str]) -> str:
    """Parts until UNITS units are reached."""
    text = ""
    while len(text) < UNITS:
        text += next(parts)
    return text[:UNITS]


def size_of(clip: Path) -> str:
    """The clip's size in words."""
    from refilm.media.probe import probe

    with clip.open("rb") as source:
        info = probe(source)
    return f"{info.width}x{info.height}"


SECTIONS = ("memory", "start", "prompts")


def print_sections(sections: list[str], clip: Path, *, quick: bool, only: Sequence[str] = ()) -> None:
    """The tables of these sections, of SECTIONS.  only: operators whose memory is looked at, instead of LOOKED_AT."""
    if "prompts" in sections:
        print_prompts()
    if "start" in sections:
        print_starts(clip, quick=quick)
    if "memory" in sections:
        print_memory(clip, quick=quick, only=only)


def main() -> None:
    """Print the tables, or measure one thing for them."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--section", nargs="*", choices=SECTIONS, default=list(SECTIONS))
    options.add_argument("--only", nargs="*", default=[], help="names of operators, for section memory")
    options.add_argument("--clip", type=Path, help="default: Big Buck Bunny, 1280x720")
    options.add_argument("--quick", action="store_true", help="one try each, long clips a sixth as long")
    options.add_argument("--measure", choices=["memory", "start"], help=argparse.SUPPRESS)
    options.add_argument("--name", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.measure:
        measure = memory_of if arguments.measure == "memory" else start_of
        print(json.dumps(measure(arguments.name, arguments.clip)))
    else:
        from refilm.testing import footage  # not above: what this process holds counts as its child's before it starts

        print_sections(arguments.section, arguments.clip or footage(), quick=arguments.quick, only=arguments.only)


if __name__ == "__main__":
    main()
