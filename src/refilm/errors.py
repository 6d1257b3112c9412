"""The error tree. Each error carries a sentence for the person who must act on it.

    RefilmError
    ├── InvalidRequest        the request cannot be accepted as sent            (HTTP 400, with issues)
    ├── Refused               the caller is not known                           (HTTP 401)
    ├── Forbidden             the caller is known, and its key is not for this  (HTTP 403)
    ├── TooManyTries          this address sent too many wrong keys             (HTTP 429)
    ├── TooManyRequests       they come faster than is allowed                  (HTTP 429)
    ├── OutOfCredits          the account cannot pay for this                 (HTTP 400)
    ├── CapReached            the account has all that it may have for now    (HTTP 429)
    ├── NotFound              no such thing for this caller                     (HTTP 404)
    ├── Unavailable           a part we need is away for the moment             (HTTP 503)
    ├── StorageFull           no room to accept more bytes                      (HTTP 503)
    ├── Cancelled             somebody asked for this work to stop
    └── EditFailure           the task ends FAILED; knows its failure code and whether a retry can help
        ├── InvalidAsset          ASSET.INVALID
        ├── UnsupportedEdit       INPUT_PREPROCESSING.UNSUPPORTED
        ├── BadOutput             INTERNAL.BAD_OUTPUT
        ├── TooExpensive          INTERNAL.TIMEOUT
        └── EngineCrash           INTERNAL

Knows nothing of HTTP bodies; `refilm.api` turns these into answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


class RefilmError(Exception):
    """Base of everything that Refilm raises on purpose.

    quotes: whether its sentence may quote what a client wrote; such a sentence is for the client, and not for logs.
    """

    quotes: ClassVar[bool] = False


@dataclass(frozen=True)
class Issue:
    """One thing wrong with a request, in the shape of a Zod issue.

    path: where, from the body's root.  code: Zod's word for the kind of trouble.  extra: further members of the
    issue as sent (`maximum`, `expected`, `values`, ...).
    """

    path: tuple[str | int, ...]
    code: str
    message: str
    extra: dict[str, Any] = field(default_factory=dict)


class InvalidRequest(RefilmError):
    """The request cannot be accepted as sent; `issues` name every reason."""

    quotes = True

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__("; ".join(issue.message for issue in issues))
        self.issues = tuple(issues)


class Refused(RefilmError):
    """The caller is not known or may not do this."""


class Forbidden(RefilmError):
    """The caller is known, and its key is not for this."""


class TooManyTries(RefilmError):
    """This address sent too many wrong keys. retry_seconds: when the next one is looked at."""

    def __init__(self, retry_seconds: int) -> None:
        super().__init__("Too many wrong API keys came from this address. Wait before you send another one.")
        self.retry_seconds = retry_seconds


class TooManyRequests(RefilmError):
    """Requests come faster, or more of them at the same time, than one caller is allowed.

    retry_seconds: when the same request may be sent again.
    """

    def __init__(self, sentence: str, retry_seconds: int) -> None:
        super().__init__(f"{sentence} Send it again after the seconds of Retry-After.")
        self.retry_seconds = retry_seconds


class OutOfCredits(RefilmError):
    """The account's credits do not cover what this may cost."""


class CapReached(RefilmError):
    """The account has all that it may have for now. retry_seconds: when there may be room again.

    soon: whether that is worth waiting for within the same call.
    """

    def __init__(self, sentence: str, *, retry_seconds: int, soon: bool) -> None:
        super().__init__(sentence)
        self.retry_seconds = retry_seconds
        self.soon = soon


class NotFound(RefilmError):
    """Nothing of that name exists for this caller. Foreign and unknown look the same."""


class Unavailable(RefilmError):
    """A part that is needed is away for the moment; the same request may succeed later."""


class StorageFull(RefilmError):
    """There is no room to accept more bytes."""


class Cancelled(RefilmError):
    """Somebody asked for this work to stop."""


class EditFailure(RefilmError):
    """The task ends FAILED with this sentence as its `failure`."""

    quotes = True
    failure_code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


class InvalidAsset(EditFailure):
    """An input is not a clip or picture that we can read, or lies outside the model's limits."""

    failure_code = "ASSET.INVALID"


class UnsupportedEdit(EditFailure):
    """The engine cannot do what was asked. `refused` and `possible` name the clauses of the prompt.

    refused: pairs of clause and reason.  possible: what could have been applied.
    """

    failure_code = "INPUT_PREPROCESSING.UNSUPPORTED"

    def __init__(self, message: str, *, refused: Sequence[tuple[str, str]] = (), possible: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.refused = tuple(refused)
        self.possible = tuple(possible)


class BadOutput(EditFailure):
    """The engine finished, but what it wrote is not a playable clip."""

    failure_code = "INTERNAL.BAD_OUTPUT"
    retryable = True


class TooExpensive(EditFailure):
    """The edit ran past the time that an edit may take."""

    failure_code = "INTERNAL.TIMEOUT"


class EngineCrash(EditFailure):
    """The process that ran the edit died. words: what it said itself, which may be a stranger's."""

    quotes = False
    retryable = True
    words: str = ""
