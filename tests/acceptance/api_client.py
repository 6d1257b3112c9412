"""The few API calls that tests make themselves, where no SDK is the point. Imports nothing of Refilm."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2
from plain_http import HTTP

#: How long a task of the tests may take, in seconds: a bound for a broken server, not a promise.
PATIENCE = 120.0
TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


class ApiClient:
    """One key on one server."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {key}", "X-Runway-Version": "2024-11-06"}

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """One request to `path` below /v1."""
        return HTTP.request(method, f"{self.url}/v1/{path}", headers=self.headers, **more)

    def upload(self, path: Path) -> str:
        """Upload in the contract's two steps; the runway:// URI."""
        slot = self.ask("POST", "uploads", json={"filename": path.name, "type": "ephemeral"}).json()
        with path.open("rb") as content:
            sent = HTTP.post(slot["uploadUrl"], data=slot["fields"], files={"file": content})
        assert sent.status_code in (200, 201, 204), sent.text
        return str(slot["runwayUri"])

    def create(self, video_uri: str, prompt: str, **more: Any) -> str:
        """Ask for an edit by gen4_aleph; the task's id."""
        body = {"model": "gen4_aleph", "videoUri": video_uri, "promptText": prompt, **more}
        answer = self.ask("POST", "video_to_video", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        """The task as it stands."""
        answer = self.ask("GET", f"tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def wait_for(self, task_id: str, *statuses: str) -> dict[str, Any]:
        """Poll until the task has one of `statuses`. Any other final status, or none in time, is an AssertionError."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            task = self.task(task_id)
            if task["status"] in statuses:
                return task
            assert task["status"] not in TERMINAL, task
            time.sleep(0.1)
        raise AssertionError(f"still {task['status']} after {PATIENCE:.0f} s")
