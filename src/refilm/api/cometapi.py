"""Dialect `/runwayml/v1`: CometAPI's spelling. Only the prefix and the version header of GET and DELETE differ."""

from __future__ import annotations

from refilm.api.dialect import Dialect

COMETAPI = Dialect(
    name="cometapi",
    title="CometAPI dialect",
    prefix="/runwayml/v1",
    version_required=frozenset({"POST"}),
)
