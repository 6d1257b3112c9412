"""Words that only say what a clip shows, where a look covers all of it: "turn our wedding dance into a cartoon", "rain
over the football pitch", "slow motion of the jump".

Such words become a piece that stands for the whole clip. Which may depends on the look: a drawn clip is drawn all over,
whoever is in it, but "make the dress brighter" asks for a part of the picture, and only an event or a place is as large
as that. Who says "only the cat" means a part with any look. The words are data: `[subjects]` in the languages' tables.
Knows nothing of what a clause asks for beside its looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from refilm.engines.effects.language.lexicon import LANGUAGES, Lexicon, read_table
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.text import Words, spell

#: Operators that draw or record every frame anew: whoever is in it.
_DRAWN = frozenset({
    "watercolour", "cartoon", "pencil", "pixel_art", "comic", "oil", "claymation", "patch_style", "vhs", "film_8mm",
    "noir",
})  # fmt: skip
#: Operators of an hour, a season or the weather: of all that is outdoors, not of who walks there.
_OUTDOORS = frozenset({
    "night", "golden_hour", "snow", "winter", "rain", "fog", "spring", "summer", "autumn", "cyberpunk",
})  # fmt: skip
#: Operators that stand around or over whatever is shown.
_OVERLAID = frozenset({"vignette", "tilt_shift", "film_grain", "dream_glow"})
#: Operators of the clip's time, and how the nouns end that name them: a noun may be of anything, a verb may not.
_COURSES, _COURSE_NOUNS = (
    frozenset({"speed", "slow_motion", "reverse"}),
    {"mo", "motion", "slomo", "slowmo", "slowmotion"},
)
#: Operators that change the colours of all that is shown.
_COLOURING = frozenset({"saturation", "warm", "cool", "contrast", "brightness"})
#: Pieces at which a clause ends, and those with which it asks for something else than a look of the whole.
_BOUNDS = frozenset({"stop", "and", "or", "then", "next", "with", "without", "since", "purpose", "result"})
_FORBIDDING = frozenset({"remove", "quoted", "mention", "refer", "keep", "change"})
_COMMAS = {",", "\u3001", "\uff0c"}
#: Kinds of pieces that may be nouns, and topics that may be; how many nouns stand together at most.
_NOUNS, _TOPICS = frozenset({"unknown", "companion", "whole"}), frozenset({"person", "motion", "background"})
_MOST_NOUNS, _MOST_PARTS = 4, 3
#: How many pieces around a subject are looked at, so that work grows in step with the prompt.
_NEAR = 24
_OTHERS = frozenset({"his", "her", "their"})
_PRONOUNS = _OTHERS | {"he", "she", "they", "him", "them"}
#: What a clip is called, which needs no word that points at it: "stabilise shaky walking footage".
_CLIPS = frozenset({"video", "clip", "footage", "recording", "shot", "shots", "scene"})
#: Kinds of the small words that point: "first" also begins clauses.
_SMALL = frozenset({"filler", "whole", "then"})
#: Verbs that hand something over, so that what is given is a thing unless it is called a look.
_GIVING = frozenset({"give", "gives", "giving", "show", "get", "put"})
_OF = frozenset({"of", "de", "del", "của", "的"})
#: Small words that put weather over a place; other ones put it on a thing.
_ABOVE = frozenset({"over", "around"})
_OVER = frozenset({"over", "across", "through", "in", "around", "for", "of", "at"})


@dataclass(frozen=True)
class _Words:
    """What subjects are made of, in all languages together.

    pointing, owning: words before a subject, and those that make it one's own.  placing: small words before what a
    picture shows.  events, places: what is as large as the picture.  parts: what is never all of it.  local: looks that
    are mostly asked for a part.  sparing: words by which a part is meant.
    """

    pointing: frozenset[str]
    owning: frozenset[str]
    people: frozenset[str]
    placing: frozenset[str]
    events: frozenset[str]
    places: frozenset[str]
    parts: frozenset[str]
    local: frozenset[str]
    sparing: frozenset[Words]


@dataclass(frozen=True)
class _Subject:
    """Pieces from `start` to `end`, the latter outside, that name something.

    head: the noun that says what it is.  topics: of its own words.  own, others: whose it is said to be.
    seen: it is named by words of a look: "the sunset".
    """

    start: int
    end: int
    nouns: tuple[str, ...]
    head: str
    topics: frozenset[str]
    own: bool
    others: bool
    seen: bool

    def is_acting(self) -> bool:
        """Whether somebody or something that moves is named, rather than an event: "the dog run", "the wolf walk"."""
        if self.others and "motion" in self.topics:
            return True
        doer = self.nouns[0] not in _words().events | _words().places
        return "motion" in self.topics and len(self.nouns) > 1 and doer and ("person" in self.topics or not self.own)

    def is_single_thing(self) -> bool:
        """Whether it is one thing that a picture may show beside others: "the statue"."""
        return not (self.own or self.topics & {"person", "background"} or self.head.endswith(("s", "men", "people")))


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
    sparing = _words().sparing
    longest = max(map(len, sparing))
    return any(words[at : at + length] in sparing for at in range(len(words)) for length in range(1, longest + 1))


def _merged(sentence: Sequence[Piece], text: str, lexicon: Lexicon) -> list[Piece]:
    written = [text[piece.start : piece.end] for piece in sentence]
    known = {each: spell(each)[0] for each in set(written)}
    spelled = [known[each] for each in written]
    beginning = _words().pointing | _words().people | _words().placing
    likely = {words for words in known.values() if words and words[0] in beginning}
    told: list[Piece] = []
    head: Words = ()
    at = 0
    while at < len(sentence):
        led = at and sentence[at].kind != "looks" and sentence[at - 1].kind in ("make", "looks", "take")
        begins = spelled[at] in likely or led
        named = _subjects(sentence, spelled, at) if begins else iter(())
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


def _subjects(pieces: Sequence[Piece], spelled: Sequence[Words], start: int) -> Iterator[_Subject]:
    """What may be named from `start` on, the longer first: "the harbour night", "the harbour"."""
    ends: set[int] = set()
    for parts, most in product((_MOST_PARTS, 0), range(_MOST_NOUNS, 0, -1)):
        subject = _subject(pieces, spelled, start, most, parts)
        if subject is not None and subject.end not in ends:
            ends.add(subject.end)
            yield subject


def _subject(pieces: Sequence[Piece], spelled: Sequence[Words], start: int, most: int, parts: int) -> _Subject | None:
    """What is named from `start` on: "my grandma's birthday", "the dog catching the frisbee", "me and my brother"."""
    words = _words()
    if _all_in(spelled[start], _PRONOUNS) or (start and _all_in(spelled[start - 1], words.pointing)):
        return None
    pointed = _is_person(spelled[start])
    if pointed and start and pieces[start - 1].kind == "looks" and pieces[start].kind != "filler":
        return None  # "a cartoon cat"
    if pointed:
        end, nouns = start + 1, list(spelled[start])
    else:
        # "For the first dance" begins with words of time.
        timed = pieces[start].kind == "topics" and _all_in(spelled[start], words.pointing | words.placing)
        pointed = timed or (spelled[start][:1] and spelled[start][0] in words.pointing)
        if not pointed and not (start and pieces[start - 1].kind in ("make", "looks", "take")):
            return None
        first = start + (timed or (len(spelled[start]) == 1 and bool(pointed)))
        end, nouns = _nouns(pieces, spelled, first, most)
    if not nouns or (not pointed and pieces[start - 1].kind != "make" and not _is_clip(pieces, start, nouns)):
        return None
    head = nouns[-1]
    topics = {str(piece.value) for piece in pieces[start:end] if piece.kind == "topics"}
    if pieces[end - 1].value != "motion" or head in _CLIPS:
        topics.discard("motion")
    if words.people & set(nouns):
        topics.add("person")
    own = _is_person(spelled[start]) or bool(words.owning & set(spelled[start]))
    others = spelled[start][0] in _OTHERS
    seen = pieces[end - 1].kind == "looks" and head not in words.events | words.places
    for _ in range(parts):
        end, more = _further(pieces, spelled, end, nouns[-1])
        nouns += more
    own = own or bool(words.owning & set(nouns))
    return _Subject(start, end, tuple(nouns), head, frozenset(topics), own, others, seen)


def _nouns(pieces: Sequence[Piece], spelled: Sequence[Words], start: int, most: int) -> tuple[int, list[str]]:
    """Where the nouns from `start` on end, behind small words that point at them, and their words."""
    at = start
    while at < len(pieces) and pieces[at].kind in _SMALL and _all_in(spelled[at], _words().pointing):
        at += 1
    nouns: list[str] = []
    while at < len(pieces) and len(nouns) < most and _is_noun(pieces, spelled, at):
        nouns += spelled[at]
        at += 1
    return (at, nouns) if nouns and pieces[at - 1].kind != "strength" else (start, [])


def _is_noun(pieces: Sequence[Piece], spelled: Sequence[Words], at: int) -> bool:
    piece, words = pieces[at], _words()
    if piece.kind == "whole" and _all_in(spelled[at], words.pointing):
        return False
    if piece.kind in _NOUNS or (piece.kind == "topics" and piece.value in _TOPICS):
        return piece.value != "it"
    if _all_in(spelled[at], words.events | words.places | words.people):
        return True
    if piece.kind in ("unreleased", "looks") and spelled[at][-1:] and spelled[at][-1] in _CLIPS:
        return True
    # "Our christmas dinner", "my little sister".
    if piece.kind == "looks" and _leads_on_to_likeness(pieces, at):
        return True
    following = at + 1 < len(pieces) and (
        _all_in(spelled[at + 1], words.events | words.places | words.people)
        or pieces[at + 1].kind in _NOUNS - {"whole"}
    )
    return following and piece.kind in ("strength", "unreleased", "looks")


def _leads_on_to_likeness(pieces: Sequence[Piece], at: int) -> bool:
    """Whether a look is named behind "the" as what is to look like something: "make the sunset look like ..."."""
    pointed = at > 0 and str(pieces[at - 1].value) in _words().pointing
    return pointed and at + 1 < len(pieces) and pieces[at + 1].kind in ("simile", "into")


def _leads_on(pieces: Sequence[Piece], at: int) -> bool:
    return at < len(pieces) and pieces[at].kind == "into"


def _is_clip(pieces: Sequence[Piece], start: int, nouns: Sequence[str]) -> bool:
    """Whether a clip is named behind a verb, with nothing before that points at it: "stabilise shaky footage"."""
    verb = start < 2 or pieces[start - 2].kind in _BOUNDS
    return verb and nouns[-1] in _CLIPS


def _further(pieces: Sequence[Piece], spelled: Sequence[Words], at: int, last: str) -> tuple[int, list[str]]:
    """What goes on with a subject: "... in the park", "... and my brother", "catching ... the frisbee"."""
    if at >= len(pieces):
        return at, []
    words = _words()
    if pieces[at].kind == "and" and at + 1 < len(pieces):
        if _is_person(spelled[at + 1]):
            return at + 2, list(spelled[at + 1])
        return _nouns(pieces, spelled, at + 1, _MOST_NOUNS) if _all_in(spelled[at + 1], words.pointing) else (at, [])
    if pieces[at].kind in ("filler", "into") and _all_in(spelled[at], words.placing):
        return _nouns(pieces, spelled, at + 1, _MOST_NOUNS)
    if pieces[at].kind == "filler" and _all_in(spelled[at], words.owning) and _leads_on(pieces, at + 1):
        return at + 1, list(spelled[at])  # "gia đình tôi"
    if pieces[at].kind == "unknown" and spelled[at][-1:] and spelled[at][-1].endswith("ing"):
        return at + 1, list(spelled[at])  # "us jumping"
    if last.endswith("ing") and _all_in(spelled[at], words.pointing):
        return _nouns(pieces, spelled, at, _MOST_NOUNS)
    return at, []


def _covers(subject: _Subject, pieces: Sequence[Piece], spelled: Sequence[Words], lexicon: Lexicon) -> bool:
    """Whether a subject can only mean the whole picture, beside the looks that its clause names."""
    first, last = max(0, subject.start - _NEAR), min(len(pieces), subject.end + _NEAR)
    start = max((at + 1 for at in range(first, subject.start) if pieces[at].kind in _BOUNDS), default=first)
    end = next((at for at in range(subject.end, last) if pieces[at].kind in _BOUNDS), last)
    if start and not pieces[subject.end : end] and _is_added(pieces, start, subject.start):
        # "Teal and orange, for the chase."
        start = max((at + 1 for at in range(first, start - 1) if pieces[at].kind in _BOUNDS), default=first)
    before, after = pieces[start : subject.start], pieces[subject.end : end]
    looks = [piece for piece in (*before, *after) if piece.kind == "looks"]
    paced = any(piece.kind == "multiple" for piece in after)
    graded = any(piece.kind in ("strength", "more", "less") for piece in (*before, *after))
    if not (looks or paced or graded) or any(piece.kind in _FORBIDDING for piece in (*before, *after)):
        return False
    if _words().parts & set(subject.nouns) or not _stands(before, after):
        return False
    place = _Place(subject, before, after, spelled[start : subject.start])
    if not looks:
        return place.is_of_colours() if graded else place.is_scene(tinted=False)
    return all(_fills(place, lexicon, look) for look in looks)


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
        return len(before) == 1 or str(before[-1].value) in _words().placing or before[-2].kind == "make"
    if before[-1].kind == "add":
        return bool(after) and after[0].kind in ("filler", "into", "looks")  # "put the jump in slow motion"
    return before[-1].kind in ("make", "take", "looks", "into", "less", "more", "unreleased", "adverb")


def _fills(place: _Place, lexicon: Lexicon, look: Piece) -> bool:
    """Whether a look of what is named is one of the whole picture."""
    operators = {step.operator for step in lexicon.looks[look.value].steps}
    if operators <= _DRAWN and not place.is_treatment():
        return False
    if place.subject.seen:
        return operators <= _DRAWN
    if place.is_scene(tinted="tint" in operators):
        return True
    if operators <= _DRAWN and not place.told_of(look, _words().local):
        return place.is_drawn()
    if operators <= _OUTDOORS:
        return place.is_outdoors(matter=lexicon.looks[look.value].matter)
    if operators <= _OVERLAID:
        return place.is_overlaid(anything="film_grain" not in operators)
    if operators <= _COURSES:
        return place.names_course(look)
    return operators <= _COLOURING and place.is_of_colours()


@dataclass(frozen=True)
class _Place:
    """Where in its clause a subject stands: the pieces around it.  spelled: the words of those before it."""

    subject: _Subject
    before: Sequence[Piece]
    after: Sequence[Piece]
    spelled: Sequence[Words]

    def is_scene(self, *, tinted: bool) -> bool:
        """Whether the subject is an event or a place, which alone fill the picture; not "the wolf walk"."""
        words, head = _words(), self.subject.head
        # "Let the dog play in the snow": who does something, rather than an event.
        led = bool(self.before) and self.before[-1].kind in ("make", "take", "filler") and not self.subject.own
        if led and "person" in self.subject.topics and str(self.before[-1].value) not in words.placing:
            return False
        placed = bool(self.before) and self.before[-1].kind == "filler" and len(self.before) > 1
        if "motion" in self.subject.topics and self.subject.is_acting() and not placed:
            return False
        over = placed and any(piece.kind == "aspect" for piece in self.before)
        return head in words.events or (head in words.places and (over or not tinted))

    def told_of(self, look: Piece, local: frozenset[str]) -> bool:
        """Whether a look before it is a verb that is mostly asked for a part: "pixelate the number plate"."""
        return any(
            piece is look and _all_in(words, local) for piece, words in zip(self.before, self.spelled, strict=True)
        )

    def is_treatment(self) -> bool:
        """Whether a drawn or filmed look is called one where it could be a thing: "a VHS effect on our trip", not "a
        VHS tape on the shelf", "give the girl a comic"."""
        if any(piece.kind in ("aspect", "style") for piece in (*self.before, *self.after)):
            return True
        kinds = [piece.kind for piece in self.before]
        brought = "add" in kinds or any(str(piece.value) in _GIVING for piece in self.before)
        return not brought and not ("looks" in kinds and kinds[-1] == "filler" and not _begins_drawn(kinds))

    def is_drawn(self) -> bool:
        """ "Turn my cat into a cartoon"; not "make the boy read a cartoon", "turn the parked car into a clay model"."""
        kinds = [piece.kind for piece in self.after]
        if (
            self.subject.is_acting()
            or self.subject.is_single_thing()
            or {"unknown", "topics", "companion"} & set(kinds)
        ):
            return False
        return kinds[:1] != ["article"] or len(self.subject.nouns) == 1

    def is_outdoors(self, *, matter: bool) -> bool:
        """ "Rain over the pitch", "turn the maples into autumn"; not "snow on her hair", "make the soup steam"."""
        if not self.before or ("person" in self.subject.topics and str(self.before[-1].value) not in _ABOVE):
            return False
        if self.before[-1].kind in ("filler", "into"):
            kinds = [piece.kind for piece in self.before]
            upon = matter and "background" in self.subject.topics and "make" not in kinds
            return upon or str(self.before[-1].value) in _OVER or not {"add", "make"} & set(kinds)
        return any(piece.kind in ("into", "simile", "aspect") for piece in self.after[:1])

    def is_overlaid(self, *, anything: bool) -> bool:
        """ "A vignette around the skater"; not "grain to the bowl".  anything: nothing shown bears the look's name."""
        small = bool(self.before) and self.before[-1].kind in ("filler", "into")
        known = anything or bool(self.subject.topics & {"person", "background"})
        return small and str(self.before[-1].value) not in _OF and known

    def names_course(self, look: Piece) -> bool:
        """ "Slow motion of the jump"; not "slow down the ball"."""
        words = next((words for piece, words in zip(self.before, self.spelled, strict=True) if piece is look), ())
        return bool(words) and words[-1] in _COURSE_NOUNS and self.before[-1].kind in ("filler", "into")

    def is_of_colours(self) -> bool:
        """ "The colours of the market stalls more vivid"; not "the colour of her dress"."""
        behind = len(self.before) > 1 and self.before[-1].value in _OF and self.before[-2].kind == "aspect"
        return behind and "person" not in self.subject.topics


def _begins_drawn(kinds: Sequence[str]) -> bool:
    """Whether a clause begins with its look, as a verb of drawing does: "cartoonify", "sketch"."""
    return next((kind for kind in kinds if kind != "filler"), "") == "looks"


def partial_words() -> frozenset[str]:
    """The words of what is never all of a picture, in every language."""
    return _words().parts


def _is_person(words: Words) -> bool:
    return _all_in(words, _words().people)


def _all_in(words: Words, known: frozenset[str]) -> bool:
    return bool(words) and all(word in known for word in words)


@cache
def _words() -> _Words:
    tables = [read_table(name).get("subjects", {}) for name in LANGUAGES]

    def told(key: str) -> frozenset[Words]:
        return frozenset(spell(phrase)[0] for table in tables for phrase in table.get(key, ()))

    keys = ("pointing", "owning", "people", "placing", "events", "places", "parts", "local")
    return _Words(*(frozenset(word for words in told(key) for word in words) for key in keys), told("sparing"))
