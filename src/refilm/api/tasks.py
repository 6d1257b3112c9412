"""Our own extension under `/refilm/v1`: everything that is known about a task. Errors are RFC 9457 problems."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from refilm.api import operations, render
from refilm.api.answers import json_answer, problem
from refilm.api.dialect import Parts, files_base_url, task_id_of
from refilm.api.edge import Route
from refilm.api.listing import cursor_of, listing_of
from refilm.domain.account import KeyScope
from refilm.domain.task import Task, TaskStatus

#: A data URI can be 16 MB; its owner has it already.
MAX_SHOWN_URI = 2048


class TaskEndpoints:
    """Tasks, as only Refilm shows them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[Route]:
        """Every route of the extension."""
        return [
            Route("GET", "/refilm/v1/tasks/{task_id}", self.retrieve, problem, operations.EXTENSION_TASK),
            Route("GET", "/refilm/v1/tasks", self.list, problem, operations.EXTENSION_TASKS),
        ]

    async def retrieve(self, request: Request) -> Response:
        """A task with what was asked, what was applied, and when."""
        scope, parts = request.scope, self._parts
        caller = await parts.gate.caller(scope, KeyScope.READ)
        task = await parts.service.look(caller, task_id_of(scope))
        urls: list[str] = []
        if task.status is TaskStatus.SUCCEEDED:
            urls = parts.service.output_urls(task, files_base_url(scope, parts.settings))
        headers = {parts.settings.engine_header: task.engine, "cache-control": "no-store"}
        return json_answer(described(task, urls), headers=headers)

    async def list(self, request: Request) -> Response:
        """The caller's tasks, the newest first, a page at a time."""
        scope, parts = request.scope, self._parts
        caller = await parts.gate.caller(scope, KeyScope.READ)
        page = await asyncio.to_thread(parts.service.tasks, caller, listing_of(scope["query_string"]))
        base = files_base_url(scope, parts.settings)
        body = {
            "tasks": [described(task, parts.service.output_urls(task, base)) for task in page.tasks],
            "nextCursor": cursor_of(page.next) if page.next else None,
        }
        return json_answer(body, headers={"cache-control": "no-store"})


def described(task: Task, urls: list[str]) -> dict[str, Any]:
    """The task as the extension shows it; here null means "not yet" or "none"."""
    return {
        "id": task.id,
        "status": task.status.value,
        "engine": task.engine,
        "attempt": task.attempt,
        "progress": 1.0 if task.status is TaskStatus.SUCCEEDED else task.progress,
        "createdAt": render.iso_time(task.created_at),
        "startedAt": render.iso_time(task.started_at) if task.started_at else None,
        "finishedAt": render.iso_time(task.finished_at) if task.finished_at else None,
        "estimatedCost": {"credits": task.estimated_credits},
        "cost": {"credits": task.credits or 0} if task.status.is_terminal else None,
        "output": urls,
        "failure": {"message": task.failure.message, "code": task.failure.code} if task.failure else None,
        "applied": task.applied,
        "ignored": list(task.request.ignored),
        "request": _shortened(task.request.to_json()),
    }


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(item) for item in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > MAX_SHOWN_URI:
        return f"{value[:64]}... ({len(value)} characters)"
    return value
