"""What is wanted: a wish for a look, and what a clause was understood as. Plain values; knows nothing of words."""

from __future__ import annotations

from dataclasses import dataclass, field

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import Ingredient
from refilm.engines.effects.plan import Span, Value


@dataclass(frozen=True)
class Wish:
    """A look that somebody wants.

    factor: times the usual strength, None where nothing was said.  amount: an exact share (0.2 for "20 %") for
    operators that go both ways.  parameters: others that were said.  less: the other way round.  stated: told of the
    clip ("it is dark") rather than asked.  ingredients: operators with parameters in the place of a look.
    span: when it is wanted, None for the whole clip.  lent: that was said of a wish listed after it, and counts for
    this one where it can.
    """

    look: str
    clause: str
    factor: float | None = None
    amount: float | None = None
    less: bool = False
    note: str = ""
    stated: bool = False
    span: Span | None = None
    lent: bool = False
    parameters: dict[str, Value] = field(default_factory=dict)
    ingredients: tuple[Ingredient, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a clause was understood as. Exactly one of these holds: it is refused, or it has wishes, or asks nothing.

    negated: its looks are named in order not to have them.  removes: it wants something taken out of the clip.
    factor, amount: a strength without a look, meant for the look before.
    keeps: what must stay, "colours", "light" or "".
    dangling: a verb still waiting for its look.  constraint: it asks for something to stay.
    unread: refused by no rule about what the clip shows: an interpreter may try.  doubtful: such words are in it all
    the same, and only a clear answer counts.  likely: what it asks for if its strange words say nothing.
    spans: the times that were said of it, none for the whole clip.  remark: what it was before it was taken to only
    remark on something, None where it was not.
    """

    clause: Clause
    wishes: tuple[Wish, ...] = ()
    reason: str = ""
    note: str = ""
    negated: bool = False
    removes: bool = False
    less: bool = False
    factor: float | None = None
    amount: float | None = None
    keeps: str = ""
    dangling: bool = False
    constraint: bool = False
    unread: bool = False
    doubtful: bool = False
    likely: tuple[Wish, ...] = ()
    spans: tuple[Span, ...] = ()
    remark: Reading | None = None
