"""How one sending of a create is known again when the same is sent once more: what SDKs and careful clients do when an
answer was lost. Plain values; `refilm.store` keeps them, `refilm.service` decides by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

#: How long a client's own Idempotency-Key stands for its first request.
NAMED_TIME = timedelta(hours=24)

#: How long an SDK's second try may come after its first. The official ones give up within three minutes.
TRIED_TIME = timedelta(minutes=3)

#: Tries beyond this are not told apart; the official SDKs make three.
MOST_TRIES = 30

MAX_NAME = 255


@dataclass(frozen=True)
class Sending:
    """One sending of a create.

    key: the id of the API key it came with.  fingerprint: SHA-256 of the body's bytes, hex.
    name: the client's Idempotency-Key, None without.  tries: which try of an SDK this is, 0 for the first; None where
    the client does not say.
    """

    key: str
    fingerprint: str
    name: str | None = None
    tries: int | None = None

    @property
    def may_repeat(self) -> bool:
        """Whether an earlier sending is likely enough to look for it before the inputs are checked."""
        return self.name is not None or bool(self.tries)


def is_other_try(seen: int, tries: int) -> bool:
    """Whether a sending is a further try of one create, and not another create with the same body.

    seen: the tries of that create that came so far, as a bit mask.  tries: of the sending. A number that came before
    belongs to another create. So does a first try, unless all that came so far were retries: then it was overtaken.
    """
    return not seen & 1 << tries and (tries > 0 or not seen & 1)
