"""What a clause turns into what: "turn this daytime cartoon into night" tells of the clip before "into".

Words before it describe the clip and are no wish; words after it are. Knows nothing of strengths and of references.
"""

from __future__ import annotations

from dataclasses import replace

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.lexicon import Lexicon

#: What may be said of a clip before "into": how it looks now.
_DESCRIPTIVE = {"looks", "unreleased", "companion"}


def why_not_turned(clause: Clause, lexicon: Lexicon) -> str:
    """Why what stands before "into" cannot become what stands after it, "" where it can, or where nothing is turned."""
    turn = _turn(clause)
    if turn is None:
        return ""
    before, after = clause.pieces[:turn], clause.pieces[turn + 1 :]
    for position, piece in enumerate(before):
        described = position + 1 < len(before) and before[position + 1].kind == "whole"
        if piece.kind == "looks" and not described:
            if lexicon.looks[piece.value].matter:
                return lexicon.topics["remove"]  # "turn the rain into snow"
            if lexicon.is_tint(piece.value):
                return lexicon.topics["object"]  # "turn the blue into green"
    aimed = any(piece.kind in ("looks", "unreleased", "refer", "mention", "percent", "topics") for piece in after)
    # "Give a sepia look to the video" names its look before the word.
    given = clause.pieces[turn].value == "to" and any(piece.kind == "whole" for piece in after)
    return "" if aimed or given else lexicon.topics["no_look"]


def _turn(clause: Clause) -> int | None:
    """The position of the "into" that the clause turns on, None where it has none that matters."""
    turns = [position for position, piece in enumerate(clause.pieces) if piece.kind == "into"]
    if not turns or clause.has("add", "take"):
        return None
    described = any(piece.kind in ("looks", "unreleased") for piece in clause.pieces[: turns[-1]])
    return turns[-1] if described else None


def target(clause: Clause, lexicon: Lexicon) -> Clause:
    """The clause without what its clip is told to look like now: "turn this daytime cartoon into ..."."""
    turn = _turn(clause)
    if turn is None or not any(piece.kind in ("looks", "unreleased", "refer") for piece in clause.pieces[turn + 1 :]):
        return clause
    kept = tuple(
        piece for piece in clause.pieces[:turn] if piece.kind not in _DESCRIPTIVE or piece.value in lexicon.courses
    )
    return replace(clause, pieces=(*kept, *clause.pieces[turn + 1 :]))


def without_noise(clause: Clause, lexicon: Lexicon) -> Clause:
    """The clause without words of looks that cannot be had, where a look beside them says enough ("a rainy day")."""
    absorbed = {name for piece in clause.of("looks") for name in lexicon.looks[piece.value].absorbs}
    kept = tuple(piece for piece in clause.pieces if piece.kind != "unreleased" or piece.value not in absorbed)
    return replace(clause, pieces=kept)
