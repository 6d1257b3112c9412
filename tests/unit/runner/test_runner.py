"""The runner, with real child processes: what they may see, how they end, and that none is left behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import psutil
import pytest

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model, OutputFormat, OutputSpec, Reference
from refilm.errors import (
    BadOutput,
    Cancelled,
    EditFailure,
    EngineCrash,
    InvalidAsset,
    StorageFull,
    TooExpensive,
    UnsupportedEdit,
)
from refilm.media.rehearsal import tiny_picture
from refilm.runner import spawn
from refilm.runner.forks import can_fork
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Limits, Runner, failure_from
from refilm.testing import decode_times

ODD_CHILD = Path(__file__).parents[1] / "odd_child.py"
DOOMED_PARENT = Path(__file__).with_name("doomed_parent.py")
INFO = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(2))
#: How long a process that must go may take, on a machine that is busy with other things.
PATIENCE = 20.0
NEEDS_FORKS = pytest.mark.skipif(not can_fork(), reason="this system cannot fork as we need it")


@pytest.fixture
def clip(tmp_path) -> Path:
    """A file that passes for a clip with the odd engine."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"bytes of a clip" * 100)
    return path


COMMAND = (sys.executable, "-I", str(ODD_CHILD))
FORKSERVER = (*COMMAND, "server")


@pytest.fixture(scope="module")
def forking() -> Iterator[Runner]:
    """A runner that has fork servers for the odd engine and for probes."""
    runner = Runner(command=COMMAND, forkserver=FORKSERVER, sandbox=Sandbox.OFF, spares={"odd": 1, None: 1})
    runner.start()
    deadline = time.monotonic() + PATIENCE
    while sum(runner.spares().values()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield runner
    runner.close()


@pytest.fixture(params=["spawned", pytest.param("forked", marks=NEEDS_FORKS)])
def odd(request) -> Runner:
    """A runner whose engine does what the prompt says, and may: what a lock would deny it is tested elsewhere.

    Its children are started by a command, or forked.
    """
    if request.param == "forked":
        return request.getfixturevalue("forking")
    return Runner(command=COMMAND, sandbox=Sandbox.OFF)


def edit(
    runner: Runner,
    clip: Path,
    prompt: str,
    *,
    seconds: float = 60,
    on_tick=spawn.go_on,
    output=None,
    wanted: OutputSpec | None = None,
):
    """The outcome of an edit by the odd engine."""
    request = EditRequest(Model.GEN4_ALEPH, "local:", prompt, seed=1, output=wanted or OutputSpec())
    with clip.open("rb") as source, tempfile.TemporaryFile() as scratch:
        files = [source, output or scratch]
        return runner.edit("odd", request, INFO, files, options={}, seconds=seconds, on_tick=on_tick)


def gone(pid: int) -> bool:
    """Whether a process ends within our patience. A zombie whose parent is elsewhere counts as gone."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


#: What other tests of the same run started and use still, such as a server of theirs.
_others: set[int] = set()


def running() -> set[int]:
    """The children that the test at hand started."""
    return {child.pid for child in psutil.Process().children()} - _others


@pytest.fixture(autouse=True)
def _no_child_left(request):
    """After every test, this process has the children that it had before."""
    if "odd" in request.fixturenames:
        request.getfixturevalue("odd")  # whose fork servers live longer than a test
    _others.clear()
    _others.update(running())
    yield
    assert running() == set()


# probe


def test_a_clip_is_probed_in_a_child(make_clip):
    """A clip's facts come back from the child."""
    path = make_clip(seconds=2, size=(320, 180))

    with path.open("rb") as file:
        info = Runner().probe_clip(file)

    assert (info.width, info.height, info.duration, info.video_codec) == (320, 180, 2, "h264")


def test_a_picture_is_told_from_a_clip(tmp_path):
    """A picture is found to be one, and is no clip."""
    from PIL import Image

    Image.new("RGB", (30, 20)).save(tmp_path / "picture.png")

    with (tmp_path / "picture.png").open("rb") as file:
        found = Runner().probe(file)
        file.seek(0)
        with pytest.raises(InvalidAsset, match="picture"):
            Runner().probe_clip(file)

    assert found == {"kind": "image", "facts": {"format": "PNG", "width": 30, "height": 20}}


@pytest.mark.parametrize("content", [b"", b"garbage " * 5000, b"\x00\x00\x00\x18ftypmp42" + bytes(400)])
def test_what_is_neither_is_invalid(tmp_path, content):
    """Garbage, an empty file and a broken container are InvalidAsset with a sentence."""
    (tmp_path / "x").write_bytes(content)

    with (tmp_path / "x").open("rb") as file, pytest.raises(InvalidAsset) as told:
        Runner().probe(file)

    assert len(str(told.value)) > 20


# the real engine


def test_an_edit_by_the_real_engine(make_clip, tmp_path):
    """The effects engine edits a clip in the real child: progress is told, the output plays and has the size."""
    source, fractions = make_clip(seconds=1, rate=10, size=(160, 90)), []
    request = EditRequest(Model.GEN4_ALEPH, "local:", "Make it warmer", seed=1, output=OutputSpec((128, 72)))

    with source.open("rb") as video, (tmp_path / "out.mp4").open("w+b", buffering=0) as output:
        info = Runner().probe_clip(video)
        outcome = Runner().edit(
            "effects",
            request,
            info,
            [video, output],
            options={},
            seconds=120,
            on_tick=lambda fraction: fractions.append(fraction) or True,
        )
        output.seek(0)
        after = Runner().probe_clip(output)

    assert outcome.frames == 10
    assert outcome.applied["seed"] == 1
    assert (after.width, after.height, after.video_codec) == (128, 72, "h264")
    assert len(decode_times(tmp_path / "out.mp4")) == 10
    assert fractions == sorted(fractions)


def test_a_prompt_that_cannot_be_done_is_refused_in_full(make_clip):
    """The engine's refusal crosses the process border with its clauses and with what was possible."""
    source = make_clip(seconds=1, rate=5, size=(64, 64))
    request = EditRequest(Model.GEN4_ALEPH, "local:", "Make it warmer and add a dog", seed=1)

    with source.open("rb") as video, tempfile.TemporaryFile() as output:
        info = Runner().probe_clip(video)
        with pytest.raises(UnsupportedEdit) as told:
            Runner().edit("effects", request, info, [video, output], options={}, seconds=60, on_tick=spawn.go_on)

    assert any("dog" in clause for clause, _ in told.value.refused)
    assert told.value.possible


# what crosses the border


def test_files_and_outcome_cross(odd, clip, tmp_path):
    """The child reads the clip it was handed and writes the output it was handed."""
    with (tmp_path / "out").open("w+b", buffering=0) as output:
        outcome = edit(odd, clip, "copy", output=output)

    assert (tmp_path / "out").read_bytes() == clip.read_bytes()
    assert (outcome.applied["copied"], outcome.frames) == (True, 50)


def test_many_files_keep_their_order(odd, clip, tmp_path):
    """References and output arrive where the request says."""
    content = tiny_picture("PNG")
    (tmp_path / "picture").write_bytes(content)
    request = EditRequest(Model.GEN4_ALEPH, "local:", "copy", references=(Reference("a"),) * 3)

    with clip.open("rb") as video, (tmp_path / "picture").open("rb") as picture, io.FileIO(tmp_path / "o", "w+") as out:
        odd.edit(
            "odd", request, INFO, [video, picture, picture, picture, out], options={}, seconds=60, on_tick=spawn.go_on
        )

    assert (tmp_path / "o").read_bytes() == clip.read_bytes()
    assert (tmp_path / "picture").read_bytes() == content


def test_a_reference_that_is_no_picture_is_refused_though_no_engine_looks_at_it(odd, clip, tmp_path):
    """What a request carries is judged, also where the prompt does not speak of it."""
    request = EditRequest(Model.GEN4_ALEPH, "local:", "copy", references=(Reference("a"),))

    with clip.open("rb") as video, clip.open("rb") as reference, io.FileIO(tmp_path / "o", "w+") as out:
        files = [video, reference, out]
        with pytest.raises(InvalidAsset, match="not a picture"):
            odd.edit("odd", request, INFO, files, options={}, seconds=60, on_tick=spawn.go_on)


def test_a_child_sees_nothing_but_its_files(odd, clip, tmp_path, monkeypatch):
    """No secret of the environment, no open file or socket of the server, no folder of it reaches the child."""
    monkeypatch.setenv("REFILM_API_KEY", "key_secret")
    monkeypatch.setenv("RUNWAYML_API_SECRET", "key_secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with (tmp_path / "server.sqlite").open("w") as open_file:
        os.set_inheritable(open_file.fileno(), True)
        applied = edit(odd, clip, "look").applied

    assert "key_secret" not in applied["environment"].values()
    allowed = {*spawn.ENVIRONMENT, *spawn.INHERITED, "PWD", "SHLVL", "_", "LC_CTYPE"}
    assert set(applied["environment"]) <= allowed
    assert applied["cwd"] == "/"
    links = applied["links"]
    files = [link for link in links.values() if link.startswith("/") and not link.startswith(("/dev/", "/proc/"))]
    deleted = [link for link in files if link.endswith("(deleted)")]
    assert set(files) - set(deleted) == {str(clip)}
    assert len(deleted) == 2  # the output and the child's standard error
    assert sum(link.startswith("socket:") for link in links.values()) == 1
    assert not any("server.sqlite" in link for link in links.values())


# how it can go wrong


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_a_child_that_dies_is_a_crash(odd, clip, name):
    """A child that a signal ends is an EngineCrash whose note names how it ended."""
    with pytest.raises(EngineCrash) as told:
        edit(odd, clip, f"signal {name}")

    assert f"exit status {-getattr(signal, name)}" in told.value.__notes__[0]


def test_an_engines_own_bug_is_a_crash_with_its_trace(odd, clip):
    """Any exception that is not of our tree ends as EngineCrash: its kind and place in the note, what it says apart."""
    with pytest.raises(EngineCrash) as told:
        edit(odd, clip, "raise")

    assert "ZeroDivisionError < " in told.value.__notes__[0]
    assert "odd_child.py:" in told.value.__notes__[0]
    assert "by the engine" not in told.value.__notes__[0]
    assert "ZeroDivisionError: by the engine" in told.value.words
    assert "ZeroDivisionError" not in str(told.value)


def test_a_child_cannot_write_into_the_note():
    """Of what a child says of its end, only what has the form of a place is taken for one."""
    frames = ["engine.py:12 edit", "x.py:1 a b", "a stranger's words", 7]
    crash = failure_from({"error": "Odd", "message": "?", "frames": frames, "trace": "prompt"}, 2, "", has_job=True)
    nameless = failure_from({"error": "not a name", "message": "?", "frames": "x"}, 2, "noise", has_job=True)

    assert crash.__notes__ == ["exit status 2; Odd < engine.py:12 edit"]
    assert nameless.__notes__ == ["exit status 2; it did not say why"]
    assert isinstance(nameless, EngineCrash)
    assert nameless.words == "noise"


def test_our_errors_cross_as_what_they_are(odd, clip):
    """InvalidAsset and UnsupportedEdit come out as they were raised."""
    with pytest.raises(InvalidAsset, match="damaged"):
        edit(odd, clip, "invalid")
    with pytest.raises(UnsupportedEdit) as told:
        edit(odd, clip, "refuse")

    assert told.value.refused == (("a dog", "It adds things."),)
    assert told.value.possible == ("warm",)


def test_done_without_a_clean_exit_is_a_crash(odd, clip):
    """A child that says it is done and then fails to exit cleanly has not succeeded."""
    with pytest.raises(EngineCrash) as told:
        edit(odd, clip, "lie")

    assert "exit status 3" in told.value.__notes__[0]


def test_a_child_that_never_speaks_is_a_crash(clip):
    """A command that exits at once, and one that cannot read the protocol, are crashes and not hangs."""
    with pytest.raises(EngineCrash, match="ended unexpectedly"):
        edit(Runner(command=(sys.executable, "-c", "")), clip, "copy")


def test_cancel_ends_the_child(odd, clip):
    """A tick that answers no stops the work: Cancelled is raised and the child is dead when it is."""
    with tempfile.TemporaryFile(buffering=0) as output:
        with pytest.raises(Cancelled):
            edit(odd, clip, "slowly", on_tick=lambda fraction: fraction == 0, output=output)

        assert not psutil.pid_exists(writer_of(output))


def test_an_error_in_a_tick_ends_the_child_too(odd, clip):
    """Whatever a tick raises passes, and the child is dead when it does."""

    def on_tick(fraction: float) -> bool:
        if fraction > 0:
            raise KeyboardInterrupt
        return True

    with tempfile.TemporaryFile(buffering=0) as output:
        with pytest.raises(KeyboardInterrupt):
            edit(odd, clip, "slowly", on_tick=on_tick, output=output)

        assert not psutil.pid_exists(writer_of(output))


def writer_of(output: IO[bytes]) -> int:
    """The process that wrote what the odd engine writes when it works slowly."""
    output.seek(0)
    return int(output.read().split()[-1])


@pytest.mark.parametrize("prompt", ["slowly", "silently"])
def test_the_wall_limit_ends_the_child(odd, clip, prompt):
    """An edit past its time is TooExpensive, whether it reports progress or not."""
    with pytest.raises(TooExpensive, match="longer than the 1 s"):
        edit(odd, clip, prompt, seconds=1)


def test_offspring_do_not_outlive_their_child(odd, clip):
    """A process that an engine started is gone after the edit, be it done or crashed."""
    with pytest.raises(EngineCrash) as told:
        edit(odd, clip, "offspring-and-crash")
    after_crash = int(told.value.words.partition("pid=")[2].split()[0])

    after_success = edit(odd, clip, "offspring").applied["pid"]

    assert gone(after_crash)
    assert gone(after_success)


def test_an_output_cannot_outgrow_its_limit(clip):
    """Writing past the file limit is an error inside the child, not a full disk."""
    command = (sys.executable, "-I", str(ODD_CHILD))
    small = Runner(Limits(file_bytes=100_000), command=command, sandbox=Sandbox.OFF)

    with pytest.raises(EngineCrash) as told, tempfile.TemporaryFile(buffering=0) as output:
        edit(small, clip, "large", output=output)

    assert told.value.__notes__


def test_a_full_disk_is_told_as_such(odd, clip):
    """What an engine says of a disk without room comes out of the child as it went in."""
    with pytest.raises(StorageFull, match="no room for the edited clip"):
        edit(odd, clip, "full")


def test_an_engine_is_not_asked_for_what_it_does_not_write(odd, clip):
    """A format that the engine does not name is refused before the engine sees the request."""
    wanted = OutputSpec(format=OutputFormat.PRORES)

    with pytest.raises(UnsupportedEdit, match="writes mp4 and not prores"):
        edit(odd, clip, "copy", wanted=wanted)


@pytest.mark.parametrize("prompt", ["slowly", "silently"])
def test_a_killed_parent_takes_its_child_along(clip, prompt):
    """kill -9 of the process that started an edit ends the edit, whether that would have noticed by itself or not."""
    parent = subprocess.Popen(
        [sys.executable, str(DOOMED_PARENT), str(ODD_CHILD), str(clip), prompt], stdout=subprocess.PIPE, text=True
    )
    with parent:
        child = int(parent.stdout.readline())
        assert psutil.pid_exists(child)
        parent.kill()

    assert gone(child)


def test_failures_are_named_from_what_the_child_said():
    """Each error of the tree comes back as its own class; names that are none of ours are crashes."""
    for error in (InvalidAsset, BadOutput, TooExpensive, EditFailure):
        back = failure_from({"error": error.__name__, "message": "why"}, 2, "")
        assert (type(back), str(back)) == (error, "why")

    assert type(failure_from({"error": "Cancelled", "message": "x"}, 2, "")) is EngineCrash
    assert type(failure_from({"progress": 0.5}, 0, "")) is EngineCrash
