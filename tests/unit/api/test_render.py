"""The poll body in each status: Runway's members and no others, and CometAPI's envelope beside them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from refilm.api.render import created, iso_time, polled
from refilm.api.tasks import described
from refilm.domain.edit import EditRequest, Model
from refilm.domain.task import Failure, Task, TaskStatus

AT = datetime(2026, 11, 22, 8, 0, 0, 123_456, UTC)
URL = "http://127.0.0.1:8000/files/outputs/t/1.mp4?expires=1"
TASK = Task(
    id="3f0c",
    account="a",
    request=EditRequest(Model.GEN4_ALEPH, "runway://clip", "snow"),
    status=TaskStatus.PENDING,
    created_at=AT,
    engine="effects",
    estimated_credits=75,
)
STARTED = {"started_at": AT + timedelta(seconds=3), "attempt": 1}
ENDED = STARTED | {"finished_at": AT + timedelta(seconds=9), "credits": 30}
BARE = {"id": "3f0c", "createdAt": "2026-11-22T08:00:00.123Z"}

STATUSES: list[tuple[Task, dict[str, Any], dict[str, Any]]] = [
    (
        TASK,
        {"status": "PENDING", "estimatedCost": {"credits": 75}},
        {"status": "QUEUED", "progress": "0%"},
    ),
    (
        replace(TASK, status=TaskStatus.THROTTLED),
        {"status": "THROTTLED", "estimatedCost": {"credits": 75}},
        {"status": "QUEUED", "progress": "0%"},
    ),
    (
        replace(TASK, status=TaskStatus.RUNNING, progress=0.45678, **STARTED),
        {"status": "RUNNING", "progress": 0.4568, "estimatedCost": {"credits": 75}},
        {"status": "IN_PROGRESS", "progress": "45%", "start_time": 1795334403},
    ),
    (
        replace(TASK, status=TaskStatus.SUCCEEDED, outputs=("outputs/t/1.mp4",), **ENDED),
        {"status": "SUCCEEDED", "output": [URL], "cost": {"credits": 30}},
        {
            "status": "SUCCESS",
            "progress": "100%",
            "start_time": 1795334403,
            "finish_time": 1795334409,
            "result_url": URL,
        },
    ),
    (
        replace(TASK, status=TaskStatus.FAILED, failure=Failure("No.", "ASSET.INVALID"), **(ENDED | {"credits": 0})),
        {"status": "FAILED", "failure": "No.", "failureCode": "ASSET.INVALID", "cost": {"credits": 0}},
        {
            "status": "FAILURE",
            "progress": "100%",
            "start_time": 1795334403,
            "finish_time": 1795334409,
            "fail_reason": "No.",
        },
    ),
    (
        replace(TASK, status=TaskStatus.CANCELLED, finished_at=AT + timedelta(seconds=9), credits=0),
        {"status": "CANCELLED", "cost": {"credits": 0}},
        {"status": "FAILURE", "progress": "100%", "finish_time": 1795334409},
    ),
]


@pytest.mark.parametrize(("task", "members", "envelope"), STATUSES, ids=[case[0].status.value for case in STATUSES])
def test_each_status_has_its_members_and_no_others(
    task: Task, members: dict[str, Any], envelope: dict[str, Any]
) -> None:
    """Members that do not belong to the status are absent, never null; the envelope repeats the bare object."""
    urls = [URL] if task.outputs else []

    body = json.loads(polled(task, urls))

    bare = BARE | members
    data = {
        "task_id": "3f0c",
        "action": "VIDEO_TO_VIDEO",
        "fail_reason": "",
        "submit_time": 1795334400,
        "start_time": 0,
        "finish_time": 0,
        "result_url": "",
        **envelope,
        "data": bare,
    }
    assert body == {**bare, "code": "success", "message": "", "data": data}


def test_all_six_statuses_are_covered() -> None:
    """The table above names every status."""
    assert {task.status for task, _, _ in STATUSES} == set(TaskStatus)


@pytest.mark.parametrize(
    ("progress", "sent", "percent"), [(-1, 0.0, "0%"), (0.57, 0.57, "57%"), (0.99999, 1.0, "100%"), (2, 1.0, "100%")]
)
def test_progress_stays_within_its_bounds(progress: float, sent: float, percent: str) -> None:
    """Progress is 0 to 1, and whole percent, rounded down without the errors of binary fractions."""
    body = json.loads(polled(replace(TASK, status=TaskStatus.RUNNING, progress=progress), []))

    assert (body["progress"], body["data"]["progress"]) == (sent, percent)


def test_create_answers_two_members() -> None:
    """Both families of clients read `id`; nothing else could be mistaken for it."""
    assert json.loads(created(TASK)) == {"id": "3f0c", "estimatedCost": {"credits": 75}}


def test_times_are_in_utc_with_milliseconds() -> None:
    """A moment of any zone is written as JavaScript writes it, also on a full second."""
    there = datetime(2026, 11, 22, 16, 0, 0, tzinfo=timezone(timedelta(hours=8)))

    assert iso_time(there) == "2026-11-22T08:00:00.000Z"


def test_the_extension_shortens_data_uris() -> None:
    """A clip inside the request is not sent back by our own extension."""
    task = replace(TASK, request=replace(TASK.request, video_uri="data:video/mp4;base64," + "A" * 5000))

    shown = described(task, [])["request"]["video_uri"]

    assert len(shown) < 100
    assert "5022 characters" in shown
