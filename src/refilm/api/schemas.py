"""JSON schemas of the bodies, for OpenAPI. Requests come from `wire`, so that the document cannot say something else
than the validation; answers are written down here.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from refilm.api import admin_bodies, wire
from refilm.domain.account import KeyScope

REF = "#/components/schemas/{model}"
STRING = {"type": "string"}
INTEGER = {"type": "integer"}
COUNT = {"type": "integer", "minimum": 0}
TIME = {"type": "string", "format": "date-time"}


def obj(required: dict[str, Any], optional: dict[str, Any] | None = None, *, closed: bool = True) -> dict[str, Any]:
    """An object with these members, and where `closed` no others."""
    shape = {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}
    return {**shape, "additionalProperties": False} if closed else shape


def array(items: dict[str, Any]) -> dict[str, Any]:
    """An array of such items."""
    return {"type": "array", "items": items}


def table(values: dict[str, Any]) -> dict[str, Any]:
    """An object used as a table, by name."""
    return {"type": "object", "additionalProperties": values}


def or_null(shape: dict[str, Any]) -> dict[str, Any]:
    """Such a value, or null."""
    return {"anyOf": [shape, {"type": "null"}]}


def word(*options: str) -> dict[str, Any]:
    """One of these words."""
    return {"type": "string", "enum": list(options)}


CREDITS = obj({"credits": COUNT})
ESTIMATED, FINAL = {"estimatedCost": CREDITS}, {"cost": CREDITS}
ISSUE = obj({"code": STRING, "path": array({"type": ["string", "integer"]}), "message": STRING}, closed=False)

_ENVELOPE = {
    "task_id": STRING,
    "action": word("VIDEO_TO_VIDEO"),
    "status": word("QUEUED", "IN_PROGRESS", "SUCCESS", "FAILURE"),
    "fail_reason": STRING,
    "submit_time": COUNT,
    "start_time": COUNT,
    "finish_time": COUNT,
    "progress": {"type": "string", "pattern": "^[0-9]{1,3}%$"},
    "result_url": STRING,
}


def _task(members: dict[str, Any], optional: dict[str, Any], *statuses: str) -> dict[str, Any]:
    """The poll body in some statuses: Runway's object, and CometAPI's envelope around a copy of it."""
    bare = {"id": STRING, "status": word(*statuses), "createdAt": TIME, **members}
    envelope = obj({**_ENVELOPE, "data": obj(bare, optional)})
    return obj({**bare, "code": word("success"), "message": word(""), "data": envelope}, optional)


#: A task as only Refilm shows it.
TASK_DESCRIPTION = obj(
    {
        "id": STRING,
        "status": word("PENDING", "THROTTLED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"),
        "engine": STRING,
        "attempt": COUNT,
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "createdAt": TIME,
        "startedAt": or_null(TIME),
        "finishedAt": or_null(TIME),
        "estimatedCost": CREDITS,
        "cost": or_null(CREDITS),
        "output": array(STRING),
        "failure": or_null(obj({"message": STRING, "code": STRING})),
        "applied": {"type": "object", "description": "What the engine did, or why it refused."},
        "ignored": array(STRING),
        "request": {"type": "object", "description": "What was asked, in the SDK's snake_case names."},
    }
)

KEY = {
    "id": STRING,
    "account": STRING,
    "name": STRING,
    "scopes": array(word(*KeyScope)),
    "priority": INTEGER,
    "createdAt": TIME,
    "expiresAt": or_null(TIME),
    "revokedAt": or_null(TIME),
    "lastUsedAt": or_null(TIME),
}
ACCOUNT = obj({"id": STRING, "name": STRING, "createdAt": TIME, "tier": or_null(STRING), "credits": or_null(INTEGER)})

ANSWERS: dict[str, Any] = {
    "Created": obj({"id": STRING, **ESTIMATED}),
    "Task": {
        "oneOf": [
            _task(ESTIMATED, {}, "PENDING", "THROTTLED"),
            _task({"progress": {"type": "number", "minimum": 0, "maximum": 1}, **ESTIMATED}, {}, "RUNNING"),
            _task({"output": array(STRING), **FINAL}, {}, "SUCCEEDED"),
            _task(FINAL, {"failure": STRING, "failureCode": STRING}, "FAILED"),
            _task(FINAL, {}, "CANCELLED"),
        ]
    },
    "UploadSlot": obj({"uploadUrl": STRING, "fields": table(STRING), "runwayUri": STRING}),
    "Organization": obj(
        {
            "creditBalance": INTEGER,
            "tier": obj(
                {
                    "maxMonthlyCreditSpend": INTEGER,
                    "models": table(
                        obj({"maxConcurrentGenerations": or_null(INTEGER), "maxDailyGenerations": or_null(INTEGER)})
                    ),
                }
            ),
            "usage": obj({"models": table(obj({"dailyGenerations": COUNT}))}),
        }
    ),
    "Usage": obj(
        {
            "models": array(STRING),
            "results": array(
                obj(
                    {
                        "date": {"type": "string", "format": "date"},
                        "usedCredits": array(obj({"model": STRING, "amount": INTEGER})),
                    }
                )
            ),
        }
    ),
    "TaskDescription": TASK_DESCRIPTION,
    "TaskPage": obj({"tasks": array(TASK_DESCRIPTION), "nextCursor": or_null(STRING)}),
    "Keys": obj({"keys": array(obj(KEY))}),
    "CreatedKey": obj({**KEY, "secret": STRING}),
    "Accounts": obj({"accounts": array(ACCOUNT)}),
    "Account": ACCOUNT,
    "Health": obj({"status": word("ok")}),
    "Readiness": obj({"ready": {"type": "boolean"}, "checks": {"type": "object"}, "moderation": STRING}, closed=False),
    "Error": obj({"error": STRING}, {"docUrl": STRING}),
    "NoTask": obj({"error": STRING, "code": word("task_not_exist"), "message": STRING, "data": {"type": "null"}}),
    "ValidationError": obj({"error": STRING}, {"issues": array(ISSUE), "docUrl": STRING}),
    "Problem": obj({"type": STRING, "title": STRING, "status": INTEGER, "detail": STRING}, {"issues": array(ISSUE)}),
}


def components() -> dict[str, Any]:
    """Every schema by name."""
    found = dict(ANSWERS)
    adapters: dict[str, TypeAdapter[Any]] = {
        "EditBody": wire.EDIT,
        "UploadBody": wire.UPLOAD,
        "UsageBody": wire.USAGE,
        "KeyBody": admin_bodies.KEY,
        "TermsBody": admin_bodies.TERMS,
    }
    for name, adapter in adapters.items():
        shape = adapter.json_schema(ref_template=REF)
        found.update(shape.pop("$defs", {}))
        found[name] = shape
    return found
