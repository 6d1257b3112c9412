"""Which words of a clause nothing explains, and whether somebody else may be asked about them.

A clause with such words is refused, unless they only embroider it. Knows nothing of what a clause asks for (`meaning`).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import pairwise
from typing import Literal

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.inscription import LOOK as INSCRIPTION
from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.reference import GRADES

#: How many strange words a comparison may carry, and how many letters the name of what it compares with has at least.
_MOST_EMBROIDERY, _UNMISTAKABLE = 3, 7
#: The same for a comparison behind a look, and how such comparisons begin.
_MOST_LIKENED, _LIKE = (
    6,
    {
        "like",
        "like when",
        "like at",
        "just like",
        "kind of like",
        "as in",
        "like someone",
        "like somebody",
        "como",
        "như",
        "giống như",
        "像",
    },
)
#: Who does something of his own behind "like": "make it dark like she is crying".
_OF_THEIR_OWN = {"he", "she", "they", "there", "hes", "shes", "theyre", "theres"}
#: Small words before what a picture shows or where it shows it.
_PLACING = {"of", "on", "in", "at", "onto", "de", "del", "en", "sobre", "của", "trên", "trong", "在"}
_OF = {"of", "de", "del", "của"}
#: The topic of a question, which a clause is only where it begins so.
_QUESTION = "question"
#: Topics of who does what, which say nothing in a comparison: "as if Rembrandt had held the camera".
_DOERS = {"person", "motion", "question"}
#: What ends in "ly" like an adverb and is a thing or a person, and how long an adverb is at least.
_NO_ADVERBS, _SHORTEST_ADVERB = {"assembly", "monopoly", "firefly", "dragonfly", "anomaly", "potbelly", "gadfly"}, 7
#: Words that point at what the picture shows.
_POINTING = {"the", "this", "that", "el", "la", "los", "las", "esta", "este"}

#: Whether nobody may be asked about a clause, anybody, or only who is sure.
Openness = Literal["closed", "open", "doubtful"]
#: Kinds of pieces that want the content of the clip changed, and strange ones that need not mean anything of it.
_CHANGING = {"add", "remove", "not", "without", "keep", "unreleased"}
_PLAIN = {"unknown", "companion", "number"}


def unexplained(clause: Clause, lexicon: Lexicon, nearby: Set[str]) -> tuple[Piece, ...]:
    """The pieces that nothing in the clause explains."""
    own = {piece.value for piece in clause.of("looks")}
    explained = own if clause.has("make", "add", "change") else own | nearby
    bare = (not own or clause.link == "with") and not clause.has("aspect", "style", "whole", "simile")
    strange = []
    for position, piece in enumerate(clause.pieces):
        following = clause.pieces[position + 1].kind if position + 1 < len(clause.pieces) else ""
        if (
            (piece.kind == "unknown" and not (own and _is_adverb(piece.value)))
            or (piece.kind == "topics" and not piece.beside & explained)
            or piece.kind == "multiple"
            or (piece.kind == "number" and following != "percent")
            or (piece.kind == "companion" and (not piece.value & explained or (bare and _is_new(piece, clause))))
        ):
            strange.append(piece)
    if len(strange) <= _MOST_LIKENED and _is_likened(strange, clause):
        strange = []
    if len(strange) <= _MOST_EMBROIDERY and all(_is_embroidery(piece, clause) for piece in strange):
        strange = []
    return (*strange, *_things(clause, lexicon))


def _is_new(piece: Piece, clause: Clause) -> bool:
    """Whether a word of a look's world is here a thing of its own: "noir with a detective"."""
    before = clause.pieces[: clause.pieces.index(piece)]
    return bool(before) and before[-1].kind == "article"


def openness(clause: Clause, strange: Sequence[Piece]) -> Openness:
    """Whether somebody else may be asked what a clause means that is refused for its `strange` pieces.

    Not where its grammar says that the content of the clip should change: a verb of adding or taking away, a negation,
    words of things, people, places, parts or times that are the subject or the object. Behind a comparison such words
    only describe ("like Monet in his garden"), and a clear answer counts. So it does for strange words before a look.
    """
    if clause.has("refer", "mention", "quoted"):
        return "closed"
    kinds = [piece.kind for piece in clause.pieces]
    asked = clause.pieces[: kinds.index("simile")] if "simile" in kinds else clause.pieces
    if any(piece.kind in _CHANGING or (piece.kind not in _PLAIN and piece in strange) for piece in asked):
        return "closed"
    if is_aside(clause):
        return "doubtful" if _only_leads_to(clause, strange) else "closed"
    if any(piece.kind in _CHANGING for piece in clause.pieces) or any(piece.kind not in _PLAIN for piece in strange):
        return "doubtful"
    shown = [_placed_by(piece, clause) for piece in strange] if clause.has("looks") else []
    if any(word in _OF for word in shown):
        return "closed"  # "an oil painting of Napoleon"
    return "doubtful" if any(shown) else "open"


def is_aside(clause: Clause) -> bool:
    """Whether strange words stand beside a look in no comparison, so that they must be beside the point."""
    return clause.has("looks") and not clause.has("simile", "aspect", "style")


def _only_leads_to(clause: Clause, strange: Sequence[Piece]) -> bool:
    """Whether strange words come before every look, and name no thing of it: "everything drowned in purple light".

    A thing comes with an article or a number ("a movie poster in sepia"), or behind a look ("warm the soup").
    """
    first = next(position for position, piece in enumerate(clause.pieces) if piece.kind == "looks")
    return not any(piece in strange for piece in clause.pieces[first:]) and not any(
        piece.kind in ("article", "number") or piece.value in _POINTING for piece in clause.pieces[:first]
    )


def _is_adverb(word: str) -> bool:
    """Whether a strange word only says how: "a hauntingly blue tint". No thing is called so, but for a few."""
    return word.endswith("ly") and len(word) >= _SHORTEST_ADVERB and word.isascii() and word not in _NO_ADVERBS


def _is_embroidery(strange: Piece, clause: Clause) -> bool:
    """Whether a strange word only embroiders a comparison, "like that music video by A-ha", or a mood, "the mood of a
    rainy Sunday".

    What follows "of" or a word of place is what a picture shows, and no embroidery: "like an oil painting of Napoleon".
    Who does something says nothing beside what is unmistakable ("as if Rembrandt had held the camera"), and beside a
    name no topic does.
    """
    kinds = [piece.kind for piece in clause.pieces]
    if "add" in kinds or "remove" in kinds:
        return False
    if "simile" not in kinds:
        return _is_mood(strange, clause)
    after = clause.pieces[kinds.index("simile") :]
    if strange not in after or _placed_by(strange, clause) in _OF:
        return False
    looks = [piece for piece in after if piece.kind == "looks"]
    if any(piece.name for piece in looks) and strange.kind == "topics":
        return True
    told = strange.kind in ("unknown", "companion")
    if any(map(_is_unmistakable, looks)):
        told = told or strange.value in _DOERS
    return bool(looks) and told and not _placed_by(strange, clause)


def _is_mood(strange: Piece, clause: Clause) -> bool:
    """Whether a strange word stands in a clause about a look or a mood, and is nothing that the clause points at."""
    if strange.kind != "unknown" or not clause.has("aspect", "style") or not clause.has("looks"):
        return False
    at = clause.pieces.index(strange)
    before, after = clause.pieces[max(at - 1, 0)], clause.pieces[at + 1 : at + 2]
    pointed = before.value in _POINTING or any(piece.value in _POINTING for piece in after)
    return not pointed and not _placed_by(strange, clause)


def _is_likened(strange: Sequence[Piece], clause: Clause) -> bool:
    """Whether strange words all stand in a comparison that tells more of a look named before it: "soft light like when
    somebody remembers their childhood".

    What has been made of a picture's things before it, or what somebody does, is no comparison.
    """
    kinds = [piece.kind for piece in clause.pieces]
    if "simile" not in kinds or clause.has(*_CHANGING) or clause.has("quoted", "refer", "mention", "number"):
        return False
    at = kinds.index("simile")
    after = clause.pieces[at + 1 :]
    subject = after[0].start if after else 0
    words = clause.text[subject - clause.pieces[0].start :].casefold().replace("'", "").replace("\u2019", "").split()
    return (
        "looks" in kinds[:at]
        and "looks" not in kinds[at:]
        and clause.pieces[at].value in _LIKE
        and bool(words)
        and words[0] not in _OF_THEIR_OWN
        and all(piece in after for piece in strange)
    )


def _is_unmistakable(look: Piece) -> bool:
    """Whether the words that name a look hardly name anything else: "game boy", "claymation"; not "snow"."""
    return look.end - look.start >= _UNMISTAKABLE + (look.words == 1)


def _placed_by(strange: Piece, clause: Clause) -> str:
    """The "of", "on", "in", ... that a word stands behind, with nothing but small words between, "" where none."""
    for piece in reversed(clause.pieces[: clause.pieces.index(strange)]):
        if piece.value in _PLACING:
            return str(piece.value)
        if piece.kind not in ("filler", "article"):
            return ""
    return ""


def _things(clause: Clause, lexicon: Lexicon) -> tuple[Piece, ...]:
    """Looks that here name an object: "add a cartoon", "make the cartoon darker", "a pencil"."""
    if clause.has("aspect", "style"):
        return ()
    inserted = clause.has("add") and clause.has("article")

    def names_object(before: Piece, piece: Piece) -> bool:
        look = lexicon.looks[piece.value]
        pointed = before.value in ("the", "this") or (look.tool and before.kind == "article")
        likened = piece.name and not clause.has("simile")
        return (look.thing and (inserted or pointed)) or (likened and pointed)

    return (
        tuple(
            piece for before, piece in pairwise(clause.pieces) if piece.kind == "looks" and names_object(before, piece)
        )
        + _named_things(clause)
        + _sights(clause, lexicon)
    )


def _named_things(clause: Clause) -> tuple[Piece, ...]:
    """Names that here stand for who bears them: "add Mickey Mouse"."""
    return tuple(piece for piece in clause.of("looks") if piece.name and clause.has("add"))


def _sights(clause: Clause, lexicon: Lexicon) -> tuple[Piece, ...]:
    """Looks that here name what the picture shows, because a colour is asked for them: "make the sunset more red"."""
    shown = [
        after
        for before, after, beyond in zip(clause.pieces, clause.pieces[1:], (*clause.pieces[2:], None), strict=False)
        if before.value in _POINTING and after.kind == "looks" and not (beyond and beyond.kind in ("whole", "make"))
        if lexicon.looks[after.value].matter or lexicon.looks[after.value].scenery
    ]
    coloured = [
        piece for piece in clause.of("looks") if all(s.operator in GRADES for s in lexicon.looks[piece.value].steps)
    ]
    return tuple(shown) if any(piece not in shown for piece in coloured) else ()


def why_strange(clause: Clause, strange: tuple[Piece, ...], lexicon: Lexicon) -> str:
    """The reason for refusing a clause for these pieces."""
    if any(lexicon.looks[piece.value].worded for piece in clause.of("looks")):
        return lexicon.topics[INSCRIPTION]
    for piece in strange:
        if piece.kind == "topics" and (piece.value != _QUESTION or _opens(piece, clause)):
            return lexicon.topics[piece.value]
    return lexicon.topics["object"]


def _opens(piece: Piece, clause: Clause) -> bool:
    """Whether nothing but small words stands before a piece: "what happens here?", not "show what happens"."""
    return all(before.kind in ("filler", "article") for before in clause.pieces[: clause.pieces.index(piece)])
