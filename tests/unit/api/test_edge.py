"""From a request to its handler, and from an error to its answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgi import Answer, Sender, scope
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs

from refilm import errors
from refilm.api.answers import ErrorStyle, dialect_error, link_error, problem
from refilm.api.edge import Edge, Handler, Route
from refilm.api.settings import ApiSettings

SETTINGS = ApiSettings(docs_url="https://docs.test", retry_after_seconds=7)


async def echo(request: Request) -> Response:
    """The path's parameter."""
    return Response(json.dumps(request.scope.get("path_params", {})))


def raising(error: Exception) -> Handler:
    """A handler that raises."""

    async def handler(request: Request) -> Response:
        raise error

    return handler


def call(edge: Edge, method: str, path: str) -> Answer:
    """The answer to one request."""
    answer = Answer()
    asyncio.run(edge(scope(method, path), Sender(), answer))
    return answer


async def never(scope: Any, receive: Any, send: Any) -> None:
    """Nothing but HTTP goes here."""
    raise AssertionError(scope["type"])


EDGE = Edge(
    [
        Route("GET", "/tasks/{id}", echo),
        Route("DELETE", "/tasks/{id}", echo),
        Route("POST", "/tasks", echo),
        Route("GET", "/files/{key:path}", echo),
    ],
    SETTINGS,
    never,
)


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("GET", "/tasks/a-b", {"id": "a-b"}),
        ("DELETE", "/tasks/a-b", {"id": "a-b"}),
        ("POST", "/tasks", {}),
        ("GET", "/files/a", {"key": "a"}),
        ("GET", "/files/a/b/c.mp4", {"key": "a/b/c.mp4"}),
    ],
)
def test_a_path_leads_to_its_handler(method: str, path: str, parameters: dict[str, str]) -> None:
    """Fixed paths, one segment, and the whole rest."""
    assert json.loads(call(EDGE, method, path).body) == parameters


@pytest.mark.parametrize("path", ["", "/", "/tasks/", "/tasks/a/b", "/files/", "/Tasks", "/tasks//", "*"])
def test_other_paths_are_not_found(path: str) -> None:
    """No redirects, no guesses."""
    answer = call(EDGE, "GET", path)

    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "Nothing is served at this path."}


def test_other_methods_are_told_what_there_is() -> None:
    """405 names the methods of the path."""
    answer = call(EDGE, "PATCH", "/tasks/a")

    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, HEAD")


def test_a_head_is_a_get_without_its_body() -> None:
    """The headers are those of the GET, its length included."""
    head, get = call(EDGE, "HEAD", "/tasks/a"), call(EDGE, "GET", "/tasks/a")

    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


@pytest.mark.parametrize(
    ("error", "style", "status", "body", "headers"),
    [
        (
            errors.Refused("No key."),
            dialect_error,
            401,
            {"error": "No key.", "docUrl": "https://docs.test"},
            {"www-authenticate": "Bearer"},
        ),
        (errors.Refused("Forged."), link_error, 403, {"error": "Forged."}, {}),
        (
            errors.NotFound("x"),
            dialect_error,
            404,
            {"error": "Could not find Task", "code": "task_not_exist", "message": "task_not_exist", "data": None},
            {},
        ),
        (
            errors.CapReached("Daily task limit.", retry_seconds=3600, soon=False),
            dialect_error,
            429,
            {"error": "Daily task limit.", "docUrl": "https://docs.test"},
            {"retry-after": "3600", "x-should-retry": "false"},
        ),
        (
            errors.CapReached("Too many wait.", retry_seconds=5, soon=True),
            problem,
            429,
            {"type": "about:blank", "title": "Too Many Requests", "status": 429, "detail": "Too many wait."},
            {"retry-after": "5"},
        ),
        (
            errors.OutOfCredits("You do not have enough credits."),
            dialect_error,
            400,
            {"error": "You do not have enough credits.", "docUrl": "https://docs.test"},
            {},
        ),
        (errors.Unavailable("Busy."), dialect_error, 503, {"error": "Busy."}, {"retry-after": "7"}),
        (errors.StorageFull("Full."), link_error, 503, {"error": "Full."}, {"retry-after": "7"}),
        (
            errors.InvalidRequest([errors.Issue(("video_uri",), "custom", "Bad.")]),
            dialect_error,
            400,
            {
                "error": "Validation of body failed",
                "issues": [{"code": "custom", "path": ["videoUri"], "message": "Bad."}],
                "docUrl": "https://docs.test",
            },
            {},
        ),
        (
            errors.NotFound("Gone."),
            problem,
            404,
            {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "Gone."},
            {},
        ),
    ],
)
def test_errors_become_answers(
    error: Exception, style: ErrorStyle, status: int, body: dict[str, Any], headers: dict[str, str]
) -> None:
    """Each error of ours has its status, its body in the route's style, and its headers."""
    answer = call(Edge([Route("GET", "/", raising(error), style)], SETTINGS, never), "GET", "/")

    assert (answer.status, json.loads(answer.body)) == (status, body)
    assert answer.headers.items() >= headers.items()


@pytest.mark.parametrize(("method", "told"), [("POST", "false"), ("GET", None)])
def test_an_unforeseen_error_is_logged_and_not_shown(method: str, told: str | None) -> None:
    """The client learns nothing of it; after a POST it is told not to try again, for the work may have been done."""
    edge = Edge([Route(method, "/", raising(RuntimeError("password is 1234")))], SETTINGS, never)

    with capture_logs() as logs:
        answer = call(edge, method, "/")

    assert (answer.status, answer.headers.get("x-should-retry")) == (500, told)
    assert b"1234" not in answer.body
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("request_failed", "error")]
    assert isinstance(logs[0]["exc_info"], RuntimeError)
    assert len(logs[0]["fault"]) == 12
    assert logs[0]["fault"] in json.loads(answer.body)["error"]


def test_a_client_that_hung_up_gets_no_answer() -> None:
    """It is nobody's error, and nothing is logged."""
    with capture_logs() as logs:
        answer = call(Edge([Route("GET", "/", raising(ClientDisconnect()))], SETTINGS, never), "GET", "/")

    assert (answer.status, logs) == (0, [])


def test_an_answer_that_breaks_is_not_finished() -> None:
    """Once the answer has begun, an error must cut the connection: a second answer would look like its content."""

    async def broken(request: Request) -> Response:
        async def pieces() -> Any:
            yield b"half"
            raise OSError("disk")

        return StreamingResponse(pieces())

    with pytest.raises(OSError, match="disk"):
        call(Edge([Route("GET", "/", broken)], SETTINGS, never), "GET", "/")


@pytest.mark.parametrize(
    ("files_url", "host", "is_files"),
    [
        ("https://files.test", "files.test", True),
        ("https://Files.test:443", "FILES.TEST", True),
        ("http://127.0.0.1:8001", "127.0.0.1:8001", True),
        ("http://127.0.0.1:8001", "127.0.0.1:8000", False),
        ("https://files.test", "api.test", False),
        ("https://files.test", "files.test.evil.test", False),
        ("https://files.test", "", False),
    ],
)
def test_files_are_served_at_their_own_place_and_nothing_else_is(files_url: str, host: str, is_files: bool):
    """Where files have a host or port of their own, they are not beside the API, nor the API beside them."""
    routes = [Route("GET", "/tasks/{id}", echo), Route("GET", "/files/{key:path}", echo, of_files=True)]
    edge = Edge(routes, ApiSettings(files_url=files_url), never)

    def status(path: str) -> int:
        answer = Answer()
        asyncio.run(edge(scope("GET", path, host=host), Sender(), answer))
        return answer.status

    assert status("/files/x") == (200 if is_files else 404)
    assert status("/tasks/x") == (404 if is_files else 200)
