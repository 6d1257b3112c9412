"""R13: random lives of tasks against the real service, held against a model of what is promised.

    python campaigns/r13_lifecycle.py [--database sqlite|postgres] [--runs 2000] [--steps 50] [--seed 1] [--data DIR]

What a step can be, and what must hold after each: `lifecycle.py`. Ends with one line of verdict and exit code 0 for a
pass. With --data the run can be broken off and resumed. Powers are not cut here, so the rows may lie in memory.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from lifecycle import World, machine_for
from place import database

from refilm.store.base import Store
from refilm.store.postgres import PostgresStore
from refilm.store.sqlite import SqliteStore

#: Runs between two notes of how far it is.
PORTION = 50
#: More failures than this say nothing new.
MOST_FAILURES = 3


@dataclass
class Progress:
    """How far the campaign is, in a file that outlives it."""

    path: Path
    done: dict[str, int] = field(default_factory=lambda: {"portions": 0, "runs": 0, "steps": 0, "tasks": 0})
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path.exists():
            self.done, self.broken = json.loads(self.path.read_text())

    def note(self, world: World) -> None:
        """One portion more."""
        self.done["portions"] += 1
        for name in ("runs", "steps", "tasks"):
            self.done[name] += getattr(world, name)
            setattr(world, name, 0)
        self.path.write_text(json.dumps([self.done, self.broken]))


def portion(world: World, runs: int, steps: int, number: int, *, shrink: bool = True) -> str | None:
    """So many runs; how an invariant broke, by the shortest life that was found to break it, or None.

    shrink: whether to look for a shorter one.
    """
    machine = seed(number)(machine_for(world))
    chosen = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=chosen)  # type: ignore[no-untyped-call]
    except Exception:
        return traceback.format_exc()
    return None


def careless(url: str) -> str:
    """The URL of a PostgreSQL database, for sessions that do not wait for its disk."""
    query = {"options": "-c synchronous_commit=off"}
    return sa.make_url(url).update_query_dict(query).render_as_string(hide_password=False)


def run(open_store: Callable[[], Store], wishes: argparse.Namespace, data: Path) -> Progress:
    """Portion by portion, from where an earlier run broke off."""
    progress = Progress(data / f"r13-{wishes.database}.json")
    world = World(open_store, data)
    try:
        while progress.done["portions"] * PORTION < wishes.runs and len(progress.broken) < MOST_FAILURES:
            runs = min(PORTION, wishes.runs - progress.done["portions"] * PORTION)
            broken = portion(world, runs, wishes.steps, wishes.seed * 1_000_003 + progress.done["portions"])
            if broken is not None:
                progress.broken.append(broken)
            progress.note(world)
            print(f"  {progress.done}", flush=True)
    finally:
        world.close()
    return progress


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path)
    wishes = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    data = wishes.data or Path(tempfile.mkdtemp(prefix="refilm-r13-"))
    data.mkdir(parents=True, exist_ok=True)
    with database(wishes.database) as (more, _):
        url = more.get("REFILM_DATABASE_URL")

        def open_store() -> Store:
            return PostgresStore(careless(url), connections=1) if url else SqliteStore(data / "refilm.sqlite")

        progress = run(open_store, wishes, data)
    verdict = "FAIL" if progress.broken else "PASS"
    done = progress.done
    print(
        f"R13 {wishes.database}: {verdict}  {len(progress.broken)} invariants broken in {done['runs']} lives of "
        f"{wishes.steps} steps ({done['steps']} steps, {done['tasks']} tasks); seed {wishes.seed}"
    )
    print("\n".join(progress.broken))
    if wishes.data is None:
        shutil.rmtree(data)
    return 1 if progress.broken else 0


if __name__ == "__main__":
    sys.exit(main())
