"""Children that wait for work: one job each, replaced when used or dead, and gone with their owner. Real children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model
from refilm.errors import EngineCrash
from refilm.runner.forks import ForkServer, can_fork
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Runner
from refilm.runner.spawn import Child, OnTick, go_on, spawning

ODD_CHILD = Path(__file__).parents[1] / "odd_child.py"
COMMAND = (sys.executable, "-I", str(ODD_CHILD))
FORKSERVER = (*COMMAND, "server")
NEEDS_FORKS = pytest.mark.skipif(not can_fork(), reason="this system cannot fork as we need it")
INFO = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(2))
#: How long anything may take on a machine that is busy with other things.
PATIENCE = 60.0


@pytest.fixture(params=["spawned", pytest.param("forked", marks=NEEDS_FORKS)])
def runner(request) -> Iterator[Runner]:
    """A runner that keeps two children for edits and one for probes."""
    forkserver = FORKSERVER if request.param == "forked" else None
    runner = Runner(command=COMMAND, forkserver=forkserver, sandbox=Sandbox.OFF, spares={"odd": 2, None: 1})
    runner.start()
    yield runner
    runner.close()
    assert waiting() == set()
    assert fork_servers() == []


def descendants() -> list[psutil.Process]:
    """What this process and its children have started with the odd engine."""
    return [child for child in psutil.Process().children(recursive=True) if str(ODD_CHILD) in cmdline(child)]


def cmdline(process: psutil.Process) -> list[str]:
    """How it was started, by itself or what it was forked from; nothing for one that is gone."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def fork_servers() -> list[psutil.Process]:
    """Those of our children that make others."""
    mine = os.getpid()
    return [child for child in descendants() if child.ppid() == mine and cmdline(child)[-1] == "server"]


def waiting() -> set[int]:
    """The processes that wait for work in this process's name, or do it."""
    servers = {server.pid for server in fork_servers()}
    return {child.pid for child in descendants() if child.pid not in servers}


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or waits for its burial."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def full(runner: Runner) -> bool:
    return runner.spares() == {"odd": 2, None: 1}


def copied(runner: Runner, prompt: str = "copy", on_tick: OnTick = go_on):
    """The outcome of an edit by the odd engine."""
    with tempfile.TemporaryFile() as clip, tempfile.TemporaryFile(buffering=0) as output:
        clip.write(b"a clip")
        clip.seek(0)
        request = EditRequest(Model.GEN4_ALEPH, "local:", prompt, seed=1)
        return runner.edit("odd", request, INFO, [clip, output], options={}, seconds=60, on_tick=on_tick)


def test_a_job_takes_a_spare_and_another_takes_its_place(runner):
    """An edit begins in a child that was there before it, which ends with it, and a new one is made."""
    until(lambda: full(runner))
    before = waiting()

    assert copied(runner).frames == 50

    until(lambda: full(runner))
    after = waiting()
    assert len(after) == len(before) == 3
    assert len(before - after) == 1


def test_more_jobs_than_spares_are_done_all_the_same(runner):
    """Who finds no spare gets a child of its own."""
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(copied(runner))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert [outcome.frames for outcome in outcomes] == [50] * 5
    until(lambda: full(runner))


def test_a_spare_that_dies_is_replaced(runner):
    """A waiting child that is killed is buried, and no job is given to it."""
    until(lambda: full(runner))
    before = waiting()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(is_dead(pid) for pid in before))

    assert copied(runner).frames == 50

    until(lambda: full(runner) and not waiting() & before)


def test_a_crash_costs_its_child_alone(runner):
    """A child that dies at work takes no spare along."""
    with pytest.raises(EngineCrash):
        copied(runner, "signal SIGSEGV")

    assert copied(runner).frames == 50


def test_nothing_is_kept_before_the_start_or_after_the_end():
    """Without `start` there are no spares; `close` ends them all, twice if asked, and jobs can still be done."""
    runner = Runner(command=COMMAND, sandbox=Sandbox.OFF, spares={"odd": 1})
    assert waiting() == set()
    runner.close()
    runner = Runner(command=COMMAND, sandbox=Sandbox.OFF, spares={"odd": 1})
    runner.start()
    runner.start()
    until(lambda: runner.spares() == {"odd": 1})
    runner.close()
    runner.close()

    assert waiting() == set()
    assert copied(runner).frames == 50


def test_closing_does_not_wait_for_a_child_that_warms_up():
    """A child that never gets ready is ended with the spares, and what it cost before is a pause between tries."""
    command = (sys.executable, "-I", "-c", "import time; time.sleep(600)", str(ODD_CHILD))
    runner = Runner(command=command, sandbox=Sandbox.OFF, spares={"odd": 1})
    runner.start()
    until(lambda: len(waiting()) == 1)

    runner.close()

    assert waiting() == set()


@pytest.mark.parametrize("forkserver", [[], pytest.param(["server"], marks=NEEDS_FORKS)])
def test_spares_are_gone_with_a_parent_that_is_killed(forkserver):
    """A parent that gets no chance to close leaves no waiting child behind, and no fork server."""
    script = (
        "import sys, time; from refilm.runner.lockdown import Sandbox; from refilm.runner.process import Runner\n"
        "command, forkserver = sys.argv[1:4], sys.argv[1:] if sys.argv[4:] else None\n"
        "runner = Runner(command=command, forkserver=forkserver, sandbox=Sandbox.OFF, spares={'odd': 1, None: 1})\n"
        "runner.start()\n"
        "while sum(runner.spares().values()) < 2: time.sleep(0.02)\n"
        "print('ready', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, *COMMAND, *forkserver]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        spares = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
        parent.kill()

    assert len(spares) == (4 if forkserver else 2)
    until(lambda: all(is_dead(pid) for pid in spares))


@NEEDS_FORKS
def test_a_fork_server_that_dies_is_replaced():
    """Its waiting children go with it; jobs are done meanwhile, and soon there is another."""
    runner = Runner(command=COMMAND, forkserver=FORKSERVER, sandbox=Sandbox.OFF, spares={"odd": 1})
    runner.start()
    until(lambda: runner.spares() == {"odd": 1})
    (server,) = fork_servers()
    (spare,) = waiting()

    server.kill()
    until(lambda: is_dead(spare))

    def replaced() -> bool:
        assert copied(runner).frames == 50
        return [new.pid for new in fork_servers()] not in ([], [server.pid])

    until(replaced)
    runner.close()
    assert descendants() == []


@NEEDS_FORKS
def test_a_job_whose_fork_server_dies_is_a_crash():
    """A child at work ends with what it was forked from, and that is told as the end of any child is."""
    runner = Runner(command=COMMAND, forkserver=FORKSERVER, sandbox=Sandbox.OFF, spares={"odd": 1})
    runner.start()
    until(lambda: runner.spares() == {"odd": 1})
    (server,) = fork_servers()

    with pytest.raises(EngineCrash) as told:
        copied(runner, "slowly", lambda fraction: fraction == 0 or server.kill() is None)

    assert "exit status -9" in told.value.__notes__[0]
    runner.close()


@NEEDS_FORKS
def test_a_child_that_ends_at_once_is_ended_whole():
    """A child may be ended before it has run a single instruction; its status is the fork server's to tell."""
    server = ForkServer(FORKSERVER, {"engine": None})
    for message in server.process.follow(PATIENCE, go_on):
        assert message == {"ready": {}}
        break
    for _ in range(20):
        with Child(server.fork, {}) as child:
            child.kill()
            assert child.wait() == -signal.SIGKILL
            assert not psutil.pid_exists(child.pid)

    server.close()
    server.close()
    with pytest.raises(EngineCrash):
        Child(server.fork, {})
    assert descendants() == []


def test_a_command_that_is_not_there_leaves_nothing_open():
    """What was opened for a child that could not be started is closed again."""
    before = psutil.Process().num_fds()

    with pytest.raises(FileNotFoundError):
        Child(spawning(("/nowhere/python",)), {})

    assert psutil.Process().num_fds() == before


def test_a_child_that_cannot_start_is_not_tried_without_end(caplog):
    """Where children fail at once there is a line in the log and a pause, and `close` does not wait for it."""
    runner = Runner(command=(sys.executable, "-c", ""), sandbox=Sandbox.OFF, spares={"odd": 1})
    runner.start()
    until(lambda: "no child process could be made ready" in caplog.text)

    runner.close()

    assert caplog.text.count("no child process could be made ready") < 5
