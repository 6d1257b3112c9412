"""What one clause asks for: wishes, a constraint, nothing, or a refusal with its reason.

The rule behind all of it: every word of a clause must be accounted for, otherwise the clause is refused. Knows nothing
of other clauses (`reader`), of operators' ranges or of conflicts between looks (`settle`).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.faults import finds_fault, leans, mended
from refilm.engines.effects.language.inscription import LOOK as INSCRIPTION
from refilm.engines.effects.language.inscription import read_inscription
from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.looks import read_looks, read_rest, typo_note
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.reference import read_reference
from refilm.engines.effects.language.tempo import Course, read_courses
from refilm.engines.effects.language.turning import target, why_not_turned, without_noise
from refilm.engines.effects.language.unexplained import is_aside, openness, unexplained, why_strange
from refilm.engines.effects.language.wish import Reading, Wish

#: What an engine that redraws nothing keeps anyway, so that asking to keep it costs nothing.
_KEPT_ANYWAY = {"person", "motion", "sound", "composition", "rest", "text", "object", "pace"}
_ASIDE = {"filler", "simile", "whole", "take", "article", "states", "particle", "into"}
#: The aspects that a grade leaves alone: who asks to keep the lighting does not mind another tint.
_LIGHT = {"lighting"}


def read_clause(
    clause: Clause, lexicon: Lexicon, *, nearby: Set[str], references: int, mention: str = "", told: bool = False
) -> Reading:
    """What `clause` asks for.

    nearby: the looks of its sentence, which may explain descriptive words.  mention: the name that the prompt gives to
    its reference, "" where it gives none.  told: the clause before it told of a fault of the clip.
    """
    if all(piece.kind in _ASIDE | {"aspect", "style", "anything"} for piece in clause.pieces):
        return Reading(clause)
    courses = read_courses(clause, lexicon)
    if courses is not None:
        return _read_tempo(clause, courses, lexicon)
    if clause.has("remove"):
        return _read_removal(clause, lexicon)
    if clause.has("keep") or _is_ban(clause):
        constraint = read_constraint(clause, lexicon)
        if constraint is not None:
            return constraint
    if clause.has("quoted"):
        return _read_text(clause, lexicon)
    reason = why_not_turned(clause, lexicon)
    if reason:
        return Reading(clause, reason=reason)
    whole, clause = clause, without_noise(target(clause, lexicon), lexicon)
    if finds_fault(clause) or (told and leans(clause)):
        clause = mended(clause, lexicon)
    reading = _read_wish(clause, lexicon, nearby=nearby, references=references, mention=mention)
    return replace(reading, clause=whole)


def _read_wish(clause: Clause, lexicon: Lexicon, *, nearby: Set[str], references: int, mention: str) -> Reading:
    strange = unexplained(clause, lexicon, nearby)
    if strange:
        return _read_strange(clause, strange, lexicon)
    if clause.has("refer", "mention"):
        return read_reference(clause, lexicon, references, mention)
    if clause.has("not", "without"):
        return Reading(clause, negated=True, note=f"left out as asked: {clause.text}")
    if clause.has("unreleased"):
        likened = openness(clause, ()) == "doubtful"
        reason = lexicon.unreleased[clause.of("unreleased")[0].value]
        return Reading(clause, reason=reason, unread=likened, doubtful=likened)
    if clause.has("looks"):
        return read_looks(clause, lexicon)
    return read_rest(clause, lexicon)


def _read_strange(clause: Clause, strange: tuple[Piece, ...], lexicon: Lexicon) -> Reading:
    """Refused for words that nothing explains; an interpreter may be asked where they change no content."""
    opened = openness(clause, strange)
    likely: tuple[Wish, ...] = ()
    if opened != "closed" and is_aside(clause):
        plain = replace(clause, pieces=tuple(piece for piece in clause.pieces if piece not in strange))
        likely = read_looks(plain, lexicon).wishes
    return Reading(
        clause,
        reason=why_strange(clause, strange, lexicon),
        unread=opened != "closed" and (bool(likely) or not is_aside(clause)),
        doubtful=opened == "doubtful",
        likely=likely,
    )


def _read_tempo(clause: Clause, courses: list[Course] | str, lexicon: Lexicon) -> Reading:
    if isinstance(courses, str):
        return Reading(clause, reason=lexicon.topics[courses])
    note = "; ".join(filter(None, map(typo_note, clause.pieces)))
    wishes = [Wish(each.look, clause.text, parameters=each.parameters, note=note) for each in courses]
    return Reading(clause, wishes=tuple(wishes))


def _read_text(clause: Clause, lexicon: Lexicon) -> Reading:
    if clause.has("not", "without"):
        return Reading(clause, negated=True, note=f"left out as asked: {clause.text}")
    told = read_inscription(clause, lexicon)
    if isinstance(told, str):
        return Reading(clause, reason=told)
    return Reading(clause, wishes=(Wish(INSCRIPTION, clause.text, parameters=told),))


def _read_removal(clause: Clause, lexicon: Lexicon) -> Reading:
    if clause.has("not"):
        return Reading(clause, note=f"nothing is removed anyway: {clause.text}")
    opened = openness(clause, ())
    removes = opened == "closed"  # "as if it had not stopped raining" takes nothing away
    return Reading(clause, reason=lexicon.topics["remove"], removes=removes, unread=not removes, doubtful=not removes)


def _is_ban(clause: Clause) -> bool:
    """Whether it forbids an act ("do not change the motion", "without adding anything")."""
    if not clause.has("not", "without"):
        return False
    verbs = clause.of("change", "add", "make")
    return bool(verbs) and (not clause.has("looks", "unreleased") or clause.has("topics"))


def read_constraint(clause: Clause, lexicon: Lexicon) -> Reading | None:
    """Words that ask for something to stay, None where they name a look after all ("keep it dark")."""
    if clause.has("not", "without") and clause.has("add") and not clause.has("change", "keep"):
        return Reading(clause, note=f"nothing is added to the scene anyway: {clause.text}", constraint=True)
    looks = [lexicon.looks[piece.value] for piece in clause.of("looks")]
    topics = {piece.value for piece in clause.of("topics")}
    strange = clause.of("unknown", "number", "mention", "refer")
    if strange or not topics <= _KEPT_ANYWAY or (topics & {"person", "object"} and (looks or clause.has("aspect"))):
        return Reading(clause, reason=lexicon.topics["part"], constraint=True)
    if any(lexicon.is_tint(piece.value) for piece in clause.of("looks")):
        return Reading(clause, reason=lexicon.topics["part"], constraint=True)
    if looks and not topics and not all(look.matter or look.axis for look in looks):
        return None
    aspects = {piece.value for piece in clause.of("aspect")}
    colours = bool(aspects) or any(look.axis for look in looks)
    keeps = "light" if aspects == _LIGHT else "colours" if colours else ""
    return Reading(clause, note=f"kept anyway: {clause.text}", keeps=keeps, constraint=True)
