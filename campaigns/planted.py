"""Secrets that are planted in a server's settings and in requests, and where each of them may be found again.

Made from a seed, of letters and digits that occur nowhere else, so that a search finds a secret and nothing but one.
Knows nothing of servers: it is given texts to search.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class Kind(Enum):
    """What a secret is. CREDENTIAL: opens something.  CONTENT: what a client's task is about."""

    CREDENTIAL = "credential"
    CONTENT = "content"


@dataclass(frozen=True)
class Secret:
    """One planted secret. name: where it was planted."""

    name: str
    value: str
    kind: Kind

    def spellings(self) -> set[bytes]:
        """How it may be written: as it is, quoted as in URLs, in base64."""
        raw = self.value.encode()
        coded = base64.b64encode(raw).decode().rstrip("=")
        # Inside a longer text that is coded, its own letters are shifted by none, one or two bytes.
        shifted = [base64.b64encode(b"\0" * by + raw)[4:-4] for by in (1, 2)]
        return {raw, quote(self.value).encode(), coded[:-1].encode(), *shifted}


class Planted:
    """Every secret of one run."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.secrets: dict[str, Secret] = {}

    def credential(self, name: str, prefix: str = "") -> str:
        """A new secret that opens something. prefix: with which it shall begin."""
        return self._new(name, prefix, Kind.CREDENTIAL)

    def content(self, name: str) -> str:
        """A new word of a client's."""
        return self._new(name, "", Kind.CONTENT)

    def known(self, name: str, value: str, kind: Kind = Kind.CREDENTIAL) -> str:
        """A secret that somebody else made."""
        self.secrets[name] = Secret(name, value, kind)
        return value

    def _new(self, name: str, prefix: str, kind: Kind) -> str:
        return self.known(name, prefix + "".join(self._chance.choice(_LETTERS) for _ in range(24)), kind)

    def found_in(self, text: bytes, kinds: Iterable[Kind] = tuple(Kind)) -> Iterator[Secret]:
        """The secrets of these kinds that a text holds."""
        wanted = set(kinds)
        for secret in self.secrets.values():
            if secret.kind in wanted and any(spelling in text for spelling in secret.spellings()):
                yield secret
