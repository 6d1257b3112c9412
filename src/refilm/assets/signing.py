"""Signed, expiring links: HMAC-SHA256 over version, method, path, expiry and key id.

Knows nothing of what lies behind a path. Keys rotate: the first key signs, every key verifies, so a new key is put in
front and the old one stays until its last link has expired. Where many processes share the keys, a new one waits until
all of them know it before it signs.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from refilm.errors import Refused

#: Changes whenever the signed message does, so that a signature never means two things.
VERSION = "refilm-link-1"
MIN_SECRET_BYTES = 16

#: What a new key waits before it signs where there is another: processes look for new ones three times in that.
SIGNS_AFTER = timedelta(seconds=60)
LOOK_SECONDS = SIGNS_AFTER.total_seconds() / 3

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


@dataclass(frozen=True)
class SigningKey:
    """A key that signs links or did."""

    id: str
    secret: bytes = field(repr=False)
    created_at: datetime


def in_order(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """The keys, the one that signs in front: the newest that every process knows by now, else the oldest."""
    newest_first = sorted(keys, key=lambda key: (key.created_at, key.id), reverse=True)
    known = [key for key in newest_first if now - key.created_at >= SIGNS_AFTER]
    front = known[0] if known else newest_first[-1]
    return [front, *(key for key in newest_first if key is not front)]


class Signer:
    """Makes and checks signatures. Safe to share between threads."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """keys: pairs of key id and secret of at least 16 bytes; the first one signs. Raises ValueError."""
        self.take(keys)

    def take(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Use these keys from now on, in the place of those before. Raises ValueError."""
        if not keys:
            raise ValueError("A signer needs at least one key.")
        for key_id, secret in keys:
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError("A signing key's id is 1 to 64 letters, digits, underscores or hyphens.")
            if len(secret) < MIN_SECRET_BYTES:
                raise ValueError(f"The signing key {key_id!r} needs a secret of at least {MIN_SECRET_BYTES} bytes.")
        if len({key_id for key_id, _ in keys}) != len(keys):
            raise ValueError("Two signing keys have the same id.")
        # One assignment, so that a thread sees the old keys or the new ones.
        self._ring = keys[0][0], dict(keys)

    def sign(self, method: str, path: str, expires_at: int) -> dict[str, str]:
        """Query parameters (or form fields) that open `path` for `method` until `expires_at`, in epoch seconds.

        method: upper case.  path: as it will stand in the request line, without query.
        """
        expires = str(expires_at)
        if not _EXPIRES.fullmatch(expires):
            raise ValueError("A link expires at a positive number of seconds since 1970.")
        current, keys = self._ring
        signature = _signature(keys[current], method, path, expires, current)
        return {"expires": expires, "key_id": current, "signature": signature}

    def verify(self, method: str, path: str, params: Mapping[str, str], now: float) -> None:
        """Return if `params` came from `sign` for this method and path and `now` is before the expiry.

        Further params are not looked at. Raises Refused, with one sentence whatever is wrong. A server that serves HEAD
        like GET passes "GET" for both.
        """
        expires, key_id, signature = (params.get(name, "") for name in ("expires", "key_id", "signature"))
        secret = self._ring[1].get(key_id)
        genuine = (
            secret is not None
            and _EXPIRES.fullmatch(expires) is not None
            and _same(signature, _signature(secret, method, path, expires, key_id))
        )
        if not genuine or now >= int(expires):
            raise Refused(
                "This link is not valid or has expired. Use it exactly as it was given to you, or ask for the task or "
                "the upload again to get a new one."
            )


def _signature(secret: bytes, method: str, path: str, expires: str, key_id: str) -> str:
    parts = [part.encode("utf-8", "surrogatepass") for part in (VERSION, method, path, expires, key_id)]
    # Lengths in front, so that no two lists of parts give the same message.
    message = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    digest = hmac.digest(secret, message, hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _same(given: str, expected: str) -> bool:
    """Compare in constant time; as text, because one signature has several base64 spellings."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("ascii"))
