"""From a request to its handler and from an error to its answer, with as little as possible in between.

A handler is `async def handler(request: Request) -> Response`. FastAPI documents the routes; this small router serves
them, because a poll should cost a dictionary look-up and not a walk through middleware. Knows not what is served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from refilm.api.answers import ErrorStyle, dialect_error
from refilm.api.refusals import Fault, MethodNotAllowed, NoSuchRoute, status_of
from refilm.api.settings import ApiSettings
from refilm.api.shares import leave
from refilm.telemetry import new_fault

Handler = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger("refilm.api")


@dataclass(frozen=True)
class Route:
    """One method on one path.

    path: fixed, or ending in a parameter: "/tasks/{task_id}" takes one segment, "/files/{key:path}" the whole rest.
    operation: what OpenAPI says about it.
    of_files: whether it is served at the files' own place, where they have one.
    """

    method: str
    path: str
    handler: Handler
    errors: ErrorStyle = dialect_error
    operation: Mapping[str, Any] = field(default_factory=dict)
    of_files: bool = False


@dataclass
class _Place:
    """What is served at one path, or at all paths under one prefix."""

    parameter: str = ""
    greedy: bool = False
    routes: dict[str, Route] = field(default_factory=dict)


class Edge:
    """The ASGI application: serves `routes`, and hands everything but HTTP (start and stop) to `otherwise`."""

    def __init__(self, routes: Sequence[Route], settings: ApiSettings, otherwise: ASGIApp) -> None:
        self._settings = settings
        self._otherwise = otherwise
        self._exact: dict[str, _Place] = {}
        self._under: dict[str, _Place] = {}
        for route in routes:
            self._place(route.path).routes[route.method] = route
        self._greedy = [(prefix, place) for prefix, place in self._under.items() if place.greedy]
        self._files_host = host_of(settings.files_url) if settings.files_url else None

    def _place(self, path: str) -> _Place:
        prefix, brace, name = path.partition("{")
        if not brace:
            return self._exact.setdefault(path, _Place())
        name, _, convertor = name.removesuffix("}").partition(":")
        return self._under.setdefault(prefix, _Place(name, greedy=convertor == "path"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._otherwise(scope, receive, send)
            return
        # Errors before a route is known take the dialects' shape: most clients speak one.
        style: ErrorStyle = dialect_error
        route: Route | None = None
        begun = _Begun(send, body=scope["method"] != "HEAD")
        try:
            route = self._route(scope)
            style = route.errors
            response = await route.handler(Request(scope, receive))
            await response(scope, receive, begun)
        except ClientDisconnect:
            return
        except Exception as error:
            if begun.started:
                raise
            await self._refusal(error, style, scope["method"], route)(scope, receive, begun)
        finally:
            leave(scope)

    def _route(self, scope: Scope) -> Route:
        path, method = scope["path"], scope["method"]
        place, rest = self._find(path)
        if place.parameter:
            scope["path_params"] = {place.parameter: rest}
        route = place.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = place.routes.keys() | ({"HEAD"} if "GET" in place.routes else set())
            raise MethodNotAllowed(method, frozenset(allowed))
        if self._files_host is not None and route.of_files is not (_asked_host(scope) == self._files_host):
            # What somebody uploaded must not share an origin with what a key opens.
            raise NoSuchRoute("Nothing is served at this path.")
        return route

    def _find(self, path: str) -> tuple[_Place, str]:
        place = self._exact.get(path)
        if place is not None:
            return place, ""
        end = path.rfind("/") + 1
        place = self._under.get(path[:end])
        if place is not None and end < len(path):
            return place, path[end:]
        for prefix, place in self._greedy:
            if path.startswith(prefix) and len(path) > len(prefix):
                return place, path[len(prefix) :]
        raise NoSuchRoute("Nothing is served at this path.")

    def _refusal(self, error: Exception, style: ErrorStyle, method: str, route: Route | None) -> Response:
        if status_of(error) != 500:
            return style(error, self._settings)
        fault = new_fault()
        # The route and not the path, where a stranger may have written anything.
        log.error("request_failed", fault=fault, method=method, route=route and route.path, exc_info=error)
        response = style(Fault(fault), self._settings)
        if method == "POST":
            # The task may exist already; an official SDK would otherwise send the create again.
            response.headers["x-should-retry"] = "false"
        return response


def host_of(url: str) -> bytes:
    """What a browser sends as Host for a URL: the name in lower case, and the port where it is not the usual one."""
    parts = urlsplit(url)
    usual = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return parts.netloc.lower().removesuffix(usual).encode()


def _asked_host(scope: Scope) -> bytes:
    """The Host of a request, without a port that goes without saying."""
    for name, value in scope["headers"]:
        if name == b"host":
            host: bytes = value.lower()
            return host.removesuffix(b":443" if scope["scheme"] == "https" else b":80")
    return b""


class _Begun:
    """A `send` that knows whether the answer has begun, and that leaves out the body where there must be none."""

    def __init__(self, send: Send, *, body: bool) -> None:
        self._send = send
        self._body = body
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
        elif not self._body and message.get("body"):
            message = {**message, "body": b""}
        await self._send(message)
