"""What a child can do once it is locked: its work, and nothing else. With real children and a real kernel."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest
from probing_child import ATTEMPTS

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model
from refilm.errors import EngineCrash, TooExpensive, Unavailable
from refilm.runner.lockdown import Controls, Sandbox, available, ruleset
from refilm.runner.process import Runner, check_controls
from refilm.runner.spawn import fraction_of, go_on, read_message

PROBING_CHILD = Path(__file__).with_name("probing_child.py")
INFO = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(2))

pytestmark = pytest.mark.skipif(
    bool(available().missing()),
    reason=f"this machine lacks {available().missing()}, and no child can be locked in full",
)


@pytest.fixture
def probing(make_runner) -> Callable[..., Runner]:
    """Makes runners whose engine tries to get out."""
    return partial(make_runner, PROBING_CHILD, engine="probing")


def attempt(runner: Runner, prompt: str, *, seconds: float = 120, output=None):
    """The outcome of an edit by the probing engine."""
    request = EditRequest(Model.GEN4_ALEPH, "local:", prompt, seed=1)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile(buffering=0) as scratch:
        source.write(b"bytes of a clip")
        source.seek(0)
        files = [source, output or scratch]
        return runner.edit("probing", request, INFO, files, options={}, seconds=seconds, on_tick=go_on)


def test_no_way_out(probing):
    """From inside a locked child, every attempt at a file, a network, a process or an odd door of the kernel fails."""
    applied = attempt(probing(), "attempts").applied

    assert {name: told for name, told in applied.items() if not told.startswith("denied")} == {}
    assert set(applied) == set(ATTEMPTS)
    assert len(ATTEMPTS) >= 50
    assert not Path("/tmp/refilm-probe-should-not-exist").exists()


def test_work_is_possible(probing):
    """A locked child reads and writes the files that it was handed, on threads of its own, and has random numbers."""
    with tempfile.TemporaryFile(buffering=0) as output:
        outcome = attempt(probing(), "work", output=output)
        output.seek(0)
        assert output.read() == b"bytes of a clip"

    assert outcome.applied == {"threads": "allowed", "random": 8}


def test_memory_is_limited(probing):
    """A child that takes ever more memory is told no at its limit, and the host never notices."""
    told = attempt(probing(memory_bytes=2 << 30), "hog").applied["memory"]

    assert int(told.split()[2]) < 2048


def test_processor_time_is_limited(probing):
    """A child that only spins is ended by the kernel after the time that it may use, whatever its parent does."""
    with pytest.raises(EngineCrash) as told:
        attempt(probing(cpu_seconds=1), "spin")

    assert "exit status -24" in told.value.__notes__[0]  # SIGXCPU


def test_silence_is_limited(probing):
    """A child that says nothing for too long is ended, long before its time is over."""
    with pytest.raises(TooExpensive, match="standstill"):
        attempt(probing(idle_seconds=1), "silence", seconds=600)


@pytest.mark.parametrize(("prompt", "status"), [("abort", -6), ("crash", -11)])
def test_a_locked_child_can_crash(probing, prompt, status):
    """A crash under the lock is a crash, told by its signal, and no hang."""
    with pytest.raises(EngineCrash) as told:
        attempt(probing(), prompt)

    assert f"exit status {status}" in told.value.__notes__[0]


def test_garbage_from_a_child_is_a_crash(probing):
    """A child that was taken over and speaks nonsense costs one attempt and nothing else."""
    with pytest.raises(EngineCrash) as told:
        attempt(probing(), "garbage")

    assert "no JSON" in told.value.__notes__[0]


def test_a_thread_from_before_the_lock_is_refused(probing):
    """An engine that leaves a thread behind gets no job: that thread would not be locked."""
    with pytest.raises(EngineCrash) as told:
        attempt(probing("thread"), "work")

    assert "threads are left over" in told.value.__notes__[0]


def test_a_child_that_is_not_locked_gets_no_job(probing):
    """Where the kernel lacks Landlock and filters, `require` hands out no clip and names the one setting to change."""
    with pytest.raises(Unavailable, match=r"landlock, seccomp.*REFILM_SANDBOX=best-effort"):
        attempt(probing("unlocked"), "work")

    assert attempt(probing("unlocked", sandbox=Sandbox.BEST_EFFORT), "work").frames == 1


def test_the_real_child_says_what_holds():
    """A real child is locked in full here, says so, and what it says is what the machine offers."""
    assert Runner().controls() == available()
    assert Runner(sandbox=Sandbox.OFF).controls() == Controls()


def test_controls_are_read_with_care():
    """A child that says less, or nonsense, lacks what it does not say."""
    for told in (None, [], {}, {"landlock": True, "seccomp": 1}, {"limits": "yes"}):
        lacking = Controls.from_json(told)
        assert "landlock" in lacking.missing()
        assert "seccomp" in lacking.missing()
        with pytest.raises(Unavailable):
            check_controls(Sandbox.REQUIRE, lacking)
        check_controls(Sandbox.BEST_EFFORT, lacking)
    whole = Controls(True, True, True, 7, True)
    assert Controls.from_json(whole.to_json()) == whole
    assert whole.told() == "limits, no new privileges, private, Landlock 7, seccomp"
    check_controls(Sandbox.REQUIRE, whole)


def test_rulesets_grow_with_the_kernel():
    """Each version of Landlock's interface is asked for all the rights that it knows, in the size that it knows."""
    assert [len(ruleset(version)) for version in (1, 2, 3, 4, 5, 6, 9)] == [8, 8, 8, 16, 16, 24, 24]
    assert ruleset(1) == (0x1FFF).to_bytes(8, "little")
    assert ruleset(5)[:8] == (0xFFFF).to_bytes(8, "little")


def test_words_of_a_child_are_judged():
    """Progress outside 0..1, of another type or not a number at all leaves the last one standing."""
    for told in (-1, 2, "0.5", None, float("nan"), []):
        assert fraction_of({"progress": told}, 0.25) == 0.25
    assert fraction_of({"progress": 1}, 0.25) == 1.0
    for line in (b"", b"[]", b"\xff", b"1", b"[" * 100_000):
        with pytest.raises(EngineCrash):
            read_message(line)
