"""Validation errors as Zod-shaped issues, the spelling that Runway's clients read.

Pure. Knows pydantic's error list and Zod's words; knows nothing of requests or answers.
Shapes: https://zod.dev/error-formatting (version 4), with `type` kept beside `origin` as Runway's own answers have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from refilm.domain.redaction import without_secrets
from refilm.errors import Issue

#: Nobody mends more than this at once, and an answer must not grow with a hostile body.
MAX_ISSUES = 100

#: pydantic's word for a wrong type, and the type that Zod would have expected.
_EXPECTED_BY_ERROR = {
    "string_type": "string",
    "string_unicode": "string",
    "int_type": "number",
    "int_parsing_size": "number",
    "float_type": "number",
    "finite_number": "number",
    "dict_type": "object",
    "list_type": "array",
}
#: What a missing member should have been; every other member of our bodies is a string.
_EXPECTED_BY_NAME = {"start_seconds": "number", "end_seconds": "number"}

#: Characters of an unknown member's name that are told.
MAX_NAME = 1000

#: Codes that our own validators raise, message and members ready.
_OWN_CODES = frozenset({"custom", "too_big", "too_small", "invalid_value"})


def received(value: object) -> str:
    """The JSON type of a value, in Zod's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "unknown")


def wrong_type(path: Sequence[str | int], expected: str, got: str) -> Issue:
    """A member of the wrong type, or (`got` "undefined") a missing one."""
    message = f"Invalid input: expected {expected}, received {got}"
    return Issue(tuple(path), "invalid_type", message, {"expected": expected})


def no_discriminator(name: str, options: Sequence[str]) -> Issue:
    """A union whose discriminator names none of its branches."""
    message = f"Invalid input: expected {name} to be one of {_listed(options)}"
    extra = {"errors": [], "note": "No matching discriminator", "discriminator": name}
    return Issue((name,), "invalid_union", message, extra)


def outside(path: Sequence[str | int], origin: str, *, low: float | None = None, high: float | None = None) -> Issue:
    """A string, array or number beyond one inclusive bound."""
    code, word, sign, bound = ("too_small", "small", ">=", low) if high is None else ("too_big", "big", "<=", high)
    bound = int(bound) if isinstance(bound, float) and bound.is_integer() else bound  # 1.0 is 1 in JavaScript
    unit = {"string": "to have {} characters", "array": "to have {} items", "number": "to be {}"}[origin]
    message = f"Too {word}: expected {origin} " + unit.format(f"{sign}{bound}")
    side = "minimum" if high is None else "maximum"
    return Issue(tuple(path), code, message, {side: bound, "type": origin, "inclusive": True, "origin": origin})


def not_an_option(path: Sequence[str | int], options: Sequence[str]) -> Issue:
    """A value that is none of the listed ones."""
    expected = _listed(options) if len(options) == 1 else f"one of {_listed(options)}"
    message = f"Invalid {'input' if len(options) == 1 else 'option'}: expected {expected}"
    return Issue(tuple(path), "invalid_value", message, {"values": list(options)})


def _listed(options: Sequence[str]) -> str:
    return "|".join(f'"{option}"' for option in options)


def from_pydantic(errors: Sequence[ErrorDetails], *, skip: int = 0) -> list[Issue]:
    """Every error as an issue; unknown members of one object are gathered into one issue at its end.

    skip: how many leading parts of each location are not the client's (the tag of a discriminated union).
    """
    found: list[Issue] = []
    unknown: dict[tuple[str | int, ...], list[str]] = {}
    for error in errors:
        path = error["loc"][skip:]
        if error["type"] == "extra_forbidden":
            unknown.setdefault(path[:-1], []).append(str(path[-1]))
        else:
            found.append(_issue(path, error))
    return found + [unrecognized(path, keys) for path, keys in unknown.items()]


def unrecognized(path: tuple[str | int, ...], keys: list[str]) -> Issue:
    """Members that an object must not have. Their names are told; a key that somebody put there is not."""
    shown = [without_secrets(key[:MAX_NAME]) for key in keys[:MAX_ISSUES]]
    named = ", ".join(f'"{key}"' for key in shown)
    return Issue(path, "unrecognized_keys", f"Unrecognized key{'s' * (len(keys) > 1)}: {named}", {"keys": shown})


def _issue(path: tuple[str | int, ...], error: ErrorDetails) -> Issue:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "missing":
        return wrong_type(path, _EXPECTED_BY_NAME.get(str(path[-1]), "string"), "undefined")
    if kind in _EXPECTED_BY_ERROR:
        fraction = kind == "int_type" and isinstance(value, float)
        return wrong_type(path, "int" if fraction else _EXPECTED_BY_ERROR[kind], received(value))
    if kind == "literal_error":
        # pydantic names the options in prose only: "'auto' or 'low'". Ours contain no quotes.
        return not_an_option(path, re.findall(r"'([^']*)'", context["expected"]))
    if kind in _OWN_CODES:
        return Issue(path, kind, error["msg"], {key: member for key, member in context.items() if key != "sentence"})
    return _bound(path, kind, context) or Issue(path, "custom", error["msg"])


def _bound(path: tuple[str | int, ...], kind: str, context: Mapping[str, Any]) -> Issue | None:
    if kind == "greater_than_equal":
        return outside(path, "number", low=context["ge"])
    if kind == "less_than_equal":
        return outside(path, "number", high=context["le"])
    if kind in ("string_too_short", "too_short"):
        return outside(path, "string" if kind.startswith("string") else "array", low=context["min_length"])
    if kind in ("string_too_long", "too_long"):
        return outside(path, "string" if kind.startswith("string") else "array", high=context["max_length"])
    return None


#: Names of the domain that the wire spells otherwise. (A keyframe's range has snake_case names on the wire too.)
_ON_THE_WIRE = {"video_uri": "videoUri", "prompt_text": "promptText"}


def on_the_wire(path: Sequence[str | int]) -> list[str | int]:
    """A path as the client knows it: ("video_uri",) is ["videoUri"]."""
    return [_ON_THE_WIRE.get(part, part) if isinstance(part, str) else part for part in path]


def body_of(issue: Issue) -> dict[str, Any]:
    """The issue as it is sent."""
    return {**issue.extra, "code": issue.code, "path": on_the_wire(issue.path), "message": issue.message}
