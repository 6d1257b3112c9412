"""Every way to fail that the reference names is brought about on a real server: its code, its tries, its refund."""

from __future__ import annotations

import asyncio
import base64
import io
import sys
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from https_source import HttpsSource
from PIL import Image

from refilm import workflow
from refilm.accounts import Caller
from refilm.bootstrap.process import Server, build
from refilm.config import Settings
from refilm.domain.edit import EditRequest, Model, OutputSpec, Reference
from refilm.domain.failures import CAUSES, Cause
from refilm.domain.task import MAX_ATTEMPTS, Task, TaskStatus
from refilm.runner.lockdown import Sandbox
from refilm.runner.process import Limits, Runner
from refilm.service import Service
from refilm.testing import make_clip

ODD_CHILD = Path(__file__).parents[1] / "unit" / "odd_child.py"
PATIENCE = 120.0
#: What the account may spend, before and after all of this.
CREDITS = 1_000_000


def data_uri(content: bytes, media_type: str = "video/mp4") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


class FadingSource(HttpsSource):
    """Answers HEAD as it should, and GET with an error: of /lasting.mp4 one that stays, of others one that may pass."""

    def _handler(self) -> type[SimpleHTTPRequestHandler]:
        class Fading(super()._handler()):  # type: ignore[misc]
            def do_GET(self) -> None:  # noqa: N802 - the base class looks for this name
                self.send_error(404 if "lasting" in self.path else 503)

        return Fading


class Desk:
    """A server that works, and an account on it whose credits are counted."""

    def __init__(self, data: Path, runner: Runner | None = None, **settings: Any) -> None:
        prices = dict.fromkeys(Model, 1.0)
        settings = {"sandbox": Sandbox.OFF, "spares": 0, "workers": 3, "prices": prices, **settings}
        self.server: Server = build(Settings(data=data, **settings), runner=runner)
        key = self.server.accounts.create_key("ann")
        self.server.accounts.set_credits("ann", CREDITS)
        self.caller: Caller = self.server.accounts.authenticate(key)
        self.server.start()

    def submit(self, video: str, prompt: str, model: Model = Model.GEN4_ALEPH, **members: Any) -> Task:
        request = EditRequest(model, video, prompt, seed=1, **members)
        return asyncio.run(self.server.service.submit(self.caller, request))

    def upload(self, content: bytes) -> str:
        """The URI of an upload that has arrived."""
        slot = asyncio.run(self.server.uploads.create(self.caller, "clip.mp4", ""))

        async def chunks() -> Any:
            yield content

        asyncio.run(self.server.uploads.receive(slot.fields, chunks()))
        return slot.runway_uri

    def ended(self, task: Task) -> Task:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            now = self.server.service.task(self.caller, task.id)
            if now.status.is_terminal:
                return now
            time.sleep(0.02)
        raise AssertionError(f"{task.id} did not end")


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Task]]:
    """Each cause by name, with the task that it ended. All of them on two servers, one after the other."""
    folder = tmp_path_factory.mktemp("failures")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(workflow, "RETRY_SECONDS", 0.01)
        patched.setattr(workflow, "FETCH_PAUSE_SECONDS", 0.01)
        yield {**bad_inputs(folder), **bad_engines(folder, patched)}


def bad_inputs(folder: Path) -> dict[str, Task]:
    """Tasks whose inputs or prompts are at fault, on a server as it is."""
    with FadingSource(folder, folder / "ca.pem") as source:
        limits = {"gen4_aleph_max_seconds": 3.0, "fetch_allow": (source.allow,), "fetch_ca_file": source.ca_file}
        desk = Desk(folder / "inputs", **limits)
        try:
            tasks = {
                **asked_clips(desk, folder, source),
                **asked_pictures(desk, folder),
                "upload-gone": gone(desk, folder),
            }
            ended = {name: desk.ended(task) for name, task in tasks.items()}
            assert desk.server.accounts.credits("ann") == CREDITS
        finally:
            desk.server.close()
    return ended


def asked_clips(desk: Desk, folder: Path, source: HttpsSource) -> dict[str, Task]:
    good = make_clip(folder / "lasting.mp4", seconds=1, rate=5, size=(64, 64)).read_bytes()
    (folder / "passing.mp4").write_bytes(good)

    def clip(name: str, **wishes: Any) -> str:
        wishes = {"seconds": 1, "rate": 5, "size": (64, 64), **wishes}
        return data_uri(make_clip(folder / name, **wishes).read_bytes())

    zeros = bytearray(good)
    start, end = zeros.index(b"mdat") + 4, zeros.index(b"moov") - 4
    zeros[start:end] = bytes(end - start)
    asked: dict[str, tuple[str, str, Model]] = {
        "no-clip": (data_uri(b"no clip at all, " * 50), "warmer", Model.GEN4_ALEPH),
        "cut-off": (data_uri(good[: len(good) // 2]), "warmer", Model.GEN4_ALEPH),
        "no-video": (data_uri(sound_alone(folder)), "warmer", Model.GEN4_ALEPH),
        "codec": (clip("odd.mkv", codec="mpeg2video"), "warmer", Model.GEN4_ALEPH),
        "undecodable": (data_uri(bytes(zeros)), "warmer", Model.GEN4_ALEPH),
        "picture-as-clip": (data_uri(picture("PNG")), "warmer", Model.GEN4_ALEPH),
        "too-short": (data_uri(good), "warmer", Model.ALEPH2),
        "too-long": (clip("long.mp4", seconds=4), "warmer", Model.GEN4_ALEPH),
        "too-large": (clip("wide.mp4", seconds=3, rate=1, size=(1936, 64)), "warmer", Model.ALEPH2),
        "too-many-pixels": (clip("huge.mp4", rate=1, size=(4096, 2304)), "warmer", Model.GEN4_ALEPH),
        "url-refused": (source.url("lasting.mp4"), "warmer", Model.GEN4_ALEPH),
        "url-away": (source.url("passing.mp4"), "warmer", Model.GEN4_ALEPH),
        "clause": (data_uri(good), "add a dragon that breathes fire", Model.GEN4_ALEPH),
    }
    tasks = {name: desk.submit(uri, prompt, model) for name, (uri, prompt, model) in asked.items()}
    same = OutputSpec(target_aspect_ratio="1:1")
    square = clip("square.mp4", seconds=2)
    return {**tasks, "no-change": desk.submit(square, "", Model.ALEPH2, output=same)}


def sound_alone(folder: Path) -> bytes:
    """An MP4 file with a sound track and nothing else."""
    import av

    whole, path = make_clip(folder / "both.mp4", seconds=1, size=(64, 64), audio="aac"), folder / "sound.mp4"
    with av.open(whole) as reading, av.open(path, "w") as writing:
        stream = writing.add_stream_from_template(reading.streams.audio[0])
        for packet in reading.demux(reading.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                writing.mux(packet)
    return path.read_bytes()


def picture(form: str, size: tuple[int, int] = (64, 64)) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, (200, 80, 20)).save(file, form)
    return file.getvalue()


def asked_pictures(desk: Desk, folder: Path) -> dict[str, Task]:
    video = data_uri((folder / "lasting.mp4").read_bytes())
    pictures = {
        "no-picture": b"no picture at all",
        "broken-picture": picture("PNG", (400, 400))[:-700],
        "large-picture": picture("PNG", (8000, 5100)),
    }
    prompt = "Match the colors of the reference image"
    return {
        name: desk.submit(video, prompt, references=(Reference(data_uri(content, "image/png")),))
        for name, content in pictures.items()
    }


def gone(desk: Desk, folder: Path) -> Task:
    """A task whose upload is removed while nobody works."""
    uri = desk.upload((folder / "lasting.mp4").read_bytes())
    desk.server.queue.drain()
    time.sleep(0.5)
    task = desk.submit(uri, "warmer")
    desk.server.store.write(lambda tx: tx.uploads.remove([uri.removeprefix("runway://")])).result()
    desk.server.queue.drain(False)
    return task


def bad_engines(folder: Path, patched: pytest.MonkeyPatch) -> dict[str, Task]:
    """Tasks whose engine or server is at fault, with an engine that does what the prompt says."""
    command = (sys.executable, "-I", str(ODD_CHILD))
    runner = Runner(Limits(idle_seconds=3), command=command, sandbox=Sandbox.OFF)
    desk = Desk(folder / "engines", runner, edit_seconds=5, workers=4)
    prompts = {
        "bad-output": "unplayable",
        "too-slow": "slowly",
        "standstill": "silently",
        "engine-died": "signal SIGKILL",
        "engine-broke": "raise",
        "engine-gave-up": "give-up",
        "no-room": "full",
        "server-fault": "copy",
        "server-killed": "slowly",
    }
    break_one(patched)
    try:
        uri = data_uri((folder / "lasting.mp4").read_bytes())
        tasks = {name: desk.submit(uri, prompt) for name, prompt in prompts.items() if name != "server-killed"}
        ended = {name: desk.ended(task) for name, task in tasks.items()}
        ended["server-killed"] = killed(desk, uri)
        assert desk.server.accounts.credits("ann") == CREDITS
    finally:
        desk.server.close()
    return ended


def break_one(patched: pytest.MonkeyPatch) -> None:
    """A fault of the server's own: what an edit made cannot be noted."""
    noted = Service.succeed

    def succeed(self: Service, task: Task, *arguments: Any) -> bool:
        if task.request.prompt_text == "copy":
            raise LookupError("a fault of ours")
        return noted(self, task, *arguments)

    patched.setattr(Service, "succeed", succeed)


def killed(desk: Desk, uri: str) -> Task:
    """What the next start makes of a task whose three attempts ended with their server."""
    desk.server.queue.drain()
    time.sleep(0.5)
    task, service = desk.submit(uri, "slowly"), desk.server.service
    for _ in range(MAX_ATTEMPTS):
        assert service.start(task.id) is not None
    assert service.start(task.id) is None
    return service.task(desk.caller, task.id)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_every_cause_ends_as_the_reference_says(cause: Cause, ends: dict[str, Task]) -> None:
    """FAILED with the code of its row, tried again or not, free, with a sentence that shows nothing of the inside."""
    task = ends[cause.name]

    assert (task.status, task.failure and task.failure.code) == (TaskStatus.FAILED, cause.code), task.failure
    assert task.attempt == (MAX_ATTEMPTS if cause.retried else 1)
    assert (task.credits, task.outputs) == (0, ())
    assert task.estimated_credits > 0
    assert task.failure is not None
    assert 15 < len(task.failure.message) < 600
    for sign in ("Traceback", "/", "Error", "sqlite", "LookupError", "a fault of ours"):
        assert sign not in task.failure.message.replace("MP4, MOV", ""), task.failure


def test_nothing_but_these_causes_is_tried(ends: dict[str, Task]) -> None:
    """Each row has its own task; what a row is about is told by its sentence, and no two rows of a code share one."""
    assert set(ends) == {cause.name for cause in CAUSES}
    told = [replace_numbers(task.failure.message) for task in ends.values() if task.failure]

    # The engine that died and the one that raised are told apart in the log, and not to the client.
    assert len(set(told)) >= len(told) - 1


def replace_numbers(text: str) -> str:
    return "".join("#" if character.isdigit() else character for character in text)


def test_what_is_tried_again_follows_from_the_error() -> None:
    """The table and the error classes say the same, but for a fault of the server's own, which would only repeat."""
    for cause in CAUSES:
        assert cause.retried is (cause.raised.retryable and cause.name != "server-fault"), cause
