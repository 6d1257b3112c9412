"""Signed, expiring links: HMAC-SHA256 over version, method, path, expiry and key id.

Knows nothing of what lies behind a path. Keys rotate: the first key signs, every key verifies, so a new key is put in
front and the old one stays until its last link has expired.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence

from refilm.errors import Refused

#: Changes whenever the signed message does, so that a signature never means two things.
VERSION = "refilm-link-1"
MIN_SECRET_BYTES = 16

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_EXPIRES = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


class Signer:
    """Makes and checks signatures. Safe to share between threads."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """keys: pairs of key id and secret of at least 16 bytes; the first one signs. Raises ValueError."""
        if not keys:
            raise ValueError("A signer needs at least one key.")
        for key_id, secret in keys:
            if not _KEY_ID.fullmatch(key_id):
                raise ValueError("A signing key's id is 1 to 64 letters, digits, underscores or hyphens.")
            if len(secret) < MIN_SECRET_BYTES:
                raise ValueError(f"The signing key {key_id!r} needs a secret of at least {MIN_SECRET_BYTES} bytes.")
        if len({key_id for key_id, _ in keys}) != len(keys):
            raise ValueError("Two signing keys have the same id.")
        self._keys = dict(keys)
        self._current = keys[0][0]

    def sign(self, method: str, path: str, expires_at: int) -> dict[str, str]:
        """Query parameters (or form fields) that open `path` for `method` until `expires_at`, in epoch seconds.

        method: upper case.  path: as it will stand in the request line, without query.
        """
        expires = str(expires_at)
        if not _EXPIRES.fullmatch(expires):
            raise ValueError("A link expires at a positive number of seconds since 1970.")
        signature = self._signature(method, path, expires, self._current)
        return {"expires": expires, "key_id": self._current, "signature": signature}

    def verify(self, method: str, path: str, params: Mapping[str, str], now: float) -> None:
        """Return if `params` came from `sign` for this method and path and `now` is before the expiry.

        Further params are not looked at. Raises Refused. A server that serves HEAD like GET passes "GET" for both.
        """
        expires, key_id, signature = (params.get(name, "") for name in ("expires", "key_id", "signature"))
        known = key_id in self._keys and _EXPIRES.fullmatch(expires) is not None
        if not known or not _same(signature, self._signature(method, path, expires, key_id)):
            raise Refused("This link is not valid. Use it exactly as it was given to you.")
        if now >= int(expires):
            raise Refused("This link has expired. Ask for the task or the upload again to get a new one.")

    def _signature(self, method: str, path: str, expires: str, key_id: str) -> str:
        parts = [part.encode("utf-8", "surrogatepass") for part in (VERSION, method, path, expires, key_id)]
        # Lengths in front, so that no two lists of parts give the same message.
        message = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        digest = hmac.digest(self._keys[key_id], message, hashlib.sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _same(given: str, expected: str) -> bool:
    """Compare in constant time; as text, because one signature has several base64 spellings."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("ascii"))
