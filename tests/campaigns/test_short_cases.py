"""R12 in short: a few requests of each kind, a run that is taken up again, and a document that lies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import r12_schemathesis
from r12_schemathesis import Found, Trial, Wishes, run, told
from starlette.responses import Response
from tenancy import Tenants


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few cases, so that every operation has its turn."""
    monkeypatch.setattr(r12_schemathesis, "BATCH", 4)


@pytest.mark.filterwarnings("ignore")  # of generators that find an operation hard to get wrong
def test_the_document_is_true_and_a_run_goes_on_where_it_ended(tmp_path: Path):
    """No operation answers otherwise than documented; what was tried before is not tried again."""
    first = run(Wishes("sqlite", 30, 5, tmp_path))
    again = run(Wishes("sqlite", 100, 5, tmp_path))

    assert first.wrong == again.wrong == []
    assert first.cases >= 30
    assert again.cases >= 100
    assert first.batches.items() < again.batches.items()
    assert sum(again.statuses.values()) == again.cases
    assert "0 wrong in" in told(again, Wishes("sqlite", 100, 5, tmp_path))


@pytest.mark.filterwarnings("ignore")
def test_a_document_that_lies_is_noticed(tmp_path: Path):
    """A status that it does not name is named, with the operation."""

    async def teapot(request: Any) -> Response:
        return Response(b"{}", 418, media_type="application/json")

    with closing(Tenants(tmp_path)) as tenants:
        for served in tenants.server.app.served:  # type: ignore[attr-defined]
            if served.path == "/health":
                object.__setattr__(served, "handler", teapot)
        found = Found()
        trial = Trial(tenants, found)
        trial.batch("GET /health", 1)
        trial.batch("GET /ready", 2)

    assert len(found.wrong) == 1
    assert found.wrong[0].startswith("GET /health, batch 1: ")
    assert "418" in found.wrong[0]
