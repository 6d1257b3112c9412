"""A task as the dialects show it: one body that Runway's and CometAPI's clients can both read. Pure.

At the top lies Runway's object for the status, members that do not belong to it left out; beside it `code`, `message`
and `data`, the envelope that CometAPI's clients unwrap. The two sets of names do not overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from refilm.domain.task import Task, TaskStatus

#: CometAPI's words. It has none for a cancelled task.
_COMET_STATUS = {
    TaskStatus.PENDING: "QUEUED",
    TaskStatus.THROTTLED: "QUEUED",
    TaskStatus.RUNNING: "IN_PROGRESS",
    TaskStatus.SUCCEEDED: "SUCCESS",
    TaskStatus.FAILED: "FAILURE",
    TaskStatus.CANCELLED: "FAILURE",
}


def iso_time(moment: datetime) -> str:
    """A moment in UTC with milliseconds, as JavaScript writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def created(task: Task) -> bytes:
    """The answer to a create, as JSON."""
    return to_json({"id": task.id, "estimatedCost": {"credits": task.estimated_credits}})


def polled(task: Task, urls: Sequence[str]) -> bytes:
    """The answer to a poll, as JSON. urls: of the task's outputs, looked at when it succeeded."""
    bare = runway_task(task, urls)
    return to_json({**bare, "code": "success", "message": "", "data": _comet_task(task, bare, urls)})


def runway_task(task: Task, urls: Sequence[str]) -> dict[str, Any]:
    """Runway's object for the task's status. Nothing is null: a member that does not apply is absent."""
    bare: dict[str, Any] = {"id": task.id, "status": task.status.value, "createdAt": iso_time(task.created_at)}
    if task.status is TaskStatus.RUNNING:
        bare["progress"] = _fraction(task)
    elif task.status is TaskStatus.SUCCEEDED:
        bare["output"] = list(urls)
    elif task.status is TaskStatus.FAILED and task.failure is not None:
        bare["failure"], bare["failureCode"] = task.failure.message, task.failure.code
    cost = "cost" if task.status.is_terminal else "estimatedCost"
    bare[cost] = {"credits": (task.credits or 0) if task.status.is_terminal else task.estimated_credits}
    return bare


def _comet_task(task: Task, bare: dict[str, Any], urls: Sequence[str]) -> dict[str, Any]:
    return {
        "task_id": task.id,
        "action": "VIDEO_TO_VIDEO",
        "status": _COMET_STATUS[task.status],
        "fail_reason": bare.get("failure", ""),
        "submit_time": int(task.created_at.timestamp()),
        "start_time": int(task.started_at.timestamp()) if task.started_at else 0,
        "finish_time": int(task.finished_at.timestamp()) if task.finished_at else 0,
        "progress": _percentage(task),
        "result_url": urls[0] if urls and task.status is TaskStatus.SUCCEEDED else "",
        "data": bare,
    }


def _fraction(task: Task) -> float:
    return round(min(max(task.progress, 0.0), 1.0), 4)


def _percentage(task: Task) -> str:
    if task.status.is_terminal:
        return "100%"
    # Rounded first: 0.57 * 100 is a little less than 57.
    return f"{int(round(_fraction(task) * 100, 6))}%" if task.status is TaskStatus.RUNNING else "0%"
