"""Every way in which a request is refused: the error, its HTTP status, what caused it, what the caller should do.

The edge finds an error's status here, and the table of `docs/reference/failures.md` is made from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from refilm import errors


class VersionRefused(errors.RefilmError):
    """The X-Runway-Version header is missing or names a version that does not exist."""


class BodyTooLarge(errors.RefilmError):
    """The body is larger than this server accepts."""


class EncodedBody(errors.RefilmError):
    """The body is compressed, or encoded otherwise."""


class Fault(errors.RefilmError):
    """Something that nobody foresaw. All that is told of it is the name under which it was logged."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Something went wrong on this server. Its log has it under the name {name}.")


class NoSuchRoute(errors.RefilmError):
    """Nothing is served at this path."""


class MethodNotAllowed(errors.RefilmError):
    """The path exists, but not for this method."""

    def __init__(self, method: str, allowed: frozenset[str]) -> None:
        super().__init__(f"{method} is not supported on this path.")
        self.allowed = allowed


@dataclass(frozen=True)
class Refusal:
    """One way to be refused. of_links: only where a signed link or form is asked for."""

    status: int
    raised: type[errors.RefilmError]
    cause: str
    advice: str
    of_links: bool = False


REFUSALS = (
    Refusal(
        400, errors.InvalidRequest, "the body or an input cannot be accepted; `issues` names every reason", "mend it"
    ),
    Refusal(400, VersionRefused, "`X-Runway-Version` is missing or names another date", "send `2024-11-06`"),
    Refusal(
        400,
        errors.OutOfCredits,
        "the account's credits do not cover what the task may cost; no `issues`",
        "ask the operator; `GET /v1/organization` tells what is left",
    ),
    Refusal(
        401, errors.Refused, "no key, or one that is mistyped, unknown, revoked or expired", "`refilm keys create`"
    ),
    Refusal(403, errors.Forbidden, "the key lacks the scope that the sentence names", "a key with that scope"),
    Refusal(
        403,
        errors.Refused,
        "a signed link or form was changed, has expired, or the slot is filled",
        "poll for a fresh link; make a new slot",
        of_links=True,
    ),
    Refusal(404, errors.NotFound, "no such task for this key", "check the id and the key"),
    Refusal(404, NoSuchRoute, "no such path", "check the base URL (no `/v1` for SDKs)"),
    Refusal(405, MethodNotAllowed, "the path has other methods, named in `Allow`", "one of those"),
    Refusal(
        413,
        BodyTooLarge,
        "over `REFILM_MAX_BODY_BYTES`, or `REFILM_MAX_UPLOAD_BYTES` for a file",
        "upload instead of a data URI; a smaller file",
    ),
    Refusal(
        415,
        EncodedBody,
        "the body has a `Content-Encoding`, or a `Transfer-Encoding` but chunked",
        "send it as it is",
    ),
    Refusal(
        429,
        errors.CapReached,
        'the operator\'s cap of tasks in 24 hours (the sentence says "daily task limit"), or of tasks that wait',
        "wait for `Retry-After`; ask the operator for more",
    ),
    Refusal(
        429,
        errors.TooManyRequests,
        "this key, or without a key this address, sends more requests in a second, or at the same time, than "
        "[the front door](../explanation/front-door.md) lets in",
        "wait for `Retry-After`; the SDKs do by themselves",
    ),
    Refusal(
        429,
        errors.TooManyTries,
        "more wrong keys came from this address than `REFILM_MAX_WRONG_KEYS`; keys that worked here before still do",
        "mend the key, wait for `Retry-After`",
    ),
    Refusal(
        500,
        Fault,
        "a fault of ours; the sentence gives its name and nothing else",
        "report it with the log line `request_failed` whose `fault` is that name",
    ),
    Refusal(
        503,
        errors.Unavailable,
        "the database cannot be written for the moment, or large bodies fill `REFILM_MAX_BODIES_BYTES`",
        "the SDKs try again by themselves",
    ),
    Refusal(503, errors.StorageFull, "no room on the disk", "[make room](../howto/run-a-server.md#room-on-the-disk)"),
)


def status_of(error: Exception) -> int:
    """The HTTP status of an error where no link is asked for; 500 for one that nobody foresaw."""
    return next((row.status for row in REFUSALS if not row.of_links and isinstance(error, row.raised)), 500)
