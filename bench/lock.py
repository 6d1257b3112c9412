"""What it costs that children are locked: the lock itself, the edit under it, the start, the end.

    python bench/lock.py [--clip PATH] [--quick]

lock     milliseconds in which a child that has loaded everything gives up its rights. Goal: 5.
edit     an edit under the lock over the same edit without: time and processor time, both in children that had loaded
         everything before the clock started. Taken in turns, the best of each. Goal: 1.03.
first    seconds from handing a task to the runner, with a spare ready, until the child has decoded a frame, and until
         its first edited frame is with the encoder. Goal for the decoded one: 0.1.
cancel   seconds from the answer that a task is not wanted any more until its child, in the middle of the edit, is dead
         and buried. Goal: 0.1. (The question is asked twice a second; that wait is not in it.)
spare    seconds of processor time to make a child, by itself and from a fork server, and the forked one's share of
         memory (PSS) while it waits, beside the fork server's. No goal.

The best of some tries: a busy machine only adds. `bench/effects.py` prints this table, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import limits
import psutil

TIMED_CHILD = (sys.executable, "-I", str(Path(__file__).with_name("timed_child.py")))
#: Milliseconds, ratio, seconds, seconds.
LOCK, RATIO, FIRST, CANCEL = 5.0, 1.03, 0.1, 0.1
#: A painting that keeps decoder, kernels and encoder busy at once.
EDIT = "watercolour"
ENGINE = "timed"


def edited(runner: Any, clip: Path, on_tick: Callable[[float], bool] = lambda _: True) -> dict[str, float]:
    """What the child tells of one edit; `asked` is when the runner was asked for it."""
    from refilm.media.probe import probe

    with clip.open("rb", buffering=0) as source, tempfile.TemporaryFile(buffering=0) as output:
        info = probe(source)
        source.seek(0)
        asked = time.perf_counter()
        done = runner.edit(
            ENGINE, limits.request_for(EDIT), info, [source, output], options={}, seconds=3600, on_tick=on_tick
        )
    return {"asked": asked, **done.applied}


def locked_and_free(clip: Path, rounds: int) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """The same edit in locked children and in free ones, by turns; each round begins with the other."""
    from refilm.runner.lockdown import Sandbox
    from refilm.runner.process import Runner

    runners = [Runner(command=TIMED_CHILD, sandbox=sandbox) for sandbox in (Sandbox.REQUIRE, Sandbox.OFF)]
    found: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append(edited(runners[which], clip))
    return found


def with_spare(clip: Path, *, forked: bool) -> dict[str, float]:
    """What an edit by a waiting child tells.

    `spare` and `megabytes` are what the child took until then; `server` the megabytes of what it was forked from.
    """
    from refilm.runner.process import Runner

    runner = Runner(command=TIMED_CHILD, forkserver=(*TIMED_CHILD, "server") if forked else None, spares={ENGINE: 1})
    runner.start()
    try:
        while not runner.spares()[ENGINE]:
            time.sleep(0.05)
        *above, spare = (
            each for each in psutil.Process().children(recursive=True) if TIMED_CHILD[-1] in each.cmdline()
        )
        used = spare.cpu_times()
        costs = {"spare": used.user + used.system, "megabytes": megabytes_of(spare)}
        costs |= {"server": megabytes_of(above[0])} if above else {}
        return {**costs, **edited(runner, clip)}
    finally:
        runner.close()


def megabytes_of(process: psutil.Process) -> float:
    """Its share of memory; all that it shares with others included where the system tells no more."""
    try:
        return float(process.memory_full_info().pss / 1e6)
    except (psutil.AccessDenied, AttributeError):
        return float(process.memory_info().rss / 1e6)


def cancelled(clip: Path) -> float:
    """Seconds between a no and the end of the child's process."""
    from refilm.errors import Cancelled
    from refilm.runner.process import Runner

    said: list[float] = []

    def on_tick(fraction: float) -> bool:
        if fraction > 0:
            said.append(time.perf_counter())
        return not said

    try:
        edited(Runner(command=TIMED_CHILD), clip, on_tick)
    except Cancelled:
        return time.perf_counter() - said[0]
    raise SystemExit("the edit was over before it could be cancelled")


def print_lock(clip: Path, *, quick: bool) -> None:
    """The table."""
    rounds = 2 if quick else 6
    locked, free = locked_and_free(clip, rounds)
    spared = [with_spare(clip, forked=True) for _ in range(rounds)]
    alone = [with_spare(clip, forked=False) for _ in range(2)]
    first, edits = (min(told[key] - told["asked"] for told in spared) for key in ("decoded", "edited"))
    wall, cpu = (min(each[key] for each in locked) / min(each[key] for each in free) for key in ("wall", "cpu"))
    lock = 1000 * min(each["lock"] for each in locked)
    cancel = min(cancelled(clip) for _ in range(rounds))
    print(f"\nThe lock around {EDIT} at {limits.size_of(clip)}, the best of {rounds}.")
    print(f"lock               {lock:>8.2f} ms  goal {LOCK:g}: {limits.verdict(lock < LOCK)}")
    print(f"edit, time         {wall:>8.3f}     goal {RATIO:g}: {limits.verdict(wall <= RATIO)}")
    print(f"edit, processor    {cpu:>8.3f}     goal {RATIO:g}: {limits.verdict(cpu <= RATIO)}")
    print(f"first decoded      {first:>8.3f} s   goal {FIRST:g}: {limits.verdict(first < FIRST)}")
    print(f"first edited       {edits:>8.3f} s")
    print(f"cancel to buried   {cancel:>8.3f} s   goal {CANCEL:g}: {limits.verdict(cancel < CANCEL)}")
    made, forked = (min(told["spare"] for told in each) for each in (alone, spared))
    print(f"spare, processor   {made:>8.2f} s   by itself, {forked:.2f} s forked")
    lone, shared, server = (
        min(told[key] for told in each)
        for each, key in ((alone, "megabytes"), (spared, "megabytes"), (spared, "server"))
    )
    print(
        f"spare, memory      {lone:>8.0f} MB  by itself, {shared:.0f} MB forked from one of {server:.0f} MB", flush=True
    )


def main() -> None:
    """Print the table."""
    from refilm.testing import footage

    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--clip", type=Path, help="default: Big Buck Bunny, 1280x720")
    options.add_argument("--quick", action="store_true", help="two rounds instead of six")
    arguments = options.parse_args()
    print_lock(arguments.clip or footage(), quick=arguments.quick)


if __name__ == "__main__":
    main()
