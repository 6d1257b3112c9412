"""A prompt's clauses, read together: what one clause lends to the next.

"No snow and grain" bans both; "make the dog blue and shiny" speaks of the dog twice; ", but only slightly" strengthens
nothing of its own. Knows nothing of operators (`settle`).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from refilm.engines.effects.language.clauses import Clause, sentences, split
from refilm.engines.effects.language.continuing import asked_in, complains, follows, is_listed, repeats
from refilm.engines.effects.language.faults import finds_fault, finds_too_much, leans
from refilm.engines.effects.language.lexicon import LANGUAGES, Lexicon
from refilm.engines.effects.language.meaning import read_clause, read_constraint
from refilm.engines.effects.language.naming import named
from refilm.engines.effects.language.phrases import Piece, cover
from refilm.engines.effects.language.reasons import without_reasons
from refilm.engines.effects.language.reference import both
from refilm.engines.effects.language.remarks import as_remark
from refilm.engines.effects.language.scopes import Scope, scopes
from refilm.engines.effects.language.shown import shown
from refilm.engines.effects.language.text import Token, accented
from refilm.engines.effects.language.wish import Reading

#: What may stand for the colours that were named before it, and how these are called.
_THEM, _COLOURS = {"them"}, {"colors", "colours", "tones", "hues"}
_COMMAS = {",", "\u3001", "\uff0c"}
_BREAKS = set(",.;!?\n\u3002\uff0c\u3001\uff1b\uff01\uff1f")


def read(tokens: Sequence[Token], text: str, lexicon: Lexicon, *, references: int) -> tuple[Reading, ...]:
    """What each clause of a prompt asks for, in order."""
    pieces = shown(both(_pieces(tuple(tokens), lexicon)), text, lexicon)
    clauses = [named(clause, text) for clause in split(pieces, text)]
    mention = next((token.plain for token in tokens if token.kind == "mention"), "")
    asked = asked_in(clauses)
    readings: list[Reading] = []
    for sentence in sentences(clauses):
        nearby = {piece.value for position in sentence for piece in clauses[position].of("looks")}
        heard: list[Reading] = []
        found = scopes([clauses[position] for position in sentence])
        told = False
        for scope in found:
            clause = scope.clause
            reading = read_clause(clause, lexicon, nearby=nearby, references=references, mention=mention, told=told)
            told = finds_fault(clause) or (told and leans(clause)) or finds_too_much(clause)
            reading = as_remark(reading, heard[-1] if heard else None)
            idle = _idle(reading, heard, asked, nearby, lexicon)
            if idle:
                reading = Reading(clause, note=f"{idle}: {clause.text}")
            elif heard:
                reading = _inherit(heard, reading, lexicon)
            heard.append(reading)
        readings += [_at_times(reading, scope, lexicon) for reading, scope in zip(_confine(heard), found, strict=True)]
    return without_reasons(readings, lexicon)


def _idle(reading: Reading, heard: Sequence[Reading], asked: Set[str], nearby: Set[str], lexicon: Lexicon) -> str:
    """Why a clause asks for nothing of its own, "" where it may."""
    if complains(reading.clause, asked):
        return "taken as a remark"
    if is_listed(reading, heard, nearby):
        return "in the frame, which the look covers"
    if follows(reading, heard, lexicon):
        return "the sound follows the picture"
    already = repeats(reading, heard, lexicon) or _is_absorbed(reading, heard, lexicon)
    return "in the look already" if already else ""


def _is_absorbed(reading: Reading, heard: Sequence[Reading], lexicon: Lexicon) -> bool:
    """Whether a clause only lists colours that a look before it has already: "cyberpunk, pink and blue"."""
    bare = all(piece.kind in ("looks", "filler", "article", "strength") for piece in reading.clause.pieces)
    if not bare or not reading.wishes or reading.clause.link not in ("comma", "and", "with"):
        return False
    absorbed = {name for each in heard for wish in each.wishes for name in lexicon.looks[wish.look].absorbs}
    return all(wish.look in absorbed and lexicon.is_tint(wish.look) for wish in reading.wishes)


def _at_times(reading: Reading, scope: Scope, lexicon: Lexicon) -> Reading:
    """`reading` at the times that were said of it, a wish for each; refused where they cannot be had."""
    if scope.why and (reading.unread or not reading.reason):
        return replace(reading, wishes=(), reason=lexicon.topics[scope.why], unread=False)
    if not scope.spans:
        return reading
    wishes = tuple(replace(wish, span=span, lent=scope.lent) for wish in reading.wishes for span in scope.spans)
    return replace(reading, wishes=wishes, spans=scope.spans)


def _pieces(tokens: tuple[Token, ...], lexicon: Lexicon) -> tuple[Piece, ...]:
    """The prompt's pieces, each stretch between marks in the language that leaves the fewest words unexplained.

    Where languages tie, the one that understands the whole prompt best wins, then the order of `LANGUAGES`.
    """
    exactly = accented(tokens)
    tokens = _named(tokens, lexicon)

    def reading(stretch: Sequence[Token], name: str) -> tuple[Piece, ...]:
        return cover(stretch, lexicon.languages[name], exactly=exactly and name == "vi")

    whole = {name: reading(tokens, name) for name in LANGUAGES}
    ranked = sorted(LANGUAGES, key=lambda name: _strangeness(whole[name]))
    stretches = [stretch for stretch in _stretches(tokens) if stretch]
    if len(stretches) == 1:
        return whole[ranked[0]]
    pieces: list[Piece] = []
    for stretch in _with_placings(stretches, lexicon):
        best: tuple[Piece, ...] = min((reading(stretch, name) for name in ranked), key=_strangeness)
        pieces += best
    return tuple(pieces)


def _named(tokens: tuple[Token, ...], lexicon: Lexicon) -> tuple[Token, ...]:
    """The tokens, with "colors" in the place of a "them" that refers to such: "the colours are dull, make them pop"."""
    if not any(token.plain in _THEM for token in tokens):
        return tokens
    named, referent = {}, ""
    for piece in cover(tokens, lexicon.languages["en"], exactly=False):
        token = next((token for token in tokens if token.start == piece.start), None)
        if token is not None and piece.kind == "topics" and token.plain in _THEM:
            if referent == "aspect":
                named[token.start] = replace(token, plain="colors", exact="colors")
        elif piece.kind in ("aspect", "topics", "unknown") or (piece.kind == "looks" and _says_colours(piece, tokens)):
            referent = "aspect" if piece.kind in ("aspect", "looks") else piece.kind
    return tuple(named.get(token.start, token) for token in tokens)


def _says_colours(piece: Piece, tokens: Sequence[Token]) -> bool:
    return any(token.plain in _COLOURS for token in tokens if piece.start <= token.start < piece.end)


def _strangeness(pieces: Sequence[Piece]) -> int:
    """How badly a reading explains a text: unknown words count most, then words that only refusals know or that come
    from another language ("winter hat" is no winter with Vietnamese grain)."""
    unknown = sum(piece.kind == "unknown" for piece in pieces)
    guessed = sum(bool(piece.read_as) for piece in pieces)
    far = sum(piece.kind in ("topics", "companion") or piece.borrowed for piece in pieces)
    return 8 * unknown + 3 * guessed + far


def _stretches(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    stretches, start = [], 0
    for position, token in enumerate(tokens):
        if token.kind == "mark" and token.plain in _BREAKS:
            stretches.append(tokens[start : position + 1])
            start = position + 1
    stretches.append(tokens[start:])
    return stretches


def _with_placings(stretches: Sequence[Sequence[Token]], lexicon: Lexicon) -> list[Sequence[Token]]:
    """The stretches, those that only say how text stands joined to the text: `write "A", large, in the middle`."""
    joined: list[Sequence[Token]] = []
    for stretch in stretches:
        before = joined[-1] if joined else ()
        quoted = next((token for token in before if token.kind == "quoted"), None)
        if quoted and before[-1].plain in _COMMAS and _only_places(quoted, stretch, lexicon):
            joined[-1] = (*before[:-1], *stretch)
        else:
            joined.append(stretch)
    return joined


def _only_places(quoted: Token, stretch: Sequence[Token], lexicon: Lexicon) -> bool:
    """Whether every word of a stretch says how a text before it stands."""
    for name in LANGUAGES:
        told = {piece.kind for piece in cover((quoted, *stretch), lexicon.languages[name], exactly=False)[1:]}
        if "placing" in told and told <= {"placing", "filler", "article", "stop"}:
            return True
    return False


def _inherit(heard: list[Reading], reading: Reading, lexicon: Lexicon) -> Reading:
    """`reading` as the clauses before it in the sentence colour it. May settle what the last of `heard` left open."""
    before, clause = heard[-1], reading.clause
    if (
        before.constraint
        and clause.verbless
        and clause.link not in ("then", "next")
        and not clause.has("looks", "unreleased")
    ):
        return read_constraint(clause, lexicon) or reading
    if clause.verbless and _shares_fate(before, reading, lexicon):
        note = f"left out as asked: {clause.text}" if before.negated else ""
        reading = replace(reading, wishes=(), reason=before.reason, negated=before.negated, note=note)
        return replace(reading, removes=before.removes, unread=False)
    if before.dangling and reading.wishes and clause.verbless:
        heard[-1] = replace(before, dangling=False, reason="")
    if reading.factor is not None or reading.amount is not None:
        return _strengthen(heard, reading, lexicon)
    if before.less and clause.verbless and clause.link in ("and", "or", "comma") and reading.wishes:
        wishes = tuple(replace(wish, less=lexicon.looks[wish.look].axis) for wish in reading.wishes)
        return replace(reading, wishes=wishes, less=True)
    return reading


def _shares_fate(before: Reading, reading: Reading, lexicon: Lexicon) -> bool:
    """Whether a verbless clause belongs to the refusal or the negation before it."""
    looks = [lexicon.looks[wish.look] for wish in reading.wishes]
    link = reading.clause.link
    if before.removes or before.negated:
        listed = reading.clause.has("unreleased") or all(look.matter for look in looks)
        return link == "or" or (link == "and" and listed)
    if before.reason and not before.dangling and (before.clause.has("make", "change") or _leans(before)):
        plain = not reading.clause.has("aspect", "style") and not any(look.matter for look in looks)
        return (
            bool(looks) and plain and (link in ("and", "or") or (link == "comma" and not any(k.thing for k in looks)))
        )
    return False


def _leans(reading: Reading) -> bool:
    return reading.clause.verbless and reading.clause.link in ("and", "or")


def _strengthen(heard: list[Reading], reading: Reading, lexicon: Lexicon) -> Reading:
    """A strength on its own goes to the last look before it."""
    for position in range(len(heard) - 1, -1, -1):
        before = heard[position]
        if before.wishes:
            last = before.wishes[-1]
            told = replace(
                last,
                factor=reading.factor if last.factor is None else last.factor,
                amount=reading.amount if last.amount is None else last.amount,
                note="; ".join(filter(None, [last.note, f"as strong as “{reading.clause.text}” says"])),
            )
            heard[position] = replace(before, wishes=(*before.wishes[:-1], told))
            return replace(reading, factor=None, amount=None)
        if before.reason:
            return replace(reading, factor=None, amount=None)
    return replace(reading, factor=None, amount=None, reason=lexicon.topics["no_look"])


def _confine(heard: list[Reading]) -> list[Reading]:
    """A place or a time on its own ("in the left half, ...") confines its neighbour, which is refused with it."""
    confined = list(heard)
    for position, reading in enumerate(heard):
        if reading.reason and _is_adverbial(reading.clause):
            neighbour = position - 1 if position > 0 else position + 1
            if neighbour < len(heard) and (confined[neighbour].wishes or confined[neighbour].unread):
                confined[neighbour] = replace(confined[neighbour], wishes=(), reason=reading.reason, unread=False)
    return confined


def _is_adverbial(clause: Clause) -> bool:
    topics = {piece.value for piece in clause.of("topics")}
    return bool(topics & {"part", "time"}) and not clause.has("looks", "make", "add", "remove", "keep")
