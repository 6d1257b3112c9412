"""How strong a look should be, as words and percentages say it, and in which direction. Knows nothing of looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.wish import Wish


@dataclass(frozen=True)
class Strength:
    """A strength and a direction that wait for their look."""

    factor: float | None = None
    amount: float | None = None
    less: bool = False

    def join(self, other: Strength) -> Strength:
        """Both together; of two factors the weaker counts ("very slightly"), of two strong ones the stronger."""
        factors = [factor for factor in (self.factor, other.factor) if factor is not None]
        weak = [factor for factor in factors if factor < 1]
        factor = min(weak) if weak else max(factors, default=None)
        return Strength(factor, other.amount if self.amount is None else self.amount, self.less or other.less)

    def give(self, wish: Wish) -> Wish:
        """`wish` with whatever waited, where it has none of its own."""
        return replace(
            wish,
            factor=self.factor if wish.factor is None else wish.factor,
            amount=self.amount if wish.amount is None else wish.amount,
            less=wish.less or self.less,
        )


def strength_at(clause: Clause, position: int) -> Strength:
    """What the word or the number at a position of a clause says."""
    piece: Piece = clause.pieces[position]
    if piece.kind != "number":
        return Strength(factor=piece.value)
    share = max(0.0, float(piece.value)) / 100
    # "at 50 % strength" is half the usual; "20 % darker" names the amount.
    return Strength(factor=share) if clause.has("intensity") else Strength(amount=share)


def loose_strength(clause: Clause) -> tuple[float | None, float | None]:
    """The factor and the amount that a clause names without a look beside them, None where it names none."""
    pending = Strength()
    for position, piece in enumerate(clause.pieces):
        if piece.kind in ("strength", "adverb", "number"):
            pending = pending.join(strength_at(clause, position))
    return pending.factor, pending.amount


def before_look(clause: Clause, position: int) -> bool:
    """Whether a look comes next after a position, but for small words and strengths."""
    following: tuple[Any, ...] = clause.pieces[position + 1 :]
    return next(
        (piece.kind == "looks" for piece in following if piece.kind not in ("filler", "simile", "strength")), False
    )
