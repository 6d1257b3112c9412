"""What one clause asks for: wishes, a constraint, nothing, or a refusal with its reason.

The rule behind all of it: every word of a clause must be accounted for, otherwise the clause is refused. Knows nothing
of other clauses (`reader`), of operators' ranges or of conflicts between looks (`settle`).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from refilm.engines.effects.language.clauses import Clause
from refilm.engines.effects.language.inscription import LOOK as INSCRIPTION
from refilm.engines.effects.language.inscription import read_inscription
from refilm.engines.effects.language.lexicon import REPAINT, Ingredient, Lexicon
from refilm.engines.effects.language.phrases import Piece
from refilm.engines.effects.language.tempo import Course, read_courses
from refilm.engines.effects.language.turning import target, why_not_turned, without_noise
from refilm.engines.effects.plan import Span, Value

#: What an engine that redraws nothing keeps anyway, so that asking to keep it costs nothing.
_KEPT_ANYWAY = {"person", "motion", "sound", "composition", "rest", "text", "object", "pace"}
_ASIDE = {"filler", "simile", "whole", "take", "article", "states", "particle", "into"}
_BY_THE_WAY = {"filler", "simile", "aspect", "percent", "intensity", "more", "article", "states", "whole", "into"}
#: The aspects that a grade leaves alone: who asks to keep the lighting does not mind another tint.
_LIGHT = {"lighting"}
REFERENCE = "reference_colours"
REFERENCE_STYLE = "reference_style"
#: How many strange words a comparison may carry, and how many letters the name of what it compares with has at least.
_MOST_EMBROIDERY, _UNMISTAKABLE = 3, 7
#: Small words before what a picture shows or where it shows it.
_PLACING = {"of", "on", "in", "at", "onto", "de", "del", "en", "sobre", "của", "trên", "trong", "在"}
#: What ends in "ly" like an adverb and is a thing or a person, and how long an adverb is at least.
_NO_ADVERBS, _SHORTEST_ADVERB = {"assembly", "monopoly", "firefly", "dragonfly", "anomaly", "potbelly", "gadfly"}, 7
#: Words that point at what the picture shows.
_POINTING = {"the", "this", "that", "el", "la", "los", "las", "esta", "este"}
#: What says that the clip is something, as "is" does, and what turns that into a wish.
_IT_IS, _WISHING = (
    {"its", "its a"},
    {"should", "must", "want", "ought", "supposed", "like", "let", "need", "needs", "wish"},
)
_SOFTEN = "soften"
#: The operators that change colours only, so that their words describe the colours of a reference.
_GRADES = {
    "brightness", "contrast", "saturation", "warm", "cool", "black_and_white", "sepia", "teal_orange", "fade", "tint",
    "autumn", "cyberpunk", "golden_hour",
}  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """A look that somebody wants.

    factor: times the usual strength, None where nothing was said.  amount: an exact share (0.2 for "20 %") for
    operators that go both ways.  parameters: others that were said.  less: the other way round.  stated: told of the
    clip ("it is dark") rather than asked.  ingredients: operators with parameters in the place of a look.
    span: when it is wanted, None for the whole clip.
    """

    look: str
    clause: str
    factor: float | None = None
    amount: float | None = None
    less: bool = False
    note: str = ""
    stated: bool = False
    span: Span | None = None
    parameters: dict[str, Value] = field(default_factory=dict)
    ingredients: tuple[Ingredient, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a clause was understood as. Exactly one of these holds: it is refused, or it has wishes, or asks nothing.

    negated: its looks are named in order not to have them.  removes: it wants something taken out of the clip.
    factor, amount: a strength without a look, meant for the look before.
    keeps: what must stay, "colours", "light" or "".
    dangling: a verb still waiting for its look.  constraint: it asks for something to stay.
    unread: refused only because words of it are not known, by no rule: an interpreter may try.
    spans: the times that were said of it, none for the whole clip.
    """

    clause: Clause
    wishes: tuple[Wish, ...] = ()
    reason: str = ""
    note: str = ""
    negated: bool = False
    removes: bool = False
    less: bool = False
    factor: float | None = None
    amount: float | None = None
    keeps: str = ""
    dangling: bool = False
    constraint: bool = False
    unread: bool = False
    spans: tuple[Span, ...] = ()


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
        clause = _mended(clause, lexicon)
    reading = _read_wish(clause, lexicon, nearby=nearby, references=references, mention=mention)
    return replace(reading, clause=whole)


def _read_wish(clause: Clause, lexicon: Lexicon, *, nearby: Set[str], references: int, mention: str) -> Reading:
    strange = _unaccounted(clause, lexicon, nearby)
    if strange:
        return Reading(clause, reason=_why_strange(clause, strange, lexicon), unread=_is_unread(clause, strange))
    if clause.has("refer", "mention"):
        return _read_reference(clause, lexicon, references, mention)
    if clause.has("not", "without"):
        return Reading(clause, negated=True, note=f"left out as asked: {clause.text}")
    if clause.has("unreleased"):
        return Reading(clause, reason=lexicon.unreleased[clause.of("unreleased")[0].value])
    if clause.has("looks"):
        return _read_looks(clause, lexicon)
    return _read_rest(clause, lexicon)


def _read_tempo(clause: Clause, courses: list[Course] | str, lexicon: Lexicon) -> Reading:
    if isinstance(courses, str):
        return Reading(clause, reason=lexicon.topics[courses])
    note = "; ".join(filter(None, map(_typo_note, clause.pieces)))
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
    return Reading(clause, reason=lexicon.topics["remove"], removes=True)


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


def _unaccounted(clause: Clause, lexicon: Lexicon, nearby: Set[str]) -> tuple[Piece, ...]:
    """The pieces that nothing in the clause explains."""
    own = {piece.value for piece in clause.of("looks")}
    explained = own if clause.has("make", "add", "change") else own | nearby
    strange = []
    for position, piece in enumerate(clause.pieces):
        following = clause.pieces[position + 1].kind if position + 1 < len(clause.pieces) else ""
        if (
            (piece.kind == "unknown" and not (own and _is_adverb(piece.value)))
            or piece.kind in ("topics", "multiple")
            or (piece.kind == "number" and following != "percent")
            or (piece.kind == "companion" and not piece.value & explained)
        ):
            strange.append(piece)
    if len(strange) <= _MOST_EMBROIDERY and all(_is_embroidery(piece, clause) for piece in strange):
        strange = []
    return (*strange, *_things(clause, lexicon))


def _is_unread(clause: Clause, strange: tuple[Piece, ...]) -> bool:
    """Whether nothing speaks against a clause but that its words are not known.

    Words of things, people, places, parts and times do; so do verbs of adding, and negations. A look beside a strange
    word most often only describes it ("warm the soup", "a film about snow"); not so where the clause compares, or
    speaks of a style ("a Tarantino film from the 70s look"), unless it goes on to tell what the picture shows.
    """
    if clause.has("unreleased", "add", "not", "without", "refer", "mention"):
        return False
    known = all(piece.kind in ("unknown", "companion", "number") for piece in strange)
    told = clause.has("simile", "aspect", "style") and not any(_is_shown(piece, clause) for piece in strange)
    return known and (told or not clause.has("looks"))


def _is_adverb(word: str) -> bool:
    """Whether a strange word only says how: "a hauntingly blue tint". No thing is called so, but for a few."""
    return word.endswith("ly") and len(word) >= _SHORTEST_ADVERB and word.isascii() and word not in _NO_ADVERBS


def _is_embroidery(strange: Piece, clause: Clause) -> bool:
    """Whether a strange word only embroiders a comparison with something unmistakable: "like that music video by A-ha".

    What follows "of" or a word of place is what a picture shows, and no embroidery: "like an oil painting of Napoleon".
    """
    kinds = [piece.kind for piece in clause.pieces]
    if strange.kind not in ("unknown", "companion") or "simile" not in kinds or "add" in kinds:
        return False
    after = clause.pieces[kinds.index("simile") :]
    named = any(piece.kind == "looks" and _is_unmistakable(piece) for piece in after)
    return named and strange in after and not _is_shown(strange, clause)


def _is_unmistakable(look: Piece) -> bool:
    """Whether the words that name a look hardly name anything else: "game boy", "claymation"; not "snow"."""
    return look.end - look.start >= _UNMISTAKABLE + (look.words == 1)


def _is_shown(strange: Piece, clause: Clause) -> bool:
    """Whether a word stands behind "of", "on the", "in a", ..., with nothing but small words between."""
    for piece in reversed(clause.pieces[: clause.pieces.index(strange)]):
        if piece.value in _PLACING:
            return True
        if piece.kind not in ("filler", "article"):
            return False
    return False


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
        piece for piece in clause.of("looks") if all(s.operator in _GRADES for s in lexicon.looks[piece.value].steps)
    ]
    return tuple(shown) if any(piece not in shown for piece in coloured) else ()


def _why_strange(clause: Clause, strange: tuple[Piece, ...], lexicon: Lexicon) -> str:
    if any(lexicon.looks[piece.value].worded for piece in clause.of("looks")):
        return lexicon.topics[INSCRIPTION]
    for piece in strange:
        if piece.kind == "topics":
            return lexicon.topics[piece.value]
    return lexicon.topics["object"]


def _read_reference(clause: Clause, lexicon: Lexicon, references: int, mention: str) -> Reading:
    styled = _means_style(clause)
    others = [piece for piece in clause.of("looks") if not _tells_of_reference(piece, lexicon, styled=styled)]
    reason = _why_no_reference(clause, lexicon, references, mention)
    if reason:
        return Reading(clause, reason=lexicon.topics[reason])
    if clause.has("not", "without"):
        return Reading(clause, negated=True, note=f"left out as asked: {clause.text}")
    if not (styled or clause.has("aspect")) and (clause.has("add") or _recolours(clause, others)):
        return Reading(clause, reason=lexicon.topics["object"])
    if styled and REFERENCE_STYLE not in lexicon.looks:
        return Reading(clause, reason=lexicon.unreleased[REFERENCE_STYLE])
    factor, amount = loose_strength(clause)
    note = "interpreted as: take the colours of the reference picture, nothing else of it"
    note = "" if styled or clause.has("aspect") else note
    look = REFERENCE_STYLE if styled else REFERENCE
    wish = Wish(look, clause.text, factor if amount is None else amount, note=note)
    return Reading(clause, wishes=(wish, *(Wish(piece.value, clause.text) for piece in others)))


def _why_no_reference(clause: Clause, lexicon: Lexicon, references: int, mention: str) -> str:
    if references < 1:
        return "no_reference"
    for piece in clause.of("mention"):
        if piece.value != mention or (piece.value[-1].isdigit() and not piece.value.endswith("1")):
            return "one_reference"
    return ""


def _means_style(clause: Clause) -> bool:
    """Whether a reference is meant with its style: "the art style of", "paint it like"; not "the colour style of"."""
    styled = any(piece.kind == "style" for piece in clause.pieces) and not any(
        before.kind == "aspect" and piece.kind == "style" for before, piece in pairwise(clause.pieces)
    )
    painted = any(piece.value == REPAINT for piece in clause.of("make"))
    return styled or (painted and not clause.has("aspect"))


def _tells_of_reference(piece: Piece, lexicon: Lexicon, *, styled: bool) -> bool:
    """Whether a look describes the reference ("its warm colours", "its oil painting style") and is no wish itself."""
    look = lexicon.looks[piece.value]
    if styled:
        return any({step.operator, "patch_style"} <= group for step in look.steps for group in lexicon.exclusive)
    return not look.matter and not look.thing and all(step.operator in _GRADES for step in look.steps)


def _recolours(clause: Clause, others: list[Piece]) -> bool:
    """Whether it would change the reference picture itself ("make the reference black and white")."""
    return clause.has("make") and len(clause.of("looks")) > len(others)


#: Particles that turn a measure down; their counterparts only strengthen a verb.
_DOWN = {"down", "xuống"}


def _read_looks(clause: Clause, lexicon: Lexicon) -> Reading:
    """The looks of a clause, each with the strength and the direction said nearest to it."""
    wishes: list[Wish] = []
    pending = _Pending()
    fresh = False  # whether the last word but fillers was a look, so that an adverb belongs to it
    for position, piece in enumerate(clause.pieces):
        if piece.kind == "looks":
            wishes.append(pending.give(Wish(piece.value, clause.text, note=_typo_note(piece))))
            pending, fresh = _Pending(), True
        elif piece.kind in ("strength", "adverb", "number"):
            said = _strength(clause, position)
            if fresh and piece.kind != "strength" and wishes[-1].factor is None and wishes[-1].amount is None:
                wishes[-1] = said.give(wishes[-1])
            else:
                pending = pending.join(said)
        elif piece.kind == "less" or (piece.kind == "excess" and _before_look(clause, position)):
            pending = replace(pending, less=True)
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


def _mended(clause: Clause, lexicon: Lexicon) -> Clause:
    """The clause with what mends it in the place of a fault that it tells of: "it is overexposed" asks for less light.

    Asked for ("make it overexposed", "an overexposed look"), a fault is a look like any other.
    """
    if clause.has("less", "excess"):
        return clause
    return replace(clause, pieces=tuple(_cure(piece, lexicon) if piece.cure else piece for piece in clause.pieces))


def _cure(piece: Piece, lexicon: Lexicon) -> Piece:
    return replace(piece, kind="looks" if piece.cure in lexicon.looks else "unreleased", value=piece.cure)


def finds_fault(clause: Clause) -> bool:
    """Whether a clause says what is wrong with the clip, and not what it should be."""
    # "The colours look dull": the verb after one that looks so.
    look = any(before.kind == "aspect" and piece.value == "look" for before, piece in pairwise(clause.pieces))
    it_is = not clause.has("aspect") and any(piece.value in _IT_IS for piece in clause.pieces)
    said = clause.has("states") or look or it_is
    wished = any(piece.kind == "filler" and _WISHING & set(str(piece.value).split()) for piece in clause.pieces)
    faulty = any(piece.cure for piece in clause.pieces)
    return faulty and said and not wished and clause.verbless and not clause.has("simile", "style")


def leans(clause: Clause) -> bool:
    """Whether a clause only goes on with what the one before it tells: "it is overexposed and blurry"."""
    return clause.link in ("and", "or", "comma") and clause.verbless and not clause.has("aspect", "style", "simile")


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


def _read_rest(clause: Clause, lexicon: Lexicon) -> Reading:
    """A clause without a look: a strength for the look before, a verb that waits for its look, or a description."""
    factor, amount = loose_strength(clause)
    less = clause.has("less", "excess")
    measured = [lexicon.measures[piece.value] for piece in clause.of("aspect") if piece.value in lexicon.measures]
    if measured and (less or clause.has("more")):
        wishes = tuple(Wish(look, clause.text, factor, amount, less=less) for look in dict.fromkeys(measured))
        return Reading(clause, wishes=wishes, less=less)
    if factor is not None or amount is not None:
        return Reading(clause, factor=factor, amount=amount, less=less)
    if clause.has("make", "change", "add") or less or clause.has("more"):
        return Reading(clause, dangling=True, less=less, reason=lexicon.topics["no_look"])
    return Reading(clause)


@dataclass(frozen=True)
class _Pending:
    """A strength and a direction that wait for their look."""

    factor: float | None = None
    amount: float | None = None
    less: bool = False

    def join(self, other: _Pending) -> _Pending:
        """Both together; of two factors the weaker counts ("very slightly"), of two strong ones the stronger."""
        factors = [factor for factor in (self.factor, other.factor) if factor is not None]
        weak = [factor for factor in factors if factor < 1]
        factor = min(weak) if weak else max(factors, default=None)
        return _Pending(factor, other.amount if self.amount is None else self.amount, self.less or other.less)

    def give(self, wish: Wish) -> Wish:
        """`wish` with whatever waited, where it has none of its own."""
        return replace(
            wish,
            factor=self.factor if wish.factor is None else wish.factor,
            amount=self.amount if wish.amount is None else wish.amount,
            less=wish.less or self.less,
        )


def _strength(clause: Clause, position: int) -> _Pending:
    piece: Piece = clause.pieces[position]
    if piece.kind != "number":
        return _Pending(factor=piece.value)
    share = max(0.0, float(piece.value)) / 100
    # "at 50 % strength" is half the usual; "20 % darker" names the amount.
    return _Pending(factor=share) if clause.has("intensity") else _Pending(amount=share)


def loose_strength(clause: Clause) -> tuple[float | None, float | None]:
    """The factor and the amount that a clause names without a look beside them, None where it names none."""
    pending = _Pending()
    for position, piece in enumerate(clause.pieces):
        if piece.kind in ("strength", "adverb", "number"):
            pending = pending.join(_strength(clause, position))
    return pending.factor, pending.amount


def _before_look(clause: Clause, position: int) -> bool:
    following: tuple[Any, ...] = clause.pieces[position + 1 :]
    return next(
        (piece.kind == "looks" for piece in following if piece.kind not in ("filler", "simile", "strength")), False
    )


def _typo_note(piece: Piece) -> str:
    return f'read as "{piece.read_as}"' if piece.read_as else ""
