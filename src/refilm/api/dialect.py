"""The endpoints that both dialects serve, over one domain model. What differs between them is a `Dialect` value.

Each call: who asks, in which version, what exactly; then one call to the service; then a ready answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from refilm.accounts import Accounts, Caller
from refilm.api import operations, render, wire
from refilm.api.answers import JSON_TYPE, json_answer
from refilm.api.auth import Gate, check_version, header
from refilm.api.body import JsonBodies
from refilm.api.edge import Route
from refilm.api.sendings import Fingerprinted, name_of, tries_of
from refilm.api.settings import ApiSettings
from refilm.domain.account import KeyScope, Organization, Usage
from refilm.domain.sending import Sending
from refilm.domain.task import Task, TaskStatus
from refilm.errors import NotFound
from refilm.service import Service
from refilm.uploads import Uploads


@dataclass(frozen=True)
class Dialect:
    """One wire spelling of the API.

    prefix: of its paths.  version_required: the methods that must carry X-Runway-Version; on the others it may be
    absent, but not wrong.
    """

    name: str
    title: str
    prefix: str
    version_required: frozenset[str]


@dataclass(frozen=True)
class Parts:
    """What the endpoints work with."""

    service: Service
    accounts: Accounts
    uploads: Uploads
    settings: ApiSettings
    bodies: JsonBodies
    gate: Gate


#: What our ids look like. Anything else names no task, and reaches neither the store nor a log.
TASK_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

#: Sent as the balance of an account whose credits are not counted: clients compare it with a price.
UNCOUNTED_CREDITS = 2_147_483_647


NO_HEADERS: Mapping[str, str] = MappingProxyType({})
#: Says that an earlier sending of the same create made the task.
REPEATED = MappingProxyType({"idempotent-replayed": "true"})


class Endpoints:
    """The endpoints of one dialect."""

    def __init__(self, dialect: Dialect, parts: Parts) -> None:
        self._dialect = dialect
        self._parts = parts
        self._parse_edit = partial(wire.parse_edit, limits=parts.settings.uri_limits)

    def routes(self) -> list[Route]:
        """Every route of the dialect, the busiest first."""
        served = [
            ("GET", "/tasks/{task_id}", self.retrieve),
            ("POST", "/video_to_video", self.create),
            ("DELETE", "/tasks/{task_id}", self.delete),
            ("POST", "/uploads", self.create_upload),
            ("GET", "/organization", self.organization),
            ("POST", "/organization/usage", self.usage),
        ]
        return [
            Route(method, self._dialect.prefix + path, handler, operation=self._operation(method, path))
            for method, path, handler in served
        ]

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        required = method in self._dialect.version_required
        return operations.dialect_operation(method, path, self._dialect.name, self._dialect.title, required)

    async def _caller(self, scope: Scope, needed: KeyScope = KeyScope.READ) -> Caller:
        caller = await self._parts.gate.caller(scope, needed)
        required = scope["method"] in self._dialect.version_required
        check_version(scope, self._parts.settings.api_version, required=required)
        return caller

    async def retrieve(self, request: Request) -> Response:
        """A task as it stands."""
        scope = request.scope
        task = await self._parts.service.look(await self._caller(scope), task_id_of(scope))
        urls: list[str] = []
        if task.status is TaskStatus.SUCCEEDED:
            urls = self._parts.service.output_urls(task, files_base_url(scope, self._parts.settings))
        return self._about(task, render.polled(task, urls))

    async def create(self, request: Request) -> Response:
        """Accept an edit. Answers once it is stored for good."""
        caller = await self._caller(request.scope, KeyScope.CREATE)
        with self._parts.gate.noting(request.scope, caller, "task.create") as noted:
            task, repeated = await self._submitted(request, caller)
            noted.target, noted.outcome = task.id, "repeated" if repeated else "ok"
        return self._about(task, render.created(task), REPEATED if repeated else NO_HEADERS)

    async def _submitted(self, request: Request, caller: Caller) -> tuple[Task, bool]:
        """The task that the request asks for, and whether an earlier sending of it made it."""
        name, tries = name_of(request.scope), tries_of(request.scope)
        if name is None and tries is None:
            edit = await self._parts.bodies.read(request.scope, request.receive, self._parse_edit)
            return await self._parts.service.submit(caller, edit), False
        body = Fingerprinted(request.receive)
        edit = await self._parts.bodies.read(request.scope, body, self._parse_edit)
        sending = Sending(caller.key_id, body.fingerprint, name, tries)
        return await self._parts.service.submit_once(caller, edit, sending)

    def _about(self, task: Task, body: bytes, more: Mapping[str, str] = NO_HEADERS) -> Response:
        # Output URLs are secrets, and a status is stale at once.
        headers = {self._parts.settings.engine_header: task.engine, "cache-control": "no-store", **more}
        return Response(body, 200, headers, JSON_TYPE)

    async def delete(self, request: Request) -> Response:
        """Cancel a task that has not ended, delete one that has."""
        caller = await self._caller(request.scope, KeyScope.CREATE)
        task_id = task_id_of(request.scope)
        with self._parts.gate.noting(request.scope, caller, "task.delete", task_id):
            await self._parts.service.delete(caller, task_id)
        return Response(status_code=204)

    async def create_upload(self, request: Request) -> Response:
        """A place for one file, and the URI that it will have."""
        caller = await self._caller(request.scope, KeyScope.CREATE)
        filename = await self._parts.bodies.read(request.scope, request.receive, wire.parse_upload)
        here = files_base_url(request.scope, self._parts.settings)
        slot = await self._parts.uploads.create(caller, filename, here)
        return json_answer(
            {"uploadUrl": slot.upload_url, "fields": dict(slot.fields), "runwayUri": slot.runway_uri},
            headers={"cache-control": "no-store"},
        )

    async def organization(self, request: Request) -> Response:
        """The account's credits, limits and use."""
        caller = await self._caller(request.scope)
        return json_answer(_organization(await asyncio.to_thread(self._parts.service.organization, caller)))

    async def usage(self, request: Request) -> Response:
        """Credits spent, by day and model."""
        caller = await self._caller(request.scope)
        start, before = await self._parts.bodies.read(request.scope, request.receive, wire.parse_usage)
        return json_answer(_usage(await asyncio.to_thread(self._parts.service.usage, caller, start, before)))


def task_id_of(scope: Scope) -> str:
    """The task id in the path. Raises NotFound for what cannot be one."""
    task_id: str = scope["path_params"]["task_id"]
    if TASK_ID.fullmatch(task_id) is None:
        raise NotFound("Could not find Task")
    return task_id


_HOST = re.compile(rb"[A-Za-z0-9._\[\]:-]{1,255}")


def base_url(scope: Scope, settings: ApiSettings) -> str:
    """Where this server is reached, without a final slash: as configured, else as the client reached it."""
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = header(scope, b"host") or b""
    if _HOST.fullmatch(host):
        return f"{scope['scheme']}://{host.decode()}"
    address, port = scope.get("server") or ("127.0.0.1", None)
    return f"{scope['scheme']}://{address}" + (f":{port}" if port else "")


def files_base_url(scope: Scope, settings: ApiSettings) -> str:
    """Where files come in and go out, without a final slash: on a place of their own if there is one."""
    return settings.files_url or base_url(scope, settings)


def _organization(organization: Organization) -> dict[str, Any]:
    balance = UNCOUNTED_CREDITS if organization.credit_balance is None else organization.credit_balance
    limits = {
        name: {"maxConcurrentGenerations": use.max_concurrent, "maxDailyGenerations": use.max_daily}
        for name, use in organization.models.items()
    }
    used = {name: {"dailyGenerations": use.daily_generations} for name, use in organization.models.items()}
    return {
        "creditBalance": balance,
        "tier": {"maxMonthlyCreditSpend": UNCOUNTED_CREDITS, "models": limits},
        "usage": {"models": used},
    }


def _usage(usage: Usage) -> dict[str, Any]:
    days: dict[str, list[dict[str, Any]]] = {}
    for used in usage.used:
        days.setdefault(used.day.isoformat(), []).append({"model": used.model, "amount": used.credits})
    return {
        "models": sorted({used.model for used in usage.used}),
        "results": [{"date": day, "usedCredits": amounts} for day, amounts in sorted(days.items())],
    }
