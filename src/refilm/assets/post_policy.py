"""Forms that let a stranger put one object into a bucket: browser-based uploads by POST, signed with SigV4.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html. The bucket checks all of it: the
exact key, the number of bytes, the type and the time. Knows nothing of assets and asks nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Signature:
    """Who signs, and for which region. secret_key: of the access key; never shown."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str

    def scope(self, at: datetime) -> str:
        """What a signature of that day is good for."""
        return f"{at:%Y%m%d}/{self.region}/s3/aws4_request"

    def of(self, text: str, at: datetime) -> str:
        """The signature of a text, hex."""
        key = b"AWS4" + self.secret_key.encode()
        for part in self.scope(at).split("/"):
            key = _hmac(key, part)
        return _hmac(key, text).hex()


def post_fields(
    signature: Signature, *, bucket: str, key: str, sizes: tuple[int, int], at: datetime, until: datetime
) -> dict[str, str]:
    """The fields of a form for one object of so many bytes (least, most), good from `at` to `until`.

    AWS takes no field that the policy does not name, and other servers know no field but S3's own: `metadata`, which
    Runway's SDKs send when they are asked to, is refused by the former and ignored by the latter.
    """
    at, until = at.astimezone(UTC), until.astimezone(UTC)
    fields = {
        "key": key,
        "Content-Type": "application/octet-stream",  # whatever it is, nobody's browser shall run it
        "success_action_status": "204",
        "x-amz-algorithm": _ALGORITHM,
        "x-amz-credential": f"{signature.access_key}/{signature.scope(at)}",
        "x-amz-date": f"{at:%Y%m%dT%H%M%SZ}",
    }
    conditions: list[Any] = [
        {"bucket": bucket},
        *({name: value} for name, value in fields.items()),
        ["content-length-range", *sizes],
    ]
    # Whole seconds, rounded up: a form is never good for less than was said.
    expiration = f"{until + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.000Z}"
    policy = b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode()).decode()
    return {**fields, "policy": policy, "x-amz-signature": signature.of(policy, at)}


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)
