"""The looks that a clause names, each with the strength and the direction said of it, once every word is accounted for.

Knows nothing of references, times and other clauses.
"""

from __future__ import annotations

from dataclasses import replace

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.inscription import LOOK as INSCRIPTION
from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.strength import Strength, before_look, loose_strength, strength_at
from refilm.engines.effects.language.wish import Reading, Wish

_BY_THE_WAY = {"filler", "simile", "aspect", "percent", "intensity", "more", "article", "states", "whole", "into"}
_SOFTEN = "soften"
#: Particles that turn a measure down; their counterparts only strengthen a verb.
_DOWN = {"down", "xuống"}
#: What says "too" behind the word it is said of: "tối quá".
_AFTERWARDS = {"quá"}


def read_looks(clause: Clause, lexicon: Lexicon) -> Reading:
    """The looks of a clause, each with the strength and the direction said nearest to it."""
    wishes: list[Wish] = []
    pending = Strength()
    fresh = False  # whether the last word but fillers was a look, so that an adverb belongs to it
    for position, piece in enumerate(clause.pieces):
        if piece.kind == "looks":
            wishes.append(pending.give(Wish(piece.value, clause.text, note=typo_note(piece))))
            pending, fresh = Strength(), True
        elif piece.kind in ("strength", "adverb", "number"):
            said = strength_at(clause, position)
            if fresh and piece.kind != "strength" and wishes[-1].factor is None and wishes[-1].amount is None:
                wishes[-1] = said.give(wishes[-1])
            else:
                pending = pending.join(said)
        elif piece.kind == "less" or (piece.kind == "excess" and before_look(clause, position)):
            pending = replace(pending, less=True)
        elif piece.kind == "excess" and piece.value in _AFTERWARDS and fresh:
            wishes[-1] = replace(wishes[-1], less=True)
        elif piece.kind == "particle" and piece.value in _DOWN and wishes:
            wishes[-1] = _turned_down(wishes[-1], lexicon)
        elif piece.kind not in _BY_THE_WAY:
            fresh = False
    if wishes:
        wishes[-1] = pending.give(wishes[-1])
    wishes = _softened(wishes, lexicon)
    absorbed = {name for wish in wishes for name in lexicon.looks[wish.look].absorbs}
    wishes = [wish for wish in wishes if wish.look not in absorbed] or wishes
    stated = clause.verbless and clause.has("states")
    wishes = [replace(wish, stated=stated) for wish in wishes]
    reason = next((reason for wish in wishes if (reason := _no_less(wish, lexicon))), "")
    if reason:
        return Reading(clause, reason=reason)
    return Reading(clause, wishes=tuple(wishes), less=any(wish.less for wish in wishes))


def _softened(wishes: list[Wish], lexicon: Lexicon) -> list[Wish]:
    """ "Soften the garish colours", "soften the contrast": a measure or colours beside the word are what gets less."""
    others = [wish for wish in wishes if wish.look != _SOFTEN]
    if len(others) == len(wishes) or not others or not all(_is_measure(wish, lexicon) for wish in others):
        return wishes
    return [replace(wish, less=True, factor=None) for wish in others]


def _is_measure(wish: Wish, lexicon: Lexicon) -> bool:
    look = lexicon.looks[wish.look]
    return look.axis or look.less == "muted"


def _turned_down(wish: Wish, lexicon: Lexicon) -> Wish:
    """ "Contrast down" is less contrast; in "cool it down" the particle belongs to the verb."""
    look = lexicon.looks[wish.look]
    return wish if look.less and not look.axis else replace(wish, less=True)


def _no_less(wish: Wish, lexicon: Lexicon) -> str:
    if lexicon.looks[wish.look].worded:
        return lexicon.topics[INSCRIPTION]
    return lexicon.topics["remove"] if wish.less and not lexicon.looks[wish.look].less else ""


def read_rest(clause: Clause, lexicon: Lexicon) -> Reading:
    """A clause without a look: a strength for the look before, a verb that waits for its look, or a description."""
    factor, amount = loose_strength(clause)
    less = clause.has("less", "excess")
    measured = [lexicon.measures[piece.value] for piece in clause.of("aspect") if piece.value in lexicon.measures]
    if measured and factor is not None and clause.has("make") and not (less or clause.has("more")):
        # "Make the colours stronger": how much is the wish itself.
        wishes = tuple(Wish(look, clause.text, less=factor < 1) for look in dict.fromkeys(measured))
        return Reading(clause, wishes=wishes, less=factor < 1)
    if measured and (less or clause.has("more")):
        wishes = tuple(Wish(look, clause.text, factor, amount, less=less) for look in dict.fromkeys(measured))
        return Reading(clause, wishes=wishes, less=less)
    if factor is not None or amount is not None:
        return Reading(clause, factor=factor, amount=amount, less=less)
    if clause.has("make", "change", "add") or less or clause.has("more"):
        return Reading(clause, dangling=True, less=less, reason=lexicon.topics["no_look"])
    return Reading(clause)


def typo_note(piece: Piece) -> str:
    """Which word a typing error was taken for, "" where there is none."""
    return f'read as "{piece.read_as}"' if piece.read_as else ""
