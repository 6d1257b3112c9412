"""The official SDKs, unchanged, do the whole job against a running server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from environments import NODE_SDK, PYTHON_SDKS, node_sdk, python_sdk
from https_source import HttpsSource
from material import Material
from outputs import Shown, download, look_at
from plain_http import HTTP
from server_process import ServerProcess, environment

CLIENTS = Path(__file__).with_name("clients")
PYTHON = [f"python {version} {flavour}" for version in PYTHON_SDKS for flavour in ("sync", "async")]
SDKS = [*PYTHON, f"node {NODE_SDK}"]


def command_for(sdk: str) -> Sequence[str | Path]:
    """How the scenarios are run through an SDK named as in `SDKS`."""
    language, version, *flavour = sdk.split()
    if language == "node":
        return ["node", CLIENTS / "scenarios.mjs", "--sdk", node_sdk()]
    return [python_sdk(version), CLIENTS / "scenarios.py", "--flavour", *flavour]


@pytest.fixture(scope="module", params=SDKS)
def told(
    request: pytest.FixtureRequest, server: ServerProcess, key: str, source: HttpsSource, material: Material
) -> dict[str, Any]:
    """What an SDK lived through: all scenarios in one process, their answers by name."""
    options = {
        "base": server.url,
        "key": key,
        "clip": material.clip,
        "clip-url": source.url(material.clip.name),
        "long-clip": material.long_clip,
        "picture": material.picture,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [*command_for(request.param), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment({"NO_PROXY": "127.0.0.1"}),
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    assert answers["version"] == request.param.split()[1]
    return answers


@pytest.fixture(scope="module")
def original(material: Material) -> Shown:
    """The clip before any edit."""
    return look_at(material.clip)


def succeeded(answer: dict[str, Any]) -> Shown:
    """Check what every edit that ends well must have, and decode its output."""
    assert "error" not in answer, answer
    assert answer["created"]["estimatedCost"] == {"credits": 0}
    task = answer["task"]
    assert task["id"] == answer["created"]["id"]
    assert task["status"] == "SUCCEEDED"
    assert task["cost"] == {"credits": 0}
    assert "failure" not in task
    # Without cost fields the Python SDK would parse every task as pending. Node has no classes for them.
    assert answer["class"] in ("AwaitableSucceeded", "AsyncAwaitableSucceeded", None)
    assert answer["headers"]["refilm-engine"].startswith("effects")
    (url,) = task["output"]
    return look_at(download(url))


def same_frames(before: Shown, after: Shown) -> bool:
    """Whether both show as many frames at the same times, to within a millisecond."""
    return len(before.times) == len(after.times) and all(
        abs(then - now) < 0.001 for then, now in zip(before.times, after.times, strict=True)
    )


def test_an_https_clip_is_edited(told: dict[str, Any], original: Shown) -> None:
    """create + wait_for_task_output on an https URL end with a playable MP4 of the same frames, edited as asked."""
    shown = succeeded(told["https_input"])

    assert (shown.codec, shown.pixel_format, shown.size) == ("h264", "yuv420p", original.size)
    assert same_frames(original, shown)
    assert shown.faststart
    assert original.spread > 20
    assert shown.spread < 2


def test_the_second_base_path_serves_the_same(told: dict[str, Any], original: Shown) -> None:
    """Under /runwayml the same SDK does the same edit; `ratio` sets the output's size."""
    shown = succeeded(told["comet_path"])

    assert shown.size == (640, 480)
    assert same_frames(original, shown)
    assert shown.spread < 2


def test_a_clip_inside_the_request_is_edited(told: dict[str, Any], original: Shown) -> None:
    """A base64 data URI works as input."""
    shown = succeeded(told["data_uri"])

    assert same_frames(original, shown)
    assert shown.spread < 2


def test_an_uploaded_clip_is_edited_by_aleph2(told: dict[str, Any], original: Shown) -> None:
    """uploads.create_ephemeral gives a runway:// URI, and aleph2 answers on the same endpoint."""
    answer = told["upload_and_aleph2"]
    shown = succeeded(answer)

    assert answer["uri"].startswith("runway://")
    assert same_frames(original, shown)
    assert shown.spread < 2


def test_colours_come_from_the_reference(told: dict[str, Any], original: Shown) -> None:
    """With references[0] the clip's colours move towards those of the picture, which is orange."""
    shown = succeeded(told["references"])

    assert same_frames(original, shown)
    before, after = original.means.mean(axis=0), shown.means.mean(axis=0)
    assert after[0] - after[2] > before[0] - before[2] + 30


def test_an_unsupported_prompt_fails_by_name(told: dict[str, Any]) -> None:
    """What the engine cannot do ends FAILED with reason and code, uncharged; the helper raises TaskFailedError."""
    failure = told["failure"]

    assert failure["raised"] == "TaskFailedError", failure
    assert failure["task"]["status"] == "FAILED"
    assert failure["task"]["failureCode"] == "INPUT_PREPROCESSING.UNSUPPORTED"
    assert "dragon" in failure["task"]["failure"]
    assert failure["task"]["cost"] == {"credits": 0}
    assert failure.get("message", failure["task"]["failure"]) == failure["task"]["failure"]


def test_a_running_task_is_cancelled_by_delete(told: dict[str, Any]) -> None:
    """DELETE on a running task answers without a body; the task is then not found, to GET and to DELETE."""
    cancel = told["cancel"]

    assert cancel["seen"][-1] == "RUNNING", cancel
    assert cancel["deleted"] is None
    for refusal in (cancel["after"], cancel["again"]):
        assert (refusal["class"], refusal["status"]) == ("NotFoundError", 404)
        assert refusal["body"]["error"] == "Could not find Task"


def test_the_organization_and_its_usage_are_told(told: dict[str, Any]) -> None:
    """organization.retrieve and retrieve_usage parse, and count today's generations."""
    answer = told["organization"]

    assert "error" not in answer, answer
    assert set(answer["organization"]["tier"]["models"]) >= {"gen4_aleph", "aleph2"}
    assert answer["organization"]["usage"]["models"]["gen4_aleph"]["dailyGenerations"] > 0
    assert "results" in answer["usage"]


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("seed", "BadRequestError", 400),
        ("prompt", "BadRequestError", 400),
        ("model", "BadRequestError", 400),
        ("unknown_key", "BadRequestError", 400),
        ("missing_source", "BadRequestError", 400),
        ("version", "BadRequestError", 400),
        ("key", "AuthenticationError", 401),
        ("task", "NotFoundError", 404),
        ("path", "NotFoundError", 404),
    ],
)
def test_a_refusal_is_raised_by_its_class(told: dict[str, Any], name: str, kind: str, status: int) -> None:
    """Each kind of bad request raises the SDK's own class for it, with a sentence in `error`."""
    refusal = told["refusals"][name]

    assert (refusal["class"], refusal["status"]) == (kind, status), refusal
    assert isinstance(refusal["body"]["error"], str)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("seed", ["seed"]),
        ("prompt", ["promptText"]),
        ("model", ["model"]),
        ("unknown_key", []),
        ("missing_source", ["videoUri"]),
    ],
)
def test_a_bad_body_is_answered_with_issues(told: dict[str, Any], name: str, path: list[str]) -> None:
    """A body that does not validate is answered with issues that name the place."""
    body = told["refusals"][name]["body"]

    assert path in [issue["path"] for issue in body["issues"]], body
    assert body["docUrl"]


def test_outputs_are_served_in_parts(told: dict[str, Any]) -> None:
    """An output URL answers a Range request as a video player sends it, and HEAD."""
    (url,) = told["https_input"]["task"]["output"]
    whole = download(url)

    part = HTTP.get(url, headers={"Range": "bytes=100-299"})
    head = HTTP.head(url)

    assert part.status_code == 206
    assert part.content == whole[100:300]
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    assert head.status_code == 200
    assert int(head.headers["content-length"]) == len(whole)


def test_a_changed_output_url_is_refused(told: dict[str, Any]) -> None:
    """The signature covers the URL: with one character changed it opens nothing."""
    (url,) = told["https_input"]["task"]["output"]
    changed = url[:-1] + ("0" if url[-1] != "0" else "1")

    assert HTTP.get(changed).status_code in (401, 403, 404)


def test_sources_are_asked_as_documented(told: dict[str, Any], source: HttpsSource, material: Material) -> None:
    """An https source is looked at by HEAD before it is fetched by GET, by a fetcher that says who it is."""
    asked = [(method, agent) for method, path, agent in source.seen if path == f"/{material.clip.name}"]

    assert [method for method, _ in asked].index("HEAD") < [method for method, _ in asked].index("GET")
    assert all("Refilm" in agent or agent.startswith("RunwayML API/") for _, agent in asked)
