"""The HTTP application: which routes there are, and FastAPI around them for documentation and life cycle."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from prometheus_client import REGISTRY, CollectorRegistry
from starlette.types import ASGIApp

from refilm import __version__
from refilm.accounts import Accounts
from refilm.api import schemas
from refilm.api.admin import AdminEndpoints
from refilm.api.auth import Gate
from refilm.api.body import JsonBodies
from refilm.api.clients import Clients
from refilm.api.cometapi import COMETAPI
from refilm.api.dialect import Endpoints, Parts
from refilm.api.edge import Edge, Route
from refilm.api.files import FileEndpoints
from refilm.api.lockout import Lockout
from refilm.api.probes import Probes
from refilm.api.runway import RUNWAY
from refilm.api.settings import ApiSettings
from refilm.api.shares import Shares
from refilm.api.tasks import TaskEndpoints
from refilm.audit import Audit, NoAudit
from refilm.service import Service
from refilm.uploads import Uploads

DESCRIPTION = (
    "Video-to-video on your own machine, in the spelling of Runway's API (`/v1`) and of CometAPI's (`/runwayml/v1`). "
    "Not affiliated with Runway or CometAPI."
)
#: Ours is at /metrics. FastAPI's own would look into the environment at each request.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
SECURITY = {"bearer": {"type": "http", "scheme": "bearer", "description": "A key made by `refilm keys create`."}}


def create_app(
    service: Service,
    accounts: Accounts,
    uploads: Uploads,
    settings: ApiSettings | None = None,
    *,
    metrics: CollectorRegistry = REGISTRY,
    audit: Audit | None = None,
) -> FastAPI:
    """The application over these parts.

    metrics: what /metrics shows.  audit: where it is noted who does what.
    """
    settings = settings or ApiSettings()
    gate = Gate(
        accounts,
        Lockout(settings.lockout),
        Clients(settings.trusted_proxies),
        audit or NoAudit(),
        Shares(settings.shares),
    )
    parts = Parts(service, accounts, uploads, settings, JsonBodies(settings), gate)
    app = RefilmApp(settings)
    for endpoints in (
        Endpoints(RUNWAY, parts),
        Endpoints(COMETAPI, parts),
        TaskEndpoints(parts),
        AdminEndpoints(parts),
        FileEndpoints(parts),
        Probes(service, gate, metrics, app.openapi),
    ):
        app.serve(endpoints.routes())
    return app


class RefilmApp(FastAPI):
    """FastAPI, which describes the routes and runs the life cycle, with `Edge` serving them."""

    def __init__(self, settings: ApiSettings) -> None:
        super().__init__(
            title="Refilm",
            version=__version__,
            description=DESCRIPTION,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            telemetry=NO_TELEMETRY,
        )
        self._settings = settings
        self.served: list[Route] = []

    def serve(self, routes: list[Route]) -> None:
        """Add routes. Those with an operation are described in the document."""
        self.served.extend(routes)
        self.router.routes.extend(_described(route) for route in routes if route.operation)

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's own stack costs a poll as much as answering it; ours is one step."""
        return Edge(self.served, self._settings, otherwise=self.router)

    def openapi(self) -> dict[str, Any]:
        """The document of all routes; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"] = {"schemas": schemas.components(), "securitySchemes": SECURITY}
            self.openapi_schema = document
        return self.openapi_schema


def _described(route: Route) -> APIRoute:
    """The route for FastAPI's document. Its answers are all written down: 422 and untyped 200 are none of ours."""
    return APIRoute(
        route.path,
        route.handler,
        methods=[route.method],
        summary=route.operation["summary"],
        tags=route.operation["tags"],
        operation_id=route.operation["operationId"],
        description=route.handler.__doc__ or "",
        responses=dict(route.operation["responses"]),
        openapi_extra={key: route.operation[key] for key in _EXTRA if key in route.operation},
        status_code=int(next(iter(route.operation["responses"]))),
        response_model=None,
    )


_EXTRA = ("parameters", "requestBody", "security")
