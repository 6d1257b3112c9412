"""R14 in short: the matrix of all endpoints, some forged links and wrong keys; and that the matrix notices a leak."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
import tenancy
from r14_tenancy import Wishes, run
from starlette.responses import Response
from tenancy import Tenants, matrix

from refilm.api.edge import Route
from refilm.service import Service


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Refusals are what this is about."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(("kind", "keys"), [("sqlite", 1100), pytest.param("postgres", 200, marks=pytest.mark.slow)])
def test_no_account_learns_of_another(kind: str, keys: int, tmp_path: Path):
    """Every endpoint answers foreign and unknown alike; no forged link opens anything, no wrong key gets in."""
    found = run(Wishes(kind, links=240, keys=keys, polls=5, seed=3, data=tmp_path))

    # How long single polls take on a busy machine proves nothing.
    assert [fault for fault in found.wrong if "differ by" not in fault] == []
    assert found.told[0] == f"{len(tenancy.ROWS)} endpoints"


@pytest.fixture
def tenants(tmp_path: Path) -> Iterator[Tenants]:
    """Two accounts on one server."""
    with closing(Tenants(tmp_path)) as made:
        yield made


def test_an_endpoint_without_a_row_is_noticed(tenants: Tenants, monkeypatch: pytest.MonkeyPatch):
    """Whoever adds an endpoint must say what it may tell; whoever removes one, that it is gone."""
    row = tenancy.ROWS["GET", "/health"]
    monkeypatch.setattr(tenancy, "ROWS", {("GET", "/health"): row, ("GET", "/gone"): row})

    wrong = matrix(tenants)

    assert "GET /gone: a row for an endpoint that is not there" in wrong
    assert "GET /v1/tasks/{task_id}: no row says what it may tell" in wrong
    assert not [fault for fault in wrong if "/health" in fault]


def test_a_leak_is_noticed(tenants: Tenants, monkeypatch: pytest.MonkeyPatch):
    """With the owner left out of a single question, the matrix names the endpoints that ask it."""

    def anybodys(self: Service, caller: Any, task_id: str) -> Any:
        return self._store.task(task_id) or real_task(self, caller, task_id)

    real_task = Service.task
    monkeypatch.setattr(Service, "task", anybodys)

    wrong = matrix(tenants)

    assert {fault.split(":")[0] for fault in wrong} == {
        "GET /v1/tasks/{task_id}",
        "GET /runwayml/v1/tasks/{task_id}",
        "GET /refilm/v1/tasks/{task_id}",
    }


def test_a_door_without_a_lock_is_noticed(tenants: Tenants):
    """An endpoint that asks for no key, though its row says so, is named."""

    async def open_door(request: Any) -> Response:
        return Response(b"{}", media_type="application/json")

    for served in tenants.server.app.served:  # type: ignore[attr-defined]
        if (served.method, served.path) == ("GET", "/v1/organization"):
            object.__setattr__(served, "handler", open_door)
    assert isinstance(served, Route)

    assert "GET /v1/organization: with the key None: 200" in matrix(tenants)
