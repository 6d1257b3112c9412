"""Words that only say what a clip shows, where a look covers all of it: "turn our wedding dance into a cartoon", "rain
over the football pitch", "slow motion of the jump".

Such words become a piece that stands for the whole clip. Who says "only the cat" means a part with any look. Knows
nothing of what a clause asks for beside its looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from refilm.engines.effects.language.filling import Place, fills
from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.subject_words import subject_words
from refilm.engines.effects.language.subjects import BOUNDS, CLIPS, Subject, subjects_at
from refilm.engines.effects.language.text import Words, spell

#: Pieces of clauses that ask for something else than a look of the whole.
_FORBIDDING = frozenset({"remove", "quoted", "mention", "refer", "keep", "change"})
#: How a possessive ends.
_APOSTROPHES, _POSSESSIVE = ("'", "\u2019"), re.compile("['\u2019]s$", re.IGNORECASE)
_COMMAS = {",", "\u3001", "\uff0c"}
#: How many pieces around a subject are looked at, so that work grows in step with the prompt.
_NEAR = 24


def shown(pieces: Sequence[Piece], text: str, lexicon: Lexicon) -> tuple[Piece, ...]:
    """The pieces of a prompt, those that only say what its clip shows as one that names the clip.

    text: the cleaned prompt.
    """
    told: list[Piece] = []
    for sentence in _sentences(pieces):
        asks = any(piece.kind in ("looks", "multiple", "aspect") for piece in sentence) and not _spares(sentence, text)
        told += _merged(sentence, text, lexicon) if asks else sentence
    return tuple(told)


def _sentences(pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    start = 0
    for position, piece in enumerate(pieces):
        if piece.kind == "stop" and piece.value not in _COMMAS:
            yield pieces[start : position + 1]
            start = position + 1
    yield pieces[start:]


def _spares(sentence: Sequence[Piece], text: str) -> bool:
    """Whether a sentence says that a part of the picture is meant: "only the cat", "leave the rest"."""
    words = spell(text[sentence[0].start : sentence[-1].end])[0]
    sparing = subject_words().sparing
    longest = max(map(len, sparing))
    return any(words[at : at + length] in sparing for at in range(len(words)) for length in range(1, longest + 1))


def _merged(sentence: Sequence[Piece], text: str, lexicon: Lexicon) -> list[Piece]:
    written = [text[piece.start : piece.end] for piece in sentence]
    known = {each: spell(each)[0] for each in set(written)}
    spelled = [known[each] for each in written]
    beginning = subject_words().pointing | subject_words().people | subject_words().placing
    likely = {words for words in known.values() if words and words[0] in beginning}
    owners = frozenset(at for at, piece in enumerate(sentence) if _is_possessive(piece, text))
    told: list[Piece] = []
    head: Words = ()
    at = 0
    while at < len(sentence):
        led = at and sentence[at].kind != "looks" and sentence[at - 1].kind in ("make", "looks", "take")
        begins = spelled[at] in likely or led or at in owners
        named = subjects_at(sentence, spelled, at, owners) if begins else iter(())
        subject = next((each for each in named if _covers(each, sentence, spelled, lexicon)), None)
        if subject is not None:
            told.append(Piece("whole", "it", sentence[at].start, sentence[subject.end - 1].end))
            at, head = subject.end, (subject.head,)
        elif head and spelled[at] == head and told and told[-1].kind == "looks":
            # "Turn our summer walk into a winter walk."
            told[-1] = replace(told[-1], end=sentence[at].end)
            at += 1
        else:
            told.append(sentence[at])
            at += 1
    return told


def _is_possessive(piece: Piece, text: str) -> bool:
    """Whether a piece ends as "my son's" and "my parents'" do; a quotation mark has nothing behind it to own."""
    after = text[piece.end : piece.end + 2]
    plural = text[piece.start : piece.end].endswith(("s", "S")) and after[:1] in _APOSTROPHES and after[1:] == " "
    return piece.kind not in ("looks", "quoted") and (bool(_POSSESSIVE.search(text, piece.start, piece.end)) or plural)


def _covers(subject: Subject, pieces: Sequence[Piece], spelled: Sequence[Words], lexicon: Lexicon) -> bool:
    """Whether a subject can only mean the whole picture, beside the looks that its clause names."""
    first, last = max(0, subject.start - _NEAR), min(len(pieces), subject.end + _NEAR)
    start = max((at + 1 for at in range(first, subject.start) if pieces[at].kind in BOUNDS), default=first)
    end = next((at for at in range(subject.end, last) if pieces[at].kind in BOUNDS), last)
    if start and not pieces[subject.end : end] and _is_added(pieces, start, subject.start):
        # "Teal and orange, for the chase."
        start = max((at + 1 for at in range(first, start - 1) if pieces[at].kind in BOUNDS), default=first)
    before, after = pieces[start : subject.start], pieces[subject.end : end]
    looks = [piece for piece in (*before, *after) if piece.kind == "looks"]
    paced = any(piece.kind == "multiple" for piece in after)
    graded = any(piece.kind in ("strength", "more", "less") for piece in (*before, *after))
    if not (looks or paced or graded) or any(piece.kind in _FORBIDDING for piece in (*before, *after)):
        return False
    apart = subject.head not in CLIPS or "background" in subject.topics  # "the rain jacket video" shows no part
    if (apart and subject_words().parts & set(subject.nouns)) or not _stands(before, after):
        return False
    place = Place(subject, before, after, spelled[start : subject.start])
    if not looks:
        return place.is_of_colours() if graded else place.is_scene(tinted=False)
    return all(fills(place, lexicon, look) for look in looks)


def _is_added(pieces: Sequence[Piece], start: int, subject: int) -> bool:
    """Whether nothing but a small word stands between a comma and a subject."""
    return subject == start + 1 and pieces[start].kind == "filler" and pieces[start - 1].value in _COMMAS


def _stands(before: Sequence[Piece], after: Sequence[Piece]) -> bool:
    """Whether a subject stands where the clip would: behind a verb, a look or a small word, or before all of them."""
    if after and after[0].kind in ("unknown", "anything", "topics"):
        return False
    if not before:
        return bool(after) and after[0].kind in ("filler", "into", "simile", "looks", "aspect")
    if before[-1].kind == "filler":
        return len(before) == 1 or str(before[-1].value) in subject_words().placing or before[-2].kind == "make"
    if before[-1].kind == "add":
        return bool(after) and after[0].kind in ("filler", "into", "looks")  # "put the jump in slow motion"
    return before[-1].kind in ("make", "take", "looks", "into", "less", "more", "unreleased", "adverb")
