"""A plan: the ordered operators, with parameters, that a prompt was compiled to.

Plain values that round-trip through JSON. Knows nothing of language (`compiler`) nor of pixels (`executor`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

#: The order in which operators work, whatever the order of the words: on when frames are shown first, then on each.
STAGES = ("time", "geometry", "grade", "light", "weather", "style", "lens", "medium", "overlay")

Value = float | int | str | bool
#: (start, end) in seconds of the source's clock, end None the end of the clip. Negative times count from the clip's
#: end, until `spans.on_clip` has placed them.
Span = tuple[float, float | None]


@dataclass(frozen=True)
class Step:
    """One operator with its parameters.

    operator: the registry's name.  clause: the words of the prompt that asked for it, "" where nobody did.
    note: how the words were understood where that is not obvious, for the task's record.
    span: when it works, None for the whole clip. Frames outside it pass bit for bit as the steps before left them.
    """

    operator: str
    parameters: dict[str, Value] = field(default_factory=dict)
    clause: str = ""
    note: str = ""
    span: Span | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """A step of `Plan.to_json`, before or after it was written as text."""
        span = values.get("span")
        return cls(**{**values, "span": None if span is None else (span[0], span[1])})


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
            steps=tuple(Step.from_json(step) for step in values["steps"]),
            refused=tuple(RefusedClause(**clause) for clause in values["refused"]),
        )
