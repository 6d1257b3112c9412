"""What the words of a prompt name as shown in its clip: "our wedding dance", "the dog catching the frisbee", "me and my
brother". Knows nothing of looks, and not whether what is named is all of the picture (`filling`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import product

from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.subject_words import all_in, is_person, subject_words
from refilm.engines.effects.language.text import Words

#: Pieces at which a clause ends.
BOUNDS = frozenset({"stop", "and", "or", "then", "next", "with", "without", "since", "purpose", "result"})
#: What a clip is called, which needs no word that points at it: "stabilise shaky walking footage".
CLIPS = frozenset({"video", "vid", "clip", "footage", "recording", "shot", "shots", "scene"})
#: Kinds of pieces that may be nouns, and topics that may be; how many nouns stand together, and how many groups.
_NOUNS, _TOPICS = frozenset({"unknown", "companion", "whole"}), frozenset({"person", "motion", "background"})
_MOST_NOUNS, _MOST_PARTS = 4, 3
#: Kinds of the small words that point: "first" also begins clauses.
_SMALL = frozenset({"filler", "whole", "then"})
#: Whose something is said to be that is not one's own, and words for single others, who are never all of a clip.
_OTHERS = frozenset({"his", "her", "their"})
_PRONOUNS = _OTHERS | {"he", "she", "they", "him", "them"}


@dataclass(frozen=True)
class Subject:
    """Pieces from `start` to `end`, the latter outside, that name something.

    head: the noun that says what it is.  topics: of its own words.  own, others: whose it is said to be.
    seen: it is named by words of a look: "the sunset".  possessed: somebody's or something's: "my son's dive".
    """

    start: int
    end: int
    nouns: tuple[str, ...]
    head: str
    topics: frozenset[str]
    own: bool
    others: bool
    seen: bool
    possessed: bool

    def is_acting(self) -> bool:
        """Whether somebody or something that moves is named, rather than an event: "the dog run", "the wolf walk"; "the
        dog's run" is an event."""
        if self.possessed:
            return False
        if self.others and "motion" in self.topics:
            return True
        doer = self.nouns[0] not in subject_words().events | subject_words().places
        return "motion" in self.topics and len(self.nouns) > 1 and doer and ("person" in self.topics or not self.own)

    def is_single_thing(self) -> bool:
        """Whether it is one thing that a picture may show beside others: "the statue"."""
        shown = self.topics & ({"background"} if self.possessed else {"person", "background"})
        return not (self.own or shown or self.head.endswith(("s", "men", "people")))


def subjects_at(
    pieces: Sequence[Piece], spelled: Sequence[Words], start: int, owners: Set[int] = frozenset()
) -> Iterator[Subject]:
    """What may be named from `start` on, the longer first: "the harbour night", "the harbour".

    owners: positions of pieces that end with a possessive: "my son's".
    """
    ends: set[int] = set()
    for parts, most in product((_MOST_PARTS, 0), range(_MOST_NOUNS, 0, -1)):
        subject = _subject(pieces, spelled, start, most, parts, owners)
        if subject is not None and subject.end not in ends:
            ends.add(subject.end)
            yield subject


def _subject(
    pieces: Sequence[Piece], spelled: Sequence[Words], start: int, most: int, parts: int, owners: Set[int]
) -> Subject | None:
    """What is named from `start` on: "my grandma's birthday", "the dog catching the frisbee", "me and my brother"."""
    words = subject_words()
    if all_in(spelled[start], _PRONOUNS) or (start and all_in(spelled[start - 1], words.pointing)):
        return None
    pointed = is_person(spelled[start]) and start not in owners
    if pointed and start and pieces[start - 1].kind == "looks" and pieces[start].kind != "filler":
        return None  # "a cartoon cat"
    if pointed:
        end, nouns = start + 1, list(spelled[start])
    else:
        # "For the first dance" begins with words of time.
        timed = pieces[start].kind == "topics" and all_in(spelled[start], words.pointing | words.placing)
        pointed = timed or start in owners or bool(spelled[start] and spelled[start][0] in words.pointing)
        if not pointed and not (start and pieces[start - 1].kind in ("make", "looks", "take")):
            return None
        first = start + (timed or (len(spelled[start]) == 1 and pointed and start not in owners))
        end, nouns = _nouns(pieces, spelled, first, most)
    if not nouns or (not pointed and pieces[start - 1].kind != "make" and not _is_clip(pieces, start, nouns)):
        return None
    head = nouns[-1]
    topics = {str(piece.value) for piece in pieces[start:end] if piece.kind == "topics"}
    if pieces[end - 1].value != "motion" or head in CLIPS:
        topics.discard("motion")
    if words.people & set(nouns):
        topics.add("person")
    possessed = any(at in owners for at in range(start, end - 1))
    own = is_person(spelled[start]) or bool(words.owning & set(spelled[start]))
    others = spelled[start][0] in _OTHERS
    seen = pieces[end - 1].kind == "looks" and head not in words.events | words.places
    for _ in range(parts):
        end, more = _further(pieces, spelled, end, nouns[-1])
        nouns += more
    own = own or bool(words.owning & set(nouns))
    return Subject(start, end, tuple(nouns), head, frozenset(topics), own, others, seen, possessed)


def _nouns(pieces: Sequence[Piece], spelled: Sequence[Words], start: int, most: int) -> tuple[int, list[str]]:
    """Where the nouns from `start` on end, behind small words that point at them, and their words."""
    at = start
    while at < len(pieces) and pieces[at].kind in _SMALL and all_in(spelled[at], subject_words().pointing):
        at += 1
    nouns: list[str] = []
    while at < len(pieces) and len(nouns) < most and _is_noun(pieces, spelled, at):
        nouns += spelled[at]
        at += 1
    return (at, nouns) if nouns and pieces[at - 1].kind != "strength" else (start, [])


def _is_noun(pieces: Sequence[Piece], spelled: Sequence[Words], at: int) -> bool:
    piece, words = pieces[at], subject_words()
    if piece.kind == "whole" and all_in(spelled[at], words.pointing):
        return False
    if piece.kind in _NOUNS or (piece.kind == "topics" and piece.value in _TOPICS):
        return bool(piece.value != "it")
    if all_in(spelled[at], words.events | words.places | words.people):
        return True
    if piece.value == "object":
        return at + 1 < len(pieces) and (all_in(spelled[at + 1], CLIPS) or all_in(spelled[at + 1], words.events))
    if piece.kind in ("unreleased", "looks") and spelled[at][-1:] and spelled[at][-1] in CLIPS:
        return True
    if piece.kind == "looks" and _leads_on_to_likeness(pieces, at):
        return True
    # "Our christmas dinner", "my little sister".
    following = at + 1 < len(pieces) and (
        all_in(spelled[at + 1], words.events | words.places | words.people) or pieces[at + 1].kind in _NOUNS - {"whole"}
    )
    return following and piece.kind in ("strength", "unreleased", "looks")


def _leads_on_to_likeness(pieces: Sequence[Piece], at: int) -> bool:
    """Whether a look is named behind "the" as what is to look like something: "make the sunset look like ..."."""
    pointed = at > 0 and str(pieces[at - 1].value) in subject_words().pointing
    return pointed and at + 1 < len(pieces) and pieces[at + 1].kind in ("simile", "into")


def _leads_on(pieces: Sequence[Piece], at: int) -> bool:
    return at < len(pieces) and pieces[at].kind == "into"


def _is_clip(pieces: Sequence[Piece], start: int, nouns: Sequence[str]) -> bool:
    """Whether a clip is named behind a verb, with nothing before that points at it: "stabilise shaky footage"."""
    verb = start < 2 or pieces[start - 2].kind in BOUNDS
    return verb and nouns[-1] in CLIPS


def _further(pieces: Sequence[Piece], spelled: Sequence[Words], at: int, last: str) -> tuple[int, list[str]]:
    """What goes on with a subject: "... in the park", "... and my brother", "catching ... the frisbee"."""
    if at >= len(pieces):
        return at, []
    words = subject_words()
    if pieces[at].kind == "and" and at + 1 < len(pieces):
        if is_person(spelled[at + 1]):
            return at + 2, list(spelled[at + 1])
        return _nouns(pieces, spelled, at + 1, _MOST_NOUNS) if all_in(spelled[at + 1], words.pointing) else (at, [])
    if pieces[at].kind in ("filler", "into") and all_in(spelled[at], words.placing):
        return _nouns(pieces, spelled, at + 1, _MOST_NOUNS)
    if pieces[at].kind == "filler" and all_in(spelled[at], words.owning) and _leads_on(pieces, at + 1):
        return at + 1, list(spelled[at])  # "gia đình tôi"
    if pieces[at].kind == "unknown" and spelled[at][-1:] and spelled[at][-1].endswith("ing"):
        return at + 1, list(spelled[at])  # "us jumping"
    if last.endswith("ing") and all_in(spelled[at], words.pointing):
        return _nouns(pieces, spelled, at, _MOST_NOUNS)
    return at, []
