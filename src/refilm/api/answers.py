"""Ready answers: JSON bodies, and what each error looks like on the wire in the dialects and in our own extension.

Knows nothing of routes or of what a request meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from refilm import errors
from refilm.api import issues
from refilm.api.refusals import EncodedBody, Fault, MethodNotAllowed, status_of
from refilm.api.settings import ApiSettings

JSON_TYPE = "application/json; charset=utf-8"
PROBLEM_TYPE = "application/problem+json; charset=utf-8"

#: Runway's own sentence, and beside it the word that CometAPI's clients look for. One constant, so that unknown and
#: foreign tasks cannot be told apart.
NO_TASK = to_json({"error": "Could not find Task", "code": "task_not_exist", "message": "task_not_exist", "data": None})


#: Turns an error into an answer. Each route has one.
ErrorStyle = Callable[[Exception, ApiSettings], Response]


def json_answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON."""
    return Response(to_json(body), status, headers, JSON_TYPE)


def dialect_error(error: Exception, settings: ApiSettings) -> Response:
    """An error as Runway spells it: `error`, for validation `issues`, and `docUrl`."""
    status = status_of(error)
    if isinstance(error, errors.NotFound):
        return Response(NO_TASK, 404, None, JSON_TYPE)
    body: dict[str, Any] = {"error": sentence(error, status)}
    if isinstance(error, errors.InvalidRequest):
        body = {"error": "Validation of body failed", "issues": _sent(error)}
    if status in (400, 401, 403, 413, 415, 429):
        body["docUrl"] = settings.docs_url
    return json_answer(body, status, headers_of(error, status, settings))


def link_error(error: Exception, settings: ApiSettings) -> Response:
    """An error of a signed link or form: as in a dialect, but a bad signature is 403, since no key could mend it."""
    status = 403 if isinstance(error, errors.Refused) else status_of(error)
    if isinstance(error, errors.InvalidRequest):
        return dialect_error(error, settings)
    return json_answer({"error": sentence(error, status)}, status, headers_of(error, status, settings))


def problem(error: Exception, settings: ApiSettings) -> Response:
    """An error of our own extension: RFC 9457."""
    status = status_of(error)
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = sentence(error, status)
    if isinstance(error, errors.InvalidRequest):
        body["issues"] = _sent(error)
    return Response(to_json(body), status, headers_of(error, status, settings), PROBLEM_TYPE)


def sentence(error: Exception, status: int) -> str:
    """What to tell the client. Of an unforeseen error: nothing that it says."""
    if status == 500 and not isinstance(error, Fault):
        return "Something went wrong on this server. It has been logged."
    return str(error) or HTTPStatus(status).phrase


def headers_of(error: Exception, status: int, settings: ApiSettings) -> dict[str, str]:
    """Headers that belong to an error's answer."""
    if isinstance(error, MethodNotAllowed):
        return {"allow": ", ".join(sorted(error.allowed))}
    if isinstance(error, EncodedBody):
        return {"accept-encoding": "identity"}
    if status == 401:
        return {"www-authenticate": "Bearer"}
    if isinstance(error, errors.CapReached):
        wait = {"retry-after": str(error.retry_seconds)}
        # An official SDK would send the create again within seconds.
        return wait if error.soon else {**wait, "x-should-retry": "false"}
    if isinstance(error, errors.TooManyTries):
        # A wrong key does not become right: an official SDK should not send it again.
        return {"retry-after": str(error.retry_seconds), "x-should-retry": "false"}
    if isinstance(error, errors.TooManyRequests):
        return {"retry-after": str(error.retry_seconds)}
    if status == 503:
        return {"retry-after": str(settings.retry_after_seconds)}
    return {}


def _sent(error: errors.InvalidRequest) -> list[dict[str, Any]]:
    return [issues.body_of(issue) for issue in error.issues[: issues.MAX_ISSUES]]
