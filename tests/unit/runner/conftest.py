"""Runners for tests: with children that are started by a command, and with forked ones."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refilm.runner.forks import can_fork
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Limits, Runner

#: How long anything may take on a machine that is busy with other things.
PATIENCE = 60.0

MakeRunner = Callable[..., Runner]


@pytest.fixture(params=["spawned", "forked"])
def make_runner(request: pytest.FixtureRequest) -> Iterator[MakeRunner]:
    """Makes runners whose children run a Python file with some words, in either of the two ways."""
    made: list[Runner] = []

    def make(file: Path, *words: str, engine: str, sandbox: Sandbox = Sandbox.REQUIRE, **limits) -> Runner:
        command = (sys.executable, "-I", str(file), *words)
        if request.param == "spawned":
            return Runner(Limits(**limits), command=command, sandbox=sandbox)
        if not can_fork():
            pytest.skip("this system cannot fork as we need it")
        runner = Runner(
            Limits(**limits), command=command, forkserver=(*command, "server"), sandbox=sandbox, spares={engine: 1}
        )
        made.append(runner)
        runner.start()
        deadline = time.monotonic() + PATIENCE
        while not runner.forks(engine) and time.monotonic() < deadline:
            time.sleep(0.02)
        return runner

    yield make
    for runner in made:
        runner.close()
