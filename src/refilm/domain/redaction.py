"""What a log, a terminal and an error body must not show, and texts without it. Pure functions over text.

Two kinds of it. A secret opens something: it is cut out always. Content is what clients' tasks are about (prompts,
URLs, file names, what engines and libraries say of them): it is cut out unless the operator wants to see it. Secrets
are known by their look, or because the caller names them; content cannot be known by its look, so whoever logs it says
so by the field's name, and what exceptions say counts as content unless it is known to be ours.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import Any

from refilm.errors import RefilmError

CUT = "[cut]"

#: Fields that hold content.
CONTENT_FIELDS = frozenset({"prompt", "inputs", "words", "filename"})

#: More of one text is not logged. Repetitions below are bounded, too: a stranger's text must not cost time.
LONGEST = 20_000

_NAMES = (
    r"(?:[\w-]{0,40}(?:secret|password|passwd|passphrase|credential|signature|api[_-]?key|access[_-]?key)[\w-]{0,40}"
    r"|[\w-]{0,40}token|x-amz-[\w-]{1,40}|authorization|cookie|sig)"
)
_SECRET_FIELD = re.compile(_NAMES, re.IGNORECASE)

#: What looks like a secret, and what is left of it. The order counts: a URL's parts go before single values.
_LOOKS = (
    (re.compile(r"data:[\w/+.;=-]*;base64,[\w+/=%-]+", re.IGNORECASE), CUT),
    (re.compile(r"(?<=://)[^/\s?#\"'<>]*@"), f"{CUT}@"),
    (re.compile(r"(\bhttps?://[^\s?\"'<>]{0,2048})\?[^\s\"'<>]*", re.IGNORECASE), rf"\1?{CUT}"),
    (
        re.compile(r"\b(authorization[\"']?\s*[:=]\s*[\"']?)(?:[a-z]+ )?(?!\[cut)[^\s\"',}]+", re.IGNORECASE),
        rf"\1{CUT}",
    ),
    (re.compile(r"\b(bearer|basic) (?!\[cut)[^\s\"',}]+", re.IGNORECASE), rf"\1 {CUT}"),
    (re.compile(rf"\b({_NAMES}[\"']?\s*[:=]\s*[\"']?)(?!\[cut)[^\s\"',;&}}\]]+", re.IGNORECASE), rf"\1{CUT}"),
    (re.compile(r"\bkey_[0-9a-f]{16,}", re.IGNORECASE), CUT),
    (re.compile(r"\b(?:sk|pk|rk|hf|ghp|xox[a-z])[-_][\w-]{16,}"), CUT),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), CUT),
)
_CHEAP_SIGNS = re.compile(
    r"://|data:|bearer|basic|key|secret|pass|token|cred|sig|auth|cookie|x-amz|sk|pk|rk|hf|ghp|xox|akia|asia",
    re.IGNORECASE,
)
_PATH = re.compile(r"\b(https?://[^/\s?\"'<>]+/|runway://)[^\s?\"'<>]+", re.IGNORECASE)


def without_secrets(text: str, known: Collection[str] = ()) -> str:
    """The text with what looks like a secret cut out, and what is known to be one. known: not empty texts."""
    for secret in known:
        text = text.replace(secret, CUT)
    if _CHEAP_SIGNS.search(text) is not None:
        for look, left in _LOOKS:
            text = look.sub(left, text)
    return text


def redacted(value: Any, known: Collection[str] = (), *, content: bool = False) -> Any:
    """A value fit for a log, however deep what must not be seen stands. content: whether content may be seen."""
    if isinstance(value, str):
        text = without_secrets(value[:LONGEST], known)
        return text if content else _PATH.sub(rf"\1{CUT}", text)
    if isinstance(value, Mapping):
        return {
            redacted(name, known, content=content): _field(str(name), item, known, content)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item, known, content=content) for item in value]
    plain = value is None or isinstance(value, (bool, int, float))
    return value if plain else redacted(repr(value), known, content=content)


def _field(name: str, value: Any, known: Collection[str], content: bool) -> Any:
    if _SECRET_FIELD.fullmatch(name) is not None or (name in CONTENT_FIELDS and not content):
        return CUT
    return redacted(value, known, content=content)


def told_error(error: BaseException, *, content: bool = False) -> str:
    """An exception with those it arose from, the first one first: where it was, and what it says where that is ours.

    Without the lines of source, and without local variables. content: whether to tell what every exception says.
    """
    parts = []
    for each in reversed([*_causes(error)]):
        frames = [f"  {frame}" for frame in frames_of(each.__traceback__)]
        parts.append("\n".join([*frames, said(each, content=content)]))
    return "\n".join(parts)


def frames_of(at: TracebackType | None) -> list[str]:
    """Where an exception passed, the outermost first: "file:line name"."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(at)]


def said(error: BaseException, *, content: bool = False) -> str:
    """An exception's kind, and its text where that cannot hold content or may be told all the same."""
    kind = type(error).__name__
    if content:
        return f"{kind}: {error}"
    if isinstance(error, RefilmError):
        return kind if error.quotes else f"{kind}: {error}"
    if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno is not None:
        return f"{kind}: {os.strerror(error.errno)}"  # not its own text, which may be anybody's, and names a file
    return kind


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and those it arose from, the last one first."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
