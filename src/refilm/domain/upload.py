"""An upload: a slot for bytes that a client sends before it asks for an edit. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from refilm.domain.uri import UPLOAD_SCHEME


@dataclass(frozen=True)
class Upload:
    """One upload of an account.

    id: an unguessable token of letters, digits, "_" and "-", at least 128 bits of it.
    expires_at: until when the URI may be used.
    key, size: the asset and its bytes, None until they have arrived.
    kind: "video" or "image", and facts: as found by probing, in JSON values; both None until then.
    problem: a sentence that says why nothing can be made of the bytes, or None.
    """

    id: str
    account: str
    filename: str
    created_at: datetime
    expires_at: datetime
    key: str | None = None
    size: int | None = None
    kind: str | None = None
    facts: dict[str, Any] | None = None
    problem: str | None = None

    @property
    def uri(self) -> str:
        """What the client puts where a URL goes."""
        return UPLOAD_SCHEME + self.id

    @property
    def posted_key(self) -> str:
        """Where a bucket puts what its form brought, until somebody looks at it."""
        return f"uploads/{self.id}/posted"

    @property
    def arrived(self) -> bool:
        """Whether the bytes are here."""
        return self.key is not None
