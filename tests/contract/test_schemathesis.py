"""What the OpenAPI document says is what the server does, for requests that nobody thought of.

Schemathesis makes requests from the document, right ones and wrong ones, the same ones in every run.
"""

from __future__ import annotations

import itertools
from typing import Any, cast

import pytest
import schemathesis
from contract_server import ContractServer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from refilm.api.app import create_app

STATUSES = ("PENDING", "THROTTLED", "RUNNING", "SUCCEEDED", "FAILED")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def operations() -> list[Any]:
    """Every operation of the document. The document depends on no part of the server."""
    nothing = cast("Any", None)
    schema = schemathesis.openapi.from_dict(create_app(nothing, nothing, nothing).openapi())
    found = [result.ok() for result in schema.get_all_operations()]
    return [pytest.param(operation, id=f"{operation.method.upper()} {operation.path}") for operation in found]


@pytest.fixture(scope="module")
def task_ids(contract_server: ContractServer) -> dict[str, str]:
    """A task in each status."""
    return {status: contract_server.task(status).id for status in STATUSES}


def with_real_inputs(body: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The body with uploads that exist in the place of its texts that name none: else no create would be accepted."""
    real = dict(body)
    if isinstance(body.get("videoUri"), str):
        real["videoUri"] = values["video"]
    for name in ("references", "keyframes"):
        if isinstance(body.get(name), list):
            items = [{**item, "uri": values["image"]} if isinstance(item, dict) else item for item in body[name]]
            real[name] = items
    return real


@pytest.mark.parametrize("operation", operations())
def test_the_document_is_true(operation: Any, contract_server: ContractServer, task_ids: dict[str, str]) -> None:
    """No 5xx, no undocumented status, header or type, and every body has the documented shape."""
    turns = itertools.count()
    headers = {"authorization": f"Bearer {contract_server.keys['owner']}"}

    @settings(
        max_examples=50,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(operation.as_strategy(mode) for mode in GenerationMode))
    def hold(case: schemathesis.Case) -> None:
        turn = next(turns)
        if "task_id" in case.path_parameters and turn % 3:
            status = STATUSES[turn % len(STATUSES)]
            fresh = operation.method == "delete"
            case.path_parameters["task_id"] = contract_server.task(status).id if fresh else task_ids[status]
        if isinstance(case.body, dict) and turn % 2:
            case.body = with_real_inputs(case.body, contract_server.values)
        key = headers if turn % 8 else {}

        case.call_and_validate(app=contract_server.server.app, headers=key, checks=CHECKS)

    hold()


def test_the_document_names_every_route(contract_server: ContractServer) -> None:
    """Whatever is served is described, but for the document itself, in both dialects alike."""
    described = {
        (method.upper(), path)
        for path, methods in contract_server.server.app.openapi()["paths"].items()
        for method in methods
    }

    served = {(route.method, route.path.replace(":path", "")) for route in contract_server.server.app.served}  # type: ignore[attr-defined]
    assert served - described == {("GET", "/openapi.json")}
    runway = {(method, path) for method, path in described if path.startswith("/v1/")}
    assert {(method, f"/runwayml{path}") for method, path in runway} <= described
