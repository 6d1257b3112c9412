"""Every way in which a file of a stranger gets into a server, and how each such try ended.

A file is uploaded and used, or sent as a data URI; as the clip, as a reference, as a keyframe; or given to the command.
Knows nothing of what the files are.
"""

from __future__ import annotations

import base64
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from server_process import REFILM, environment

TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED")
#: How long anything may take on a machine that has other things to do, in seconds; and how often a task is looked at.
PATIENCE, LOOK = 300.0, 0.03
#: Where a URI may stand: its path in the body.
PLACES: dict[str, list[str | int]] = {
    "clip": ["videoUri"],
    "reference": ["references", 0, "uri"],
    "keyframe": ["keyframes", 0, "uri"],
}
PROMPT = "Make it black and white"


@dataclass(frozen=True)
class End:
    """How a try ended. kind: "refused" as an input that cannot be used, "edited", or "odd".

    told: what the client was told.  seconds: from when the server had the file to the end.
    """

    kind: str
    told: str
    seconds: float


class Doors:
    """A client with one key, and a clip and a picture that are fine."""

    def __init__(self, url: str, key: str, clip: Path, picture: Path) -> None:
        headers = {"Authorization": f"Bearer {key}", "X-Runway-Version": "2024-11-06"}
        self.client = httpx2.Client(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE)
        self.clip, self.picture = clip, picture
        self.clip_uri, _ = self.upload(clip.name, clip.read_bytes())
        #: Everything that any answer said.
        self.heard: list[bytes] = []

    def upload(self, filename: str, content: bytes) -> tuple[str, float]:
        """The runway:// URI of a file, and how many seconds its upload took. Raises ValueError where it is refused."""
        slot = self.client.post("/v1/uploads", json={"filename": filename, "type": "ephemeral"}).json()
        began = time.monotonic()
        sent = httpx2.post(
            slot["uploadUrl"],
            data=slot["fields"],
            files={"file": (filename, content)},
            trust_env=False,
            timeout=PATIENCE,
        )
        if sent.status_code >= 300:
            raise ValueError(f"the upload was answered {sent.status_code} {sent.text}")
        return str(slot["runwayUri"]), time.monotonic() - began

    def body(self, place: str, uri: str) -> dict[str, Any]:
        """A create with `uri` at that place, and nothing else to complain about."""
        body: dict[str, Any] = {"model": "gen4_aleph", "videoUri": self.clip_uri, "promptText": PROMPT}
        if place == "clip":
            body["videoUri"] = uri
        elif place == "reference":
            body["references"] = [{"type": "image", "uri": uri}]
        else:
            body |= {"model": "aleph2", "keyframes": [{"uri": uri, "seconds": 0}]}
        return body

    def uploaded(self, place: str, filename: str, content: bytes) -> End:
        """Upload the file and use it there."""
        try:
            uri, seconds = self.upload(filename, content)
        except ValueError as refused:
            return End("odd", str(refused), 0.0)
        end = self.create(place, uri)
        return End(end.kind, end.told, end.seconds + seconds)

    def inside(self, place: str, media_type: str, content: bytes) -> End:
        """Send the file as a data URI there."""
        return self.create(place, f"data:{media_type};base64," + base64.b64encode(content).decode())

    def create(self, place: str, uri: str) -> End:
        """Ask for an edit, and wait for how it ends."""
        began = time.monotonic()
        answer = self.client.post("/v1/video_to_video", json=self.body(place, uri))
        self.heard.append(answer.content)
        if answer.status_code == 200:
            return self.end_of(answer.json()["id"], began)
        issues = answer.json().get("issues", [])
        right = answer.status_code == 400 and issues and all(issue["path"] == PLACES[place] for issue in issues)
        return End("refused" if right else "odd", f"{answer.status_code} {answer.text}", time.monotonic() - began)

    def end_of(self, task_id: str, began: float) -> End:
        """How a task ends that was asked for at that moment of the monotonic clock."""
        while time.monotonic() - began < PATIENCE:
            answer = self.client.get(f"/v1/tasks/{task_id}")
            task = answer.json()
            if task["status"] in TERMINAL:
                self.heard.append(answer.content)
                return End(_kind(task), f"{task.get('failureCode')}: {task.get('failure')}", time.monotonic() - began)
            time.sleep(LOOK)
        return End("odd", f"{task['status']} after {PATIENCE:.0f} s", PATIENCE)

    def outputs_of(self, task_id: str) -> list[bytes]:
        """The bytes that came out of a task."""
        task = self.client.get(f"/v1/tasks/{task_id}").json()
        return [httpx2.get(url, trust_env=False, timeout=PATIENCE).content for url in task.get("output", [])]

    def close(self) -> None:
        """Hang up."""
        self.client.close()


def _kind(task: dict[str, Any]) -> str:
    if task["status"] == "SUCCEEDED":
        return "edited"
    return "refused" if task.get("failureCode") == "ASSET.INVALID" else "odd"


def commanded(clip: Path, *more: str | Path, output: Path, settings: dict[str, str]) -> End:
    """Edit a file by the command, without a server.  more: further arguments."""
    command = [REFILM, "edit", clip, *more, "--prompt", PROMPT, "-o", output]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment(settings))
    told, seconds = done.stdout + done.stderr, time.monotonic() - began
    if done.returncode == 0:
        return End("edited", told, seconds)
    clean = done.returncode == 1 and "Traceback" not in told and not output.exists()
    return End("refused" if clean else "odd", f"{done.returncode} {told}", seconds)
