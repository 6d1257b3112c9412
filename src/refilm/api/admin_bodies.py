"""The JSON bodies of administration, and how they become values of the domain. As strict as the dialects are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from refilm.api.wire import STRICT, valid
from refilm.domain.account import USUAL_SCOPES, KeyScope, NewKey
from refilm.errors import InvalidRequest, Issue

#: The longest name of an account or a key, and how far priorities go.
MAX_NAME, MAX_PRIORITY = 100, 100


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise PydanticCustomError("custom", "must be printable, without spaces around it")
    return text


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_printable)]
ScopeName = Annotated[str, Field(json_schema_extra={"enum": list(KeyScope)})]


class KeyBody(TypedDict):
    """A key that is to be made."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    account: Annotated[Name, Field(description="Name of the account, which is made where it is new.")]
    name: NotRequired[Annotated[Name, Field(description="What the key is called; absent: like its account.")]]
    scopes: NotRequired[
        Annotated[list[ScopeName], Field(min_length=1, max_length=16, description="Absent: create and read.")]
    ]
    expiresAt: NotRequired[
        Annotated[
            str, Field(json_schema_extra={"format": "date-time"}, description="When it ends; absent: when revoked.")
        ]
    ]
    priority: NotRequired[Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]]


class TermsBody(TypedDict):
    """What of an account is to be changed; null takes away."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    tier: NotRequired[Annotated[str | None, Field(description="One of the setting's tiers; null: none of its own.")]]
    credits: NotRequired[
        Annotated[int | None, Field(ge=0, le=2_147_483_647, description="What is left from now on; null: not counted.")]
    ]


KEY: TypeAdapter[Any] = TypeAdapter(KeyBody)
TERMS: TypeAdapter[Any] = TypeAdapter(TermsBody)


def parse_key(body: object) -> NewKey:
    """The key that is wanted. Raises InvalidRequest."""
    members = valid(KEY, body)
    return NewKey(
        account=members["account"],
        name=members.get("name"),
        scopes=_scopes(members["scopes"]) if "scopes" in members else USUAL_SCOPES,
        expires_at=_moment(members["expiresAt"]) if "expiresAt" in members else None,
        priority=members.get("priority", 0),
    )


def parse_terms(body: object, tiers: Collection[str]) -> Mapping[str, Any]:
    """What is to be changed: "tier", "credits" or both. tiers: those that there are.  Raises InvalidRequest."""
    members = valid(TERMS, body)
    tier = members.get("tier")
    if tier is not None and tier not in tiers:
        told = f"There is no such tier; there are {', '.join(sorted(tiers)) or 'none'}."
        raise InvalidRequest([Issue(("tier",), "invalid_value", told, {"values": sorted(tiers)})])
    if not members:
        raise InvalidRequest([Issue((), "custom", "Say what to change: tier, credits or both.")])
    return members


def _scopes(names: list[str]) -> frozenset[KeyScope]:
    unknown = [
        Issue(
            ("scopes", place), "invalid_value", f"A scope is one of {', '.join(KeyScope)}.", {"values": list(KeyScope)}
        )
        for place, name in enumerate(names)
        if name not in tuple(KeyScope)
    ]
    if unknown:
        raise InvalidRequest(unknown)
    return frozenset(KeyScope(name) for name in names)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or not 0 < moment.timestamp() < 1e11:
            raise ValueError(text)
    except (ValueError, OverflowError):
        told = "expiresAt must be a time of ISO 8601 with its zone, e.g. 2027-01-31T12:00:00Z."
        raise InvalidRequest([Issue(("expiresAt",), "custom", told)]) from None
    return moment
