"""Dialect `/v1`: Runway's own spelling."""

from __future__ import annotations

from refilm.api.dialect import Dialect

RUNWAY = Dialect(
    name="runway",
    title="Runway dialect",
    prefix="/v1",
    version_required=frozenset({"GET", "HEAD", "POST", "DELETE"}),
)
