"""The steps of a task on a real server in this process: store, queue, children and all. Only the engine is odd."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest

from refilm.accounts import Caller
from refilm.bootstrap.process import Server, build
from refilm.config import Settings
from refilm.domain.clip import ClipInfo
from refilm.domain.edit import EditRequest, Model, OutputSpec
from refilm.domain.task import MAX_ATTEMPTS, Task, TaskStatus
from refilm.domain.upload import Upload
from refilm.errors import NotFound, StorageFull, Unavailable
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Runner
from refilm.testing import decode_times, make_clip
from refilm.workflow import LEAST_EDIT_SECONDS, Allowance

ODD_CHILD = Path(__file__).with_name("odd_child.py")
ANN = Caller("ann", "k1")
#: How long anything may take on a machine that is busy with other things.
PATIENCE = 60.0


class House:
    """A server in this process, and what a test wants of it."""

    def __init__(self, data: Path, *, odd: bool = True, **settings: Any) -> None:
        self.data = data
        runner = Runner(command=(sys.executable, "-I", str(ODD_CHILD)), sandbox=Sandbox.OFF) if odd else None
        self.server: Server = build(Settings(data=data, port=0, spares=0, **settings), runner=runner)

    def start(self) -> House:
        """Begin to work."""
        self.server.start()
        return self

    def uploaded(self, path: Path) -> str:
        """The runway:// URI of a file that was uploaded, as if its probe had found a short clip."""
        server, token = self.server, f"token-{path.name}-0123456789"
        now = server.service._now()
        facts = ClipInfo("mp4", "h264", "yuv420p", 64, 64, 64, 64, duration=Fraction(3)).to_json()

        def insert(tx: Any) -> None:
            if tx.uploads.get(token) is None:
                tx.uploads.insert(Upload(token, "ann", path.name, now, now.replace(year=now.year + 1)))
                tx.uploads.complete(token, key=f"uploads/{token}", size=1, kind="video", facts=facts, problem=None)

        with server.service._assets.writer(f"uploads/{token}") as file:
            file.write(path.read_bytes())
        server.store.write(insert).result(10)
        return f"runway://{token}"

    def submit(self, path: Path, prompt: str, model: Model = Model.GEN4_ALEPH, **members: Any) -> Task:
        """Ask for an edit of an uploaded file."""
        request = EditRequest(model, self.uploaded(path), prompt, seed=1, **members)
        return asyncio.run(self.server.service.submit(ANN, request))

    def task(self, task: Task) -> Task:
        """The task now."""
        return self.server.service.task(ANN, task.id)

    def wait(self, what: Callable[[], Any], words: str) -> Any:
        """Return what `what` gives once it is something."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(0.02)
        raise AssertionError(f"waited in vain: {words}")

    def ended(self, task: Task) -> Task:
        """The task, once it is finished."""
        self.wait(lambda: self.task(task).status.is_terminal, f"the end of {self.task(task)}")
        return self.task(task)

    def at_work(self, task: Task) -> Task:
        """The task, once its engine has told progress."""
        self.wait(lambda: self.task(task).progress > 0, "progress")
        return self.task(task)

    def delete(self, task: Task) -> None:
        """Cancel or delete it."""
        asyncio.run(self.server.service.delete(ANN, task.id))

    def outputs(self) -> set[str]:
        """The keys of outputs and of files being written."""
        root = self.data / "assets"
        found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        return {key for key in found if not key.startswith("uploads/")}


#: What other tests of the same run started and use still, such as a server of theirs.
_others: set[int] = set()


@pytest.fixture(autouse=True)
def _look_at_others() -> None:
    """Note what runs already when a test begins."""
    _others.clear()
    _others.update(children())


def children() -> list[int]:
    """The processes that the test at hand started."""
    return [child.pid for child in psutil.Process().children(recursive=True) if child.pid not in _others]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of three seconds."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", seconds=3, rate=5, size=(64, 64))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server for the tests that do not stop it. Two of its tasks run at once."""
    house = House(tmp_path_factory.mktemp("house"), workers=2).start()
    yield house
    house.server.close()


# on the shared server


def test_a_task_walks_to_its_end(house: House, clip: Path):
    """From create to SUCCEEDED: one output, what was applied, times in order, the upload still there."""
    task = house.submit(clip, "copy")

    done = house.ended(task)

    assert (done.status, done.attempt, done.progress) == (TaskStatus.SUCCEEDED, 1, 1.0)
    assert done.outputs == (f"outputs/{task.id}/1.mp4",)
    assert done.applied["copied"] is True
    assert done.created_at <= done.started_at <= done.finished_at
    (url,) = house.server.service.output_urls(done, "")
    assert url.startswith("/files/outputs/")
    assert (house.data / "assets" / done.outputs[0]).read_bytes() == clip.read_bytes()


def test_ignored_members_are_recorded(house: House, clip: Path):
    """What the request carried without effect stands in the task's record."""
    done = house.ended(house.submit(clip, "copy", ignored=("proresProfile",)))

    assert done.applied["ignored"] == ["proresProfile"]


def test_a_refused_prompt_ends_failed_with_its_clauses(house: House, clip: Path):
    """UnsupportedEdit becomes FAILED with Runway's code, free; refused and possible clauses are in the record."""
    done = house.ended(house.submit(clip, "refuse"))

    assert (done.status, done.failure.code) == (TaskStatus.FAILED, "INPUT_PREPROCESSING.UNSUPPORTED")
    assert done.applied == {"refused": [{"text": "a dog", "reason": "It adds things."}], "possible": ["warm"]}
    assert (done.credits, done.outputs) == (0, ())


def test_a_disk_without_room_ends_failed_with_its_sentence(house: House, clip: Path):
    """INTERNAL, because another try may find room, and the reason in words."""
    done = house.ended(house.submit(clip, "full"))

    assert (done.status, done.failure.code, done.credits) == (TaskStatus.FAILED, "INTERNAL", 0)
    assert "no room" in done.failure.message


@pytest.mark.parametrize("prompt", ["signal SIGKILL", "raise", "lie"])
def test_a_crash_ends_failed_and_is_not_repeated_for_ever(house: House, clip: Path, monkeypatch, prompt: str):
    """An engine that dies is tried again, three times in all; then its task ends FAILED INTERNAL, with nothing left."""
    monkeypatch.setattr("refilm.workflow.RETRY_SECONDS", 0.01)

    done = house.ended(house.submit(clip, prompt))

    assert (done.status, done.failure.code, done.credits) == (TaskStatus.FAILED, "INTERNAL", 0)
    assert "ZeroDivisionError" not in done.failure.message
    assert f"broke off {MAX_ATTEMPTS} times" in done.failure.message
    assert done.attempt == MAX_ATTEMPTS
    assert not any(done.id in key for key in house.outputs())


def test_what_is_no_clip_ends_asset_invalid(house: House, tmp_path: Path):
    """Bytes that nobody can decode are the asset's fault, and the sentence says so."""
    (tmp_path / "garbage.mp4").write_bytes(b"garbage" * 500)

    done = house.ended(house.submit(tmp_path / "garbage.mp4", "copy"))

    assert (done.status, done.failure.code) == (TaskStatus.FAILED, "ASSET.INVALID")
    assert len(done.failure.message) > 20


def test_a_clip_outside_the_models_limits_ends_asset_invalid(house: House, tmp_path: Path):
    """What create could not know, the task finds: aleph2 takes no clip under two seconds."""
    short = make_clip(tmp_path / "short.mp4", seconds=1, rate=5, size=(64, 64))

    done = house.ended(house.submit(short, "copy", Model.ALEPH2))

    assert (done.status, done.failure.code) == (TaskStatus.FAILED, "ASSET.INVALID")
    assert "at least 2 s" in done.failure.message


def test_an_upload_that_is_gone_ends_asset_invalid(house: House, clip: Path):
    """An input that vanished between create and fetch is told as such."""
    uri = house.uploaded(clip)
    token = uri.removeprefix("runway://")
    (house.data / "assets" / "uploads" / token).unlink()

    done = house.ended(asyncio.run(house.server.service.submit(ANN, EditRequest(Model.GEN4_ALEPH, uri, "copy", 1))))

    assert (done.status, done.failure.code) == (TaskStatus.FAILED, "ASSET.INVALID")
    house.uploaded(clip)


def test_a_cancelled_edit_stops_and_leaves_nothing(house: House, clip: Path):
    """Within seconds of the DELETE its process is gone and so is what it had written; the next task runs."""
    task = house.submit(clip, "slowly")
    house.at_work(task)
    (child,) = children()

    house.delete(task)

    with pytest.raises(NotFound):
        house.task(task)
    house.wait(lambda: not psutil.pid_exists(child), "the end of the child")
    house.wait(lambda: not any(task.id in key or "scratch" in key for key in house.outputs()), "clean assets")
    assert house.ended(house.submit(clip, "copy")).status is TaskStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("verb", "prompt", "status"),
    [
        ("start", "copy", "SUCCEEDED"),
        ("progress", "copy", "SUCCEEDED"),
        ("succeed", "copy", "SUCCEEDED"),
        ("fail", "invalid", "FAILED"),
    ],
)
def test_a_database_that_is_full_for_a_while_costs_no_task(house: House, clip: Path, monkeypatch, verb, prompt, status):
    """Whichever write of a task finds no room at first, the task comes to its own end once there is room again."""
    write, refusals = getattr(house.server.service, verb), [StorageFull("no room"), Unavailable("locked")]

    def cramped(*arguments: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return write(*arguments)

    monkeypatch.setattr("refilm.workflow.WRITE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(house.server.service, verb, cramped)

    done = house.ended(house.submit(clip, prompt))

    assert refusals == []
    assert (done.status, done.attempt) == (status, 1)


def test_another_server_on_the_same_folder_is_refused(house: House):
    """One folder, one server; the sentence says what to do, and the first one is not disturbed."""
    with pytest.raises(Unavailable, match=r"Another Refilm server .*--data"):
        build(Settings(data=house.data))

    assert house.server.service.readiness()["ready"]


# with servers of their own, after the shared one


@pytest.fixture
def opened(house: House) -> Iterator[list[House]]:
    """Servers that the test opened; closed at its end. One process runs one server, so the shared one is closed."""
    house.server.close()
    houses: list[House] = []
    yield houses
    for one in houses:
        one.server.close()


def test_an_interrupted_edit_is_taken_up_and_succeeds_once(opened: list[House], tmp_path: Path, clip: Path):
    """A server that is closed in the middle of an edit stops within seconds; the next one on the folder brings the
    task to exactly one SUCCEEDED with one output, and the broken attempt does not count.
    """
    first = House(tmp_path / "data", workers=1).start()
    task = first.submit(clip, "slowly")
    first.at_work(task)
    before = first.server.store.read(lambda tx: tx.connection.exec_driver_sql("SELECT * FROM operation_outputs").all())
    first.server.close()
    assert children() == []

    second = House(tmp_path / "data", odd=False, workers=1)
    opened.append(second)
    handed_back = second.task(task)
    change = EditRequest(**{**vars(task.request), "prompt_text": "Make it warmer"})
    retold(second, task, change)
    done = second.start().ended(task)

    assert [row.function_name for row in before] == ["fetch", "check", "interpret"]
    assert (handed_back.status, handed_back.attempt) == (TaskStatus.RUNNING, 0)
    assert (done.status, done.attempt, len(done.outputs)) == (TaskStatus.SUCCEEDED, 1, 1)
    assert second.outputs() == set(done.outputs)
    assert len(decode_times(second.data / "assets" / done.outputs[0])) == 15
    steps = second.server.store.read(
        lambda tx: tx.connection.exec_driver_sql("SELECT function_name FROM operation_outputs").scalars().all()
    )
    assert steps == ["fetch", "check", "interpret", "edit"]


STRANGE = "Like a qwrtz of old"


def test_what_an_interpreter_said_is_kept_over_a_restart(opened: list[House], tmp_path: Path, clip: Path, chat_server):
    """The chat model is asked once for a task; a resumed task is edited by that answer, and its record tells it."""
    settings = {"workers": 1, "chat_url": chat_server.url, "chat_model": "small-model"}
    chat_server.plan(("sepia", {}, STRANGE))
    first = House(tmp_path / "data", **settings)
    opened.append(first)
    task = first.start().submit(clip, f"slowly now. {STRANGE}")
    first.at_work(task)
    opened.pop().server.close()
    chat_server.plan(("noir", {}, STRANGE))

    second = House(tmp_path / "data", odd=False, **settings)
    opened.append(second)
    retold(second, task, EditRequest(**{**vars(task.request), "prompt_text": f"Make it warmer. {STRANGE}"}))
    done = second.start().ended(task)

    assert done.status is TaskStatus.SUCCEEDED
    assert {step["operator"] for step in done.applied["plan"]["steps"]} == {"warm", "sepia"}
    assert any("by the chat model small-model" in sentence for sentence in done.applied["explanation"])
    assert len(chat_server.asked) == 1


def test_a_chat_model_that_fails_leaves_the_task_to_the_lexicon(
    opened: list[House], tmp_path: Path, clip: Path, chat_server
):
    """What the lexicon reads is done, what it cannot read is refused, and the record says why nobody helped."""
    chat_server.status = lambda body: 503
    house = House(tmp_path / "data", odd=False, workers=1, chat_url=chat_server.url, partial_edits=True)
    opened.append(house)

    done = house.start().ended(house.submit(clip, f"sepia. {STRANGE}"))

    assert done.status is TaskStatus.SUCCEEDED
    assert [step["operator"] for step in done.applied["plan"]["steps"]] == ["sepia"]
    assert any("503" in note for note in done.applied["notes"])


def test_a_cancelled_task_waits_for_no_chat_model(opened: list[House], tmp_path: Path, clip: Path, chat_server):
    """Cancelling reaches a task that waits for an answer: the only worker takes the next one."""
    chat_server.seconds = 10 * PATIENCE
    house = House(tmp_path / "data", workers=1, chat_url=chat_server.url, chat_seconds=600)
    opened.append(house)
    task = house.start().submit(clip, STRANGE)
    house.wait(lambda: chat_server.asked, "the question")

    house.delete(task)

    assert house.ended(house.submit(clip, "copy")).status is TaskStatus.SUCCEEDED


def retold(house: House, task: Task, request: EditRequest) -> None:
    """Let the stored task ask for something else: the odd engine's endless edit could not be finished by anybody."""
    import json

    house.server.store.write(
        lambda tx: (
            tx.connection.exec_driver_sql(
                "UPDATE tasks SET request = ? WHERE id = ?", (json.dumps(request.to_json()), task.id)
            ).rowcount
        )
    ).result(10)


def test_without_workers_tasks_are_accepted_and_wait(opened: list[House], tmp_path: Path, clip: Path):
    """workers=0 takes tasks and runs none; the same folder with a worker runs them, with the real engine."""
    idle = House(tmp_path / "data", workers=0).start()
    task = idle.submit(clip, "Make it warmer", output=OutputSpec((48, 48)))
    idle.server.admission.wake()
    idle.server.store.write(lambda tx: None).result(10)
    waiting = idle.task(task)
    idle.server.close()

    busy = House(tmp_path / "data", odd=False, workers=1)
    opened.append(busy)
    done = busy.start().ended(task)

    assert (waiting.status, waiting.attempt) == (TaskStatus.PENDING, 0)
    assert (done.status, done.applied["size"]) == (TaskStatus.SUCCEEDED, [48, 48])


# pure


@pytest.mark.parametrize(
    ("frames", "seconds", "rate", "expected"),
    [
        (0, 1, 25, LEAST_EDIT_SECONDS),
        (250, 10, 25, 500.0),
        (1, 10, 25, 500.0),
        (0, 10, None, 1200.0),
        (10**9, 10, 25, 3600.0),
        (0, 600, 60, 3600.0),
    ],
)
def test_an_edits_time_follows_its_size(frames: int, seconds: int, rate: int | None, expected: float):
    """Seconds grow with frames and pixels between a floor and a ceiling; a container that lies gains nothing."""
    size = (2000, 1000)
    frame_rate = Fraction(rate) if rate else None
    info = ClipInfo("mp4", "h264", "yuv420p", *size, *size, Fraction(seconds), frame_rate, frames)

    assert Allowance(most=3600, per_megapixel_frame=1.0).seconds(info) == expected
