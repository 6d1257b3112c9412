"""The query of a list of tasks, read strictly: an unknown name or a value that means nothing is refused, all at once.

A cursor is opaque to clients and holds no secret: it only says where a page ended.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from refilm.domain.edit import Model
from refilm.domain.listing import MAX_PAGE, MAX_TEXT, Listing, Place
from refilm.domain.redaction import without_secrets
from refilm.domain.task import TaskStatus
from refilm.errors import InvalidRequest, Issue

_MOST_PARAMETERS = 64
#: Seconds from the epoch beyond which no task was ever made; not-a-number is beyond too.
_FAR = 1e11


def listing_of(query: bytes) -> Listing:
    """The listing that a query string asks for. Raises InvalidRequest with every issue."""
    members: dict[str, Any] = {}
    problems: list[Issue] = []
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise InvalidRequest([Issue(("query",), "custom", "The query string cannot be read.")]) from None
    for name, value in pairs:
        if name not in _READERS:
            shown = without_secrets(name[:200])[:40]
            told = f"There is no parameter {shown!r}; there are {', '.join(_READERS)}."
            problems.append(Issue(("query", shown), "unrecognized_keys", told, {"keys": [shown]}))
            continue
        try:
            member, read, many = _READERS[name]
            members[member] = members.get(member, frozenset()) | {read(value)} if many else read(value)
        except ValueError as error:
            problems.append(Issue(("query", name), "invalid_value", f"{name}: {error}"))
    if problems:
        raise InvalidRequest(problems)
    return Listing(**members)


def cursor_of(place: Place) -> str:
    """Where a page ended, for the client to hand back."""
    return base64.urlsafe_b64encode(f"{place.created_at!r} {place.task_id}".encode()).decode().rstrip("=")


def _place(cursor: str) -> Place:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        created_at, task_id = text.split(" ")
        place = Place(float(created_at), task_id)
    except (ValueError, binascii.Error):
        place = None
    if place is None or cursor_of(place) != cursor or not abs(place.created_at) < _FAR:
        raise ValueError("this is no cursor of ours; send nextCursor of the page before")
    return place


def _limit(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 3 and 1 <= int(value) <= MAX_PAGE):
        raise ValueError(f"must be a whole number from 1 to {MAX_PAGE}")
    return int(value)


def _status(value: str) -> TaskStatus:
    try:
        return TaskStatus(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(TaskStatus)}") from None


def _model(value: str) -> Model:
    try:
        return Model(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Model)}") from None


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("must be a date or a time of ISO 8601, e.g. 2026-11-22T09:30:00Z") from None


def _text(value: str) -> str:
    if not 1 <= len(value) <= MAX_TEXT:
        raise ValueError(f"must have 1 to {MAX_TEXT} characters")
    return value


#: Parameter: (member of Listing, reader, whether it may be given several times).
_READERS: dict[str, tuple[str, Callable[[str], Any], bool]] = {
    "status": ("statuses", _status, True),
    "model": ("models", _model, True),
    "engine": ("engine", _text, False),
    "since": ("since", _moment, False),
    "before": ("before", _moment, False),
    "text": ("text", _text, False),
    "limit": ("limit", _limit, False),
    "cursor": ("after", _place, False),
}
