"""A plan: the ordered operators, with parameters, that a prompt was compiled to.

Plain values that round-trip through JSON. Knows nothing of language (`compiler`) nor of pixels (`executor`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

#: The order in which operators work on a frame, whatever the order of the words.
STAGES = ("geometry", "grade", "light", "weather", "style", "lens", "medium")

Value = float | int | str | bool


@dataclass(frozen=True)
class Step:
    """One operator with its parameters.

    operator: the registry's name.  clause: the words of the prompt that asked for it, "" where nobody did.
    note: how the words were understood where that is not obvious, for the task's record.
    """

    operator: str
    parameters: dict[str, Value] = field(default_factory=dict)
    clause: str = ""
    note: str = ""


@dataclass(frozen=True)
class RefusedClause:
    """Words of the prompt that the engine cannot do, and why, as a sentence for the person who wrote them."""

    text: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a prompt means to the effects engine. `steps` are in working order."""

    steps: tuple[Step, ...]
    refused: tuple[RefusedClause, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            steps=tuple(Step(**step) for step in values["steps"]),
            refused=tuple(RefusedClause(**clause) for clause in values["refused"]),
        )
