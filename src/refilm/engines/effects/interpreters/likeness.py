"""The interpreter that compares meanings: unread words are what the sentences nearest to them are about.

Those sentences are data: `lexicon/likenesses.toml`, the names that the English lexicon gives to the same looks, and
what hints at them (`lexicon/cues.toml`). They are classified by regularised least squares on a sentence model's vectors
(Rifkin, Yeo and Poggio, 2003), with a class of its own for what is no look. Of a whole prompt every operator is scored,
and what its words hint at (`language.gist`) counts as well. Deterministic for one model. 15 ms for a clause; what is
made of the sentences, half a minute of one core, is kept beside the model.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from refilm.engines.effects.interpreters.kept import Arrays, digest, kept
from refilm.engines.effects.interpreters.sentence_model import Array, SentenceModel, UnusableModel
from refilm.engines.effects.language.gist import Gist, gist_of
from refilm.engines.effects.language.interpreted import Interpretation, Unread
from refilm.engines.effects.language.lexicon import Lexicon, lexicon, read_table

#: What a clause must reach to be taken for a look, and by how much that look must lead. Set on the development sets.
LEAST_SCORE = 0.2
LEAST_LEAD = 0.05
#: The same for a clause with words of things, people or places in it.
CLEAR_SCORE = 0.25
CLEAR_LEAD = 0.1
#: By how much an operator must lead for a whole prompt to be about it, what a hint of weight 1 adds to its score, and
#: the most that hints add.
GIST_LEAD = 0.1
_HINT, _MOST_HINTS = 0.08, 6.0
#: How sure the words' own gist must be where it agrees: a look is named, perhaps as a thing ("a tape on the table").
LEAST_CERTAINTY = 0.25
#: How many of the lexicon's names of a look stand beside its sentences; they are sorted from the plainest.
_NAMES = 6
#: How much the classifier mistrusts each sentence.
_RIDGE = 0.2
#: A hint of one word is a sentence as well where it is as long as this.
_TELLING = 6


@dataclass(frozen=True)
class Likeness:
    """What is needed to tell the look of a sentence.

    sentences: (n, width), one row for each known sentence.  looks: the look of each, "" for none.  classes: looks that
    are the same operators, told apart only in the end; the last class is none.  weights: (n, classes).  rivals:
    (classes, classes), whether two have no operator in common.  operators: with a minus where they go the other way;
    the last is "" for none.  shares: (n, operators), the weights by which all of a prompt is judged.
    """

    model: SentenceModel
    sentences: Array
    looks: tuple[str, ...]
    classes: tuple[frozenset[str], ...]
    weights: NDArray[np.float64]
    rivals: NDArray[np.bool_]
    operators: tuple[str, ...]
    shares: NDArray[np.float64]

    @classmethod
    def load(cls, folder: Path) -> Likeness:
        """With the sentence model in `folder`. Raises UnusableModel."""
        model, words = SentenceModel.load(folder), lexicon()
        said = _sentences(words)
        try:
            files = [folder / "config.json", folder / "model.safetensors"]
            name = digest(files, [str(_RIDGE), *(f"{look} {sentence}" for sentence, look in said)])
        except OSError as error:
            raise UnusableModel(f"{folder} holds no sentence model that can be used: {error!r}.") from error
        return cls._of(model, words, said, kept(folder, f"likeness-{name}", lambda: _learnt(model, words, said)))

    @classmethod
    def _of(cls, model: SentenceModel, words: Lexicon, said: Sequence[tuple[str, str]], learnt: Arrays) -> Likeness:
        looks = tuple(look for _, look in said)
        classes = _classes(words, dict.fromkeys(filter(None, looks)))
        operators = _operators(words, looks)
        weights, rivals = learnt["weights"], _rivals(words, classes)
        return cls(model, learnt["sentences"], looks, classes, weights, rivals, operators, learnt["shares"])

    def interpret(self, questions: Sequence[Unread]) -> list[Interpretation]:
        """What the questions' words mean; all of a question together where that says enough, else each clause."""
        found = []
        for question in questions:
            if question.whole:
                gist = self.gist(question.text)
                found += [gist] if gist is not None else []
                continue
            whole = self._answer(question.text, question)
            parts = question.clauses if whole is None else ()
            answers = [whole, *(self._answer(part, question) for part in parts)]
            if question.sentence and None in answers[bool(parts) :]:
                answers.append(self._answer(question.sentence, question))
            found += [each for each in answers if each is not None]
        return found

    def _answer(self, text: str, question: Unread) -> Interpretation | None:
        return self.meaning(text, doubtful=text in question.doubtful)

    def meaning(self, text: str, *, doubtful: bool = False) -> Interpretation | None:
        """What a text means, None where it is no look or it is not clear which.

        doubtful: whether it must be clearer than usual. Looks with an operator in common do not stand against each
        other.
        """
        vector = self.model.embed([text])
        scores = (_kernel(vector, self.sentences) @ self.weights)[0]
        first = int(np.argmax(scores))
        lead = scores[first] - scores[self.rivals[first]].max()
        least_score, least_lead = (CLEAR_SCORE, CLEAR_LEAD) if doubtful else (LEAST_SCORE, LEAST_LEAD)
        if first == len(self.classes) - 1 or scores[first] < least_score or lead < least_lead:
            return None
        return _interpretation(text, self._nearest(vector, self.classes[first]))

    def gist(self, text: str) -> Interpretation | None:
        """What all of a prompt is about, None where that is no look or not clear enough."""
        vector, hinted = self.model.embed([text]), gist_of(text)
        scores = (_kernel(vector, self.sentences) @ self.shares)[0] + _HINT * self._hints(hinted)
        second, first = np.argsort(scores, kind="stable")[-2:]
        name = self.operators[first]
        if not name or scores[first] - scores[second] < GIST_LEAD:
            return None
        if hinted is not None and _family(hinted.look) == name:
            if hinted.certainty < LEAST_CERTAINTY:
                return None
            return replace(_interpretation(text, hinted.look), whole=True)
        alike = {look for look in self.looks if look and _family(look) == name}
        return replace(_interpretation(text, self._nearest(vector, alike)), whole=True) if alike else None

    def _hints(self, gist: Gist | None) -> NDArray[np.float64]:
        """What the words of a prompt hint at, for each operator."""
        hints = np.zeros(len(self.operators))
        for family, score in gist.scores.items() if gist is not None else ():
            name = _family(family) if family in lexicon().looks else family
            if name in self.operators:
                at = self.operators.index(name)
                hints[at] = max(hints[at], min(score, _MOST_HINTS))
        return hints

    def _nearest(self, vector: Array, among: Set[str]) -> str:
        """The look, of those `among`, that the sentence nearest to a vector is about."""
        nearest = np.argsort(-(self.sentences @ vector[0]), kind="stable")
        return str(next(self.looks[at] for at in nearest if self.looks[at] in among))


class Likenesses:
    """A likeness that is loaded when first needed and kept. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: Likeness | None = None

    def interpret(self, questions: Sequence[Unread]) -> list[Interpretation]:
        """See `Likeness.interpret`. Raises UnusableModel."""
        with self._lock:
            if self._loaded is None:
                self._loaded = Likeness.load(self._folder)
        return self._loaded.interpret(questions)


def _interpretation(text: str, look: str) -> Interpretation:
    called = str(read_table("en")["looks"][look][0])
    return Interpretation(text, f"interpreted as “{called}” by the sentence model", look)


def _learnt(model: SentenceModel, words: Lexicon, said: Sequence[tuple[str, str]]) -> Arrays:
    """The vectors of known sentences, and what is learnt of them."""
    looks = [look for _, look in said]
    classes = _classes(words, dict.fromkeys(filter(None, looks)))
    of_class = np.array([next(at for at, alike in enumerate(classes) if look in alike) for look in looks])
    sentences = model.embed([sentence for sentence, _ in said])
    # Classes of many sentences would otherwise outvote those of few.
    doubt = np.sqrt(np.bincount(of_class)[of_class])
    system = _kernel(sentences, sentences) + _RIDGE * np.diag(doubt / doubt.mean())
    aims = np.hstack([np.eye(len(classes))[of_class], _shares(words, looks)])
    learnt = solve(system, aims, assume_a="pos", overwrite_a=True, check_finite=False)
    return {"sentences": sentences, "weights": learnt[:, : len(classes)], "shares": learnt[:, len(classes) :]}


def _shares(words: Lexicon, looks: Sequence[str]) -> NDArray[np.float64]:
    """What each sentence is about, (n, operators): a look of several operators is a part of each."""
    operators = _operators(words, looks)
    shares = np.zeros((len(looks), len(operators)))
    for row, look in zip(shares, looks, strict=True):
        made = _steps(words, look) if look else {""}
        for name in made:
            row[operators.index(name)] = 1 / len(made)
    return shares


def _operators(words: Lexicon, looks: Sequence[str]) -> tuple[str, ...]:
    """The operators of looks, with a minus where they go the other way, then "" for none."""
    return (*sorted({name for look in looks if look for name in _steps(words, look)}), "")


def _steps(words: Lexicon, look: str) -> set[str]:
    return {("-" if step.scale < 0 else "") + step.operator for step in words.looks[look].steps}


def _family(look: str) -> str:
    """The operator of a look, whatever its colour; the names of all of them where it is of several."""
    return "+".join(sorted(_steps(lexicon(), look)))


def _sentences(words: Lexicon) -> list[tuple[str, str]]:
    """Each sentence with its look, "" for those about no look. Of a sentence that stands twice the first counts."""
    table, names, cues = read_table("likenesses"), read_table("en")["looks"], read_table("cues")
    said = [
        (sentence, look)
        for look, sentences in table["looks"].items()
        if look in words.looks
        for sentence in (*sentences, *names.get(look, ())[:_NAMES])
    ]
    said += [
        (hint, look) for look, hints in cues["strong"].items() if look in words.looks for hint in filter(_tells, hints)
    ]
    said += [(sentence, "") for sentence in table["nothing"]["sentences"]]
    said += [(hint, "") for hint in filter(_tells, cues["against"]["words"])]
    first: dict[str, str] = {}
    for sentence, look in said:
        first.setdefault(sentence, look)
    return list(first.items())


def _tells(hint: str) -> bool:
    """Whether a hint is English and says something by itself."""
    return hint.isascii() and "+" not in hint and (" " in hint or len(hint) >= _TELLING)


def _classes(words: Lexicon, looks: Sequence[str] | dict[str, None]) -> tuple[frozenset[str], ...]:
    """Looks grouped by the operators that they are made of, then the class of no look."""
    groups: dict[tuple[tuple[str, bool], ...], set[str]] = {}
    for look in looks:
        steps = tuple(sorted((step.operator, step.scale < 0) for step in words.looks[look].steps))
        groups.setdefault(steps, set()).add(look)
    return (*map(frozenset, groups.values()), frozenset({""}))


def _rivals(words: Lexicon, classes: Sequence[frozenset[str]]) -> NDArray[np.bool_]:
    """Which classes stand against each other, (n, n): those that have no operator in common; nothing against itself."""
    made = [
        {(step.operator, step.scale < 0) for look in looks if look for step in words.looks[look].steps}
        for looks in classes
    ]
    return np.array([[one is not other and not one & other for other in made] for one in made])


def _kernel(some: Array, others: Array) -> NDArray[np.float64]:
    """How alike texts are, 0..1: a polynomial of the cosine that near ones count for much more than far ones in."""
    return np.asarray(((1 + some.astype(np.float64) @ others.T) / 2) ** 4)
