"""A server whose bytes are in a bucket: the official SDK does the whole job, and the bucket may go away meanwhile."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from api_client import ApiClient
from environments import NODE_SDK, PYTHON_SDKS
from material import Material
from outputs import download, look_at
from plain_http import HTTP
from server_process import ServerProcess, environment
from test_official_sdks import command_for, succeeded

from s3_server import S3Server

GREY = "Make it black and white"


def variables(s3_server: S3Server, prefix: str) -> dict[str, str]:
    """The environment of a server over that part of the bucket."""
    return {f"REFILM_{name.upper()}": value for name, value in s3_server.settings(prefix).items()}


class Place:
    """A server over a part of a bucket of its own."""

    def __init__(self, s3_server: S3Server, data: Path, more: Mapping[str, str]) -> None:
        prefix = f"test-{uuid.uuid4().hex[:12]}"
        self.data = data
        self.server = ServerProcess(data, {**variables(s3_server, prefix), **more})
        self._store = s3_server.store(prefix)

    def keys(self, below: str) -> set[str]:
        """What is in the bucket below that."""
        return {found["path"] for found in self._store.list(below).collect()}

    def files(self) -> list[Path]:
        """What of assets is on the server's own disk."""
        folders = (self.data / "assets", self.data / "scratch")
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def place(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server whose clients go to the bucket themselves."""
    place = Place(s3_server, tmp_path_factory.mktemp("bucket") / "data", {})
    with place.server:
        yield place


@pytest.fixture(scope="module")
def client(place: Place) -> ApiClient:
    """A key on it."""
    return ApiClient(place.server.url, place.server.new_key("bucket"))


@pytest.mark.parametrize("sdk", [f"python {PYTHON_SDKS[0]} sync", f"node {NODE_SDK}"])
def test_an_official_sdk_does_the_whole_job(
    place: Place, client: ApiClient, material: Material, s3_server: S3Server, sdk: str
) -> None:
    """Upload, create, wait and download work unchanged; the clip comes from the bucket, and the output goes there."""
    options = {
        "base": place.server.url,
        "key": client.headers["Authorization"].removeprefix("Bearer "),
        "clip": material.clip,
        "clip-url": "https://unused.example/clip.mp4",
        "long-clip": material.long_clip,
        "picture": material.picture,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [*command_for(sdk), *arguments, "upload_and_aleph2"],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment({"NO_PROXY": "127.0.0.1"}),
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)["upload_and_aleph2"]

    task_id, shown = answer["task"]["id"], succeeded(answer)
    assert shown.spread < 2
    assert len(shown.times) == len(look_at(material.clip).times)
    assert answer["task"]["output"][0].startswith(s3_server.endpoint)
    assert place.keys(f"outputs/{task_id}") == {f"outputs/{task_id}/1.mp4"}
    assert place.files() == []


def check_output(place: Place, client: ApiClient, material: Material) -> str:
    """Edit a clip, download the output in parts, delete it. Returns its URL."""
    task_id = client.create(client.upload(material.clip), GREY)
    (url,) = client.wait_for(task_id, "SUCCEEDED")["output"]
    whole = download(url)

    part = HTTP.get(url, headers={"range": "bytes=100-299"})
    client.ask("DELETE", f"tasks/{task_id}")

    assert look_at(whole).spread < 2
    assert (part.status_code, part.content) == (206, whole[100:300])
    assert part.headers["content-disposition"] == f'attachment; filename="{task_id}.mp4"'
    assert HTTP.get(url).status_code == 404
    assert place.keys(f"outputs/{task_id}") == place.keys(f"inputs/{task_id}") == set()
    return str(url)


def test_an_output_is_downloaded_in_parts_and_deleted(
    place: Place, client: ApiClient, material: Material, s3_server: S3Server
) -> None:
    """The bucket's URL takes Range, names the file and ends with the task; then the bucket has nothing of it."""
    assert check_output(place, client, material).startswith(s3_server.endpoint)


def test_a_bucket_that_nobody_else_sees_is_served_by_us(
    s3_server: S3Server, material: Material, tmp_path: Path
) -> None:
    """With s3_links=false uploads and outputs pass through the server, with Range, and nothing stays on its disk."""
    place = Place(s3_server, tmp_path / "data", {"REFILM_S3_LINKS": "false"})
    with place.server:
        client = ApiClient(place.server.url, place.server.new_key("bucket"))
        assert check_output(place, client, material).startswith(place.server.url)

    assert place.files() == []


def test_an_input_inside_the_request_leaves_with_its_task(place: Place, client: ApiClient, material: Material) -> None:
    """A data URI's clip is in the bucket while its task needs it, and no longer."""
    clip = base64.b64encode(material.clip.read_bytes()).decode()
    task_id = client.create(f"data:video/mp4;base64,{clip}", GREY)
    client.wait_for(task_id, "SUCCEEDED")

    assert place.keys(f"inputs/{task_id}") == set()


def test_a_bucket_that_goes_away_costs_no_task(
    place: Place, client: ApiClient, material: Material, s3_server: S3Server
) -> None:
    """Without it polls and deletes go on, creates that need it get 503, /ready says no; with it the task succeeds."""
    clip = base64.b64encode(material.clip.read_bytes()).decode()
    body = {"model": "gen4_aleph", "videoUri": f"data:video/mp4;base64,{clip}", "promptText": GREY}
    uri = client.upload(material.clip)
    done = client.create(uri, GREY)
    client.wait_for(done, "SUCCEEDED")
    waiting = client.create(uri, GREY)
    try:
        s3_server.stop()
        deleted = client.ask("DELETE", f"tasks/{done}")
        refused = client.ask("POST", "video_to_video", json=body)
        ready = HTTP.get(f"{place.server.url}/ready")
        polled = client.task(waiting)
    finally:
        s3_server.start()

    assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
    assert (ready.status_code, ready.json()["checks"]["assets"]) == (503, "failing: Unavailable")
    assert (deleted.status_code, client.ask("GET", f"tasks/{done}").status_code) == (204, 404)
    assert polled["status"] in ("PENDING", "RUNNING", "SUCCEEDED")
    assert client.wait_for(waiting, "SUCCEEDED")
    assert client.wait_for(client.create(uri, GREY), "SUCCEEDED")
