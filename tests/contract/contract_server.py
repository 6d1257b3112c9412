"""The real server behind the contract tests: everything that `refilm serve` builds, with no worker.

Tasks are brought into a status through the service itself, as the workflow would. Nothing is fetched from anywhere:
inputs are uploads and data URIs.
"""

from __future__ import annotations

import asyncio
import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
from PIL import Image

from refilm.accounts import Caller
from refilm.assets.local import LocalAssets
from refilm.bootstrap.process import Server, build
from refilm.config import Settings
from refilm.domain.edit import EditRequest, Model, OutputFormat, OutputSpec
from refilm.domain.task import Failure, Task
from refilm.media.probe import probe
from refilm.service import output_key
from refilm.testing import make_clip

BASE = "http://127.0.0.1:8000"
VERSION = {"x-runway-version": "2024-11-06"}
STATUSES = ("PENDING", "THROTTLED", "RUNNING", "SUCCEEDED", "FAILED")


class ContractServer:
    """One server, two accounts, inputs ready to be named, and an event loop to drive it all."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clip = make_clip(folder / "clip.mp4", seconds=2, size=(64, 64))
        self.server: Server = build(Settings(data=folder / "data", workers=0, docs_url="https://docs.test", **settings))
        self.keys = {name: self.server.accounts.create_key(name) for name in ("owner", "stranger", "idle")}
        self.runner = asyncio.Runner()
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.server.app, raise_app_exceptions=False), base_url=BASE
        )
        picture = io.BytesIO()
        Image.new("RGB", (32, 32), (200, 80, 20)).save(picture, "PNG")
        self.values: dict[str, str] = {
            "image": self.upload("picture.png", picture.getvalue() + bytes(512)),
            "video": self.upload("clip.mp4", self.clip.read_bytes()),
            "image_data": "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode(),
            "video_data": "data:video/mp4;base64," + base64.b64encode(self.clip.read_bytes()).decode(),
        }

    def close(self) -> None:
        """Let go of everything."""
        self.runner.run(self.client.aclose())
        self.server.close()
        self.runner.close()

    def send(self, method: str, path: str, *, key: str | None = "owner", **more: Any) -> httpx2.Response:
        """One request, with the key of that account."""
        headers = {**({"authorization": f"Bearer {self.keys[key]}"} if key else {}), **more.pop("headers", {})}
        return self.runner.run(self.client.request(method, path, headers=headers, **more))

    def upload(self, name: str, content: bytes) -> str:
        """Upload a file in two steps; returns its runway:// URI."""
        made = self.send("POST", "/v1/uploads", json={"filename": name, "type": "ephemeral"}, headers=VERSION).json()
        stored = self.send("POST", made["uploadUrl"], key=None, data=made["fields"], files={"file": (name, content)})
        assert stored.status_code == 204, stored.text
        return str(made["runwayUri"])

    def task(self, status: str, account: str = "owner", output_format: OutputFormat = OutputFormat.MP4) -> Task:
        """A new task of that account, in that status."""
        caller = self.server.accounts.authenticate(self.keys[account])
        model = Model.GEN4_ALEPH if output_format is OutputFormat.MP4 else Model.ALEPH2
        output = OutputSpec(format=output_format)
        request = EditRequest(model, self.values["video"], "make it warmer", seed=7, output=output)
        task = self.runner.run(self._submit(caller, request))
        if status == "THROTTLED":
            # Admission alone throttles, and it needs workers; the row is what the API shows.
            task = replace(task, id=task.id[:-4] + "7407", status="THROTTLED")
            self.server.store.insert_task(task).result()
        elif status != "PENDING":
            self._run(task.id, status)
        return task

    async def _submit(self, caller: Caller, request: EditRequest) -> Task:
        if request.video_uri == self.values["video"] and caller.account != self._owner:
            request = replace(request, video_uri=self.values["video_data"])
        return await self.server.service.submit(caller, request)

    @property
    def _owner(self) -> str:
        return self.server.accounts.authenticate(self.keys["owner"]).account

    def _run(self, task_id: str, status: str) -> None:
        service = self.server.service
        started = service.start(task_id)
        assert started is not None
        assert service.progress(started, 0.45)
        if status == "FAILED":
            refused = Failure('This engine cannot do "add a dragon".', "INPUT_PREPROCESSING.UNSUPPORTED")
            assert service.fail(started, refused, {"refused": [["add a dragon", "it cannot invent content"]]})
        elif status == "SUCCEEDED":
            key = output_key(task_id, started.attempt, started.request.output.format)
            with LocalAssets(self.server.settings.data / "assets").writer(key) as file:
                file.write(self.clip.read_bytes())
            with self.clip.open("rb") as source:
                assert service.succeed(started, (key,), probe(source), {"engine": "effects", "seed": 7})
