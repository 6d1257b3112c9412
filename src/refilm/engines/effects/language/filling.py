"""Whether what a clip shows is all of the picture to a look.

A drawn clip is drawn all over, whoever is in it, but "make the dress brighter" asks for a part of the picture, and only
an event or a place is as large as that. Knows where in its clause a subject stands; nothing of what else is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refilm.engines.effects.language.lexicon import Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.subject_words import all_in, subject_words
from refilm.engines.effects.language.subjects import Subject
from refilm.engines.effects.language.text import Words

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
#: Verbs that hand something over, so that what is given is a thing unless it is called a look.
_GIVING = frozenset({"give", "gives", "giving", "show", "get", "put"})
_OF = frozenset({"of", "de", "del", "của", "的"})
#: Small words that put weather over a place; other ones put it on a thing.
_ABOVE = frozenset({"over", "around"})
_OVER = frozenset({"over", "across", "through", "in", "around", "for", "of", "at"})


def fills(place: Place, lexicon: Lexicon, look: Piece) -> bool:
    """Whether a look of what is named is one of the whole picture."""
    operators = {step.operator for step in lexicon.looks[look.value].steps}
    if operators <= _DRAWN and not place.is_treatment():
        return False
    if place.subject.seen:
        return operators <= _DRAWN
    if place.is_scene(tinted="tint" in operators):
        return True
    if operators <= _DRAWN and not place.told_of(look, subject_words().local):
        return place.is_drawn()
    if operators <= _OUTDOORS:
        return place.is_outdoors(matter=lexicon.looks[look.value].matter)
    if operators <= _OVERLAID:
        return place.is_overlaid(anything="film_grain" not in operators)
    if operators <= _COURSES:
        return place.names_course(look)
    return operators <= _COLOURING and place.is_of_colours()


@dataclass(frozen=True)
class Place:
    """Where in its clause a subject stands: the pieces around it.  spelled: the words of those before it."""

    subject: Subject
    before: Sequence[Piece]
    after: Sequence[Piece]
    spelled: Sequence[Words]

    def is_scene(self, *, tinted: bool) -> bool:
        """Whether the subject is an event or a place, which alone fill the picture; not "the wolf walk"."""
        words, head = subject_words(), self.subject.head
        # "Let the dog play in the snow": who does something, rather than an event.
        led = bool(self.before) and self.before[-1].kind in ("make", "take", "filler") and not self.subject.own
        led = led and not self.subject.possessed
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
            piece is look and all_in(words, local) for piece, words in zip(self.before, self.spelled, strict=True)
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
        if self.subject.possessed and self.before[-1].kind == "filler":
            return False  # "snow on my wife's umbrella"
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
