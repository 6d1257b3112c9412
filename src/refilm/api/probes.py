"""What operators ask a server: does it answer, can it work, how much has it done, what does it serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from refilm.api import operations
from refilm.api.answers import JSON_TYPE, json_answer
from refilm.api.auth import Gate
from refilm.api.edge import Route
from refilm.service import Service

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Probes:
    """Health, readiness, counters and the OpenAPI document."""

    def __init__(
        self, service: Service, gate: Gate, metrics: CollectorRegistry, document: Callable[[], dict[str, Any]]
    ) -> None:
        self._service = service
        self._gate = gate
        self._metrics = metrics
        self._document = document

    def routes(self) -> list[Route]:
        """Every route of operation."""
        return [
            Route("GET", "/health", self.health, operation=operations.HEALTH),
            Route("GET", "/ready", self.ready, operation=operations.READY),
            Route("GET", "/metrics", self.metrics, operation=operations.METRICS),
            Route("GET", "/openapi.json", self.openapi),
        ]

    async def health(self, request: Request) -> Response:
        """The process answers."""
        return json_answer({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether tasks can be taken and worked on."""
        readiness = await asyncio.to_thread(self._service.readiness)
        return json_answer(readiness, 200 if readiness["ready"] else 503)

    async def metrics(self, request: Request) -> Response:
        """Counters in Prometheus' text format."""
        self._gate.keyless(request.scope)
        text = await asyncio.to_thread(generate_latest, self._metrics)
        return Response(text, media_type=METRICS_TYPE)

    async def openapi(self, request: Request) -> Response:
        """What is served, as OpenAPI 3.1."""
        self._gate.keyless(request.scope)
        return Response(to_json(self._document()), media_type=JSON_TYPE)
