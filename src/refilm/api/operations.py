"""What OpenAPI says about each route: parameters, bodies, and every status that it may answer. Data only."""

from __future__ import annotations

from typing import Any

from refilm.domain.edit import Model
from refilm.domain.listing import MAX_PAGE, MAX_TEXT
from refilm.domain.task import TaskStatus

OK_HEADERS = {
    "Refilm-Engine": {"description": "The engine that serves the task.", "schema": {"type": "string"}},
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]


def schema(name: str) -> dict[str, Any]:
    """A reference to a schema of `refilm.api.schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


def response(description: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    """An answer with a JSON body of that schema, or without a body."""
    media = "application/problem+json" if name == "Problem" else "application/json"
    content = {"content": {media: {"schema": schema(name)}}} if name else {}
    return {"description": description, **content, **more}


INVALID = response("The request cannot be accepted as sent; `issues` names every reason.", "ValidationError")
REFUSED = response("The API key is missing or not known.", "Error")
FORBIDDEN = response("The API key lacks the scope that this needs.", "Error")
NO_TASK = response("No such task, or not yours.", "NoTask")
WRONG_METHOD = response("The method is not supported on this path.", "Error")
TOO_LARGE = response("The body is larger than this server accepts.", "Error")
SLOW = response("The body came too slowly; the connection is closed.", "Error")
ENCODED = response("The body is compressed, or encoded otherwise.", "Error")
TOO_MANY = response(
    "A cap is reached, or too many requests or wrong keys came; try again later.", "Error", headers=RETRY_AFTER
)
BROKEN = response("Something went wrong on this server.", "Error")
AWAY = response("Not possible for the moment; try again later.", "Error", headers=RETRY_AFTER)

ALWAYS = {
    "400": INVALID,
    "401": REFUSED,
    "403": FORBIDDEN,
    "405": WRONG_METHOD,
    "429": TOO_MANY,
    "500": BROKEN,
    "503": AWAY,
}
BODY_REFUSED = {"408": SLOW, "413": TOO_LARGE, "415": ENCODED}
WITH_BODY = {**ALWAYS, **BODY_REFUSED}


def json_body(name: str) -> dict[str, Any]:
    """A required JSON body of that schema."""
    return {"required": True, "content": {"application/json": {"schema": schema(name)}}}


def path_parameter(name: str, description: str, **schema_members: Any) -> dict[str, Any]:
    """A parameter of the path; every one is required."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", **schema_members},
    }


TASK_ID = path_parameter("task_id", "The id that create returned.", minLength=1)


def _version_header(required: bool) -> dict[str, Any]:
    return {
        "name": "X-Runway-Version",
        "in": "header",
        "required": required,
        "description": "The dated version of the contract.",
        "schema": {"type": "string", "enum": ["2024-11-06"]},
    }


IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name of yours for this create. Sent again within 24 hours, with the same body it answers the "
    "same task; with another body it is refused.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
CREATED_HEADERS = {
    **OK_HEADERS,
    "Idempotent-Replayed": {
        "description": "true where an earlier sending of the same create made the task.",
        "schema": {"type": "string"},
    },
}

_DIALECT_OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/tasks/{task_id}"): {
        "operationId": "retrieve_task",
        "summary": "A task as it stands",
        "parameters": [TASK_ID],
        "responses": {"200": response("The task.", "Task", headers=OK_HEADERS), **ALWAYS, "404": NO_TASK},
    },
    ("DELETE", "/tasks/{task_id}"): {
        "operationId": "delete_task",
        "summary": "Cancel a task that has not ended; delete one that has",
        "parameters": [TASK_ID],
        "responses": {"204": response("Done. The task answers 404 from now on."), **ALWAYS, "404": NO_TASK},
    },
    ("POST", "/video_to_video"): {
        "operationId": "create_video_to_video",
        "summary": "Edit a clip",
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": json_body("EditBody"),
        "responses": {"200": response("Accepted and stored.", "Created", headers=CREATED_HEADERS), **WITH_BODY},
    },
    ("POST", "/uploads"): {
        "operationId": "create_upload",
        "summary": "A place for one file, to be sent there as multipart/form-data",
        "requestBody": json_body("UploadBody"),
        "responses": {"200": response("Where to send the file.", "UploadSlot"), **WITH_BODY},
    },
    ("GET", "/organization"): {
        "operationId": "retrieve_organization",
        "summary": "The account's credits, limits and use",
        "responses": {"200": response("The account's standing.", "Organization"), **ALWAYS},
    },
    ("POST", "/organization/usage"): {
        "operationId": "retrieve_usage",
        "summary": "Credits spent by day and model",
        "requestBody": json_body("UsageBody"),
        "responses": {"200": response("Credits by day.", "Usage"), **WITH_BODY},
    },
}


def dialect_operation(method: str, path: str, dialect: str, title: str, version_required: bool) -> dict[str, Any]:
    """The OpenAPI operation of a dialect's route."""
    operation = dict(_DIALECT_OPERATIONS[method, path])
    operation["operationId"] = f"{dialect}_{operation['operationId']}"
    operation["parameters"] = [*operation.get("parameters", []), _version_header(version_required)]
    return {**operation, "tags": [title], "security": BEARER}


_PROBLEM = {
    status: response(description, "Problem")
    for status, description in {
        "401": "The API key is missing or not known.",
        "403": "The API key lacks the scope that this needs.",
        "404": "No such task, or not yours.",
        "429": "Too many requests or wrong keys came; try again later.",
        "500": "Something went wrong on this server.",
        "503": "Not possible for the moment; try again later.",
    }.items()
}
_UNPLACED = {status: answer for status, answer in _PROBLEM.items() if status != "404"}

EXTENSION_TASK: dict[str, Any] = {
    "operationId": "describe_task",
    "summary": "Everything that is known about a task: what was asked, what was applied, and when",
    "tags": ["Refilm"],
    "security": BEARER,
    "parameters": [TASK_ID],
    "responses": {
        "200": response("The task.", "TaskDescription", headers=OK_HEADERS),
        **_PROBLEM,
        "405": WRONG_METHOD,
    },
}


def _query(name: str, description: str, **schema_members: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema_members}


def _words(*values: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(values)}}


EXTENSION_TASKS: dict[str, Any] = {
    "operationId": "list_tasks",
    "summary": "Your tasks, the newest first, a page at a time",
    "tags": ["Refilm"],
    "security": BEARER,
    "parameters": [
        _query("status", "Only tasks of this status; may be repeated.", **_words(*TaskStatus)),
        _query("model", "Only tasks of this model; may be repeated.", **_words(*Model)),
        _query("engine", "Only tasks of this engine.", type="string", minLength=1, maxLength=MAX_TEXT),
        _query("since", "Only tasks created then or later.", type="string", format="date-time"),
        _query("before", "Only tasks created before that.", type="string", format="date-time"),
        _query(
            "text", "Only tasks whose prompt holds this, in any case.", type="string", minLength=1, maxLength=MAX_TEXT
        ),
        _query("limit", "Tasks of a page.", type="integer", minimum=1, maximum=MAX_PAGE, default=20),
        _query("cursor", "nextCursor of the page before.", type="string"),
    ],
    "responses": {
        "200": response("A page. A search for a text may give a short page with a next one.", "TaskPage"),
        "400": response("A parameter is not known or means nothing; `issues` names every one.", "Problem"),
        **_UNPLACED,
        "405": WRONG_METHOD,
    },
}


def _admin(
    name: str, summary: str, done: dict[str, dict[str, Any]], *, missing: str = "", body: str = "", **more: Any
) -> dict[str, Any]:
    """An operation of administration. missing: what a 404 says.  body: the schema of what is sent."""
    answers = {**done, **_UNPLACED, "405": WRONG_METHOD}
    if missing:
        answers["404"] = response(missing, "Problem")
    if body:
        answers["400"] = response("The body cannot be accepted; `issues` names every reason.", "Problem")
        answers["408"] = SLOW
        answers["413"] = response("The body is larger than this server accepts.", "Problem")
        answers["415"] = response("The body is compressed, or encoded otherwise.", "Problem")
        more["requestBody"] = json_body(body)
    shared = {"operationId": name, "summary": summary, "tags": ["Administration"], "security": BEARER}
    return {**shared, "responses": answers, **more}


LIST_KEYS = _admin(
    "list_keys",
    "Every key of the server, without secrets",
    {
        "200": response("The keys.", "Keys"),
        "400": response("The query holds something else than an account.", "Problem"),
    },
    parameters=[
        _query("account", "Only keys of the account of this id.", type="string", pattern="^[A-Za-z0-9_-]{1,64}$")
    ],
)
CREATE_KEY = _admin(
    "create_key",
    "Make a key; its secret is told this once",
    {"201": response("The key and its secret.", "CreatedKey")},
    body="KeyBody",
)
REVOKE_KEY = _admin(
    "revoke_key",
    "Revoke a key",
    {"204": response("Done.")},
    missing="No such key, or it is revoked already.",
    parameters=[path_parameter("key_id", "The key's id.", minLength=1)],
)
LIST_ACCOUNTS = _admin("list_accounts", "Every account of the server", {"200": response("The accounts.", "Accounts")})
CHANGE_ACCOUNT = _admin(
    "change_account",
    "Change an account's tier or credits",
    {"200": response("The account as it is now.", "Account")},
    missing="No such account.",
    body="TermsBody",
    parameters=[path_parameter("account_id", "The account's id.", minLength=1)],
)

_LINK = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": "Part of the signed URL.",
        "schema": {"type": "string"},
    }
    for name in ("expires", "key_id", "signature")
]
_BAD_LINK = response("The link was changed or has expired.", "Error")
_OUTPUT = {
    media: {"schema": {"type": "string", "format": "binary"}}
    for media in ("video/mp4", "video/quicktime", "application/zip")
}

DOWNLOAD: dict[str, Any] = {
    "operationId": "download_output",
    "summary": "An output, by the signed URL that a poll returned",
    "tags": ["Files"],
    "parameters": [
        path_parameter("key", "Names the output.", minLength=1),
        *_LINK,
        {"name": "Range", "in": "header", "required": False, "schema": {"type": "string"}},
    ],
    "responses": {
        "200": {"description": "The whole file.", "content": _OUTPUT},
        "206": {"description": "The bytes asked for.", "content": _OUTPUT},
        "304": {"description": "Not changed since the ETag that was sent."},
        "403": _BAD_LINK,
        "404": response("It was deleted.", "NoTask"),
        "405": WRONG_METHOD,
        "416": response("The range lies outside the file.", "Error"),
        "429": TOO_MANY,
        "500": BROKEN,
        "503": AWAY,
    },
}

RECEIVE: dict[str, Any] = {
    "operationId": "receive_upload",
    "summary": "The second step of an upload: all `fields` of the first step, then the part `file`",
    "tags": ["Files"],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                    "additionalProperties": {"type": "string"},
                }
            }
        },
    },
    "responses": {
        "204": response("Stored."),
        "400": INVALID,
        "403": response("The fields were changed or have expired.", "Error"),
        "404": response("No such upload.", "Error"),
        "405": WRONG_METHOD,
        **BODY_REFUSED,
        "429": TOO_MANY,
        "500": BROKEN,
        "503": AWAY,
    },
}

HEALTH: dict[str, Any] = {
    "operationId": "health",
    "summary": "Whether the process answers",
    "tags": ["Operation"],
    "responses": {"200": response("It does.", "Health"), "405": WRONG_METHOD, "500": BROKEN},
}
READY: dict[str, Any] = {
    "operationId": "ready",
    "summary": "Whether tasks can be taken and worked on",
    "tags": ["Operation"],
    "responses": {
        "200": response("They can.", "Readiness"),
        "405": WRONG_METHOD,
        "500": BROKEN,
        "503": response("Not now; `checks` says why.", "Readiness"),
    },
}
METRICS: dict[str, Any] = {
    "operationId": "metrics",
    "summary": "Counters for Prometheus",
    "tags": ["Operation"],
    "responses": {
        "200": {"description": "Text format.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        "405": WRONG_METHOD,
        "429": TOO_MANY,
        "500": BROKEN,
    },
}
