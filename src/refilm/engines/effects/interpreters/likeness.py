"""The interpreter that compares meanings: an unread clause is what the sentences nearest to it are about.

Those sentences are data: `lexicon/likenesses.toml`, and the names that the English lexicon gives to the same looks.
They are classified by regularised least squares on a sentence model's vectors (Rifkin, Yeo and Poggio, 2003), with a
class of its own for what is no look. Deterministic for one model. About 6 s of one core to load, 15 ms for a clause.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.interpreters.sentence_model import Array, SentenceModel
from refilm.engines.effects.language.interpreted import Interpretation, Unread
from refilm.engines.effects.language.lexicon import Lexicon, lexicon, read_table

#: What a clause must reach to be taken for a look, and by how much that look must lead. Set on the development sets.
LEAST_SCORE = 0.2
LEAST_LEAD = 0.05
#: The same for a clause with words of things, people or places in it.
CLEAR_SCORE = 0.25
CLEAR_LEAD = 0.1
#: How many of the lexicon's names of a look stand beside its sentences; they are sorted from the plainest.
_NAMES = 12
#: How much the classifier mistrusts each sentence.
_RIDGE = 0.2


@dataclass(frozen=True)
class Likeness:
    """What is needed to tell the look of a sentence.

    sentences: (n, width), one row for each known sentence.  looks: the look of each, "" for none.  classes: looks that
    are the same operators, told apart only in the end; the last class is none.  weights: (n, classes).  rivals:
    (classes, classes), whether two have no operator in common.
    """

    model: SentenceModel
    sentences: Array
    looks: tuple[str, ...]
    classes: tuple[frozenset[str], ...]
    weights: NDArray[np.float64]
    rivals: NDArray[np.bool_]

    @classmethod
    def load(cls, folder: Path) -> Likeness:
        """With the sentence model in `folder`. Raises UnusableModel."""
        return cls.of(SentenceModel.load(folder), lexicon())

    @classmethod
    def of(cls, model: SentenceModel, words: Lexicon) -> Likeness:
        """With the packaged sentences about the looks of `words`."""
        said = _sentences(words)
        classes = _classes(words, dict.fromkeys(look for _, look in said if look))
        of_class = np.array([next(at for at, looks in enumerate(classes) if look in looks) for _, look in said])
        sentences = model.embed([sentence for sentence, _ in said])
        # Classes of many sentences would otherwise outvote those of few.
        doubt = np.sqrt(np.bincount(of_class)[of_class])
        system = _kernel(sentences, sentences) + _RIDGE * np.diag(doubt / doubt.mean())
        weights = np.linalg.solve(system, np.eye(len(classes))[of_class])
        return cls(model, sentences, tuple(look for _, look in said), classes, weights, _rivals(words, classes))

    def interpret(self, questions: Sequence[Unread]) -> list[Interpretation]:
        """What the questions' words mean; all of a question together where that says enough, else each clause."""
        found = []
        for question in questions:
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
        nearest = np.argsort(-(self.sentences @ vector[0]), kind="stable")
        look = next(self.looks[at] for at in nearest if self.looks[at] in self.classes[first])
        called = str(read_table("en")["looks"][look][0])
        return Interpretation(text, f"interpreted as “{called}” by the sentence model", look)


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


def _sentences(words: Lexicon) -> list[tuple[str, str]]:
    """Each sentence with its look, "" for those about no look."""
    table, names = read_table("likenesses"), read_table("en")["looks"]
    described = [
        (sentence, look)
        for look, sentences in table["looks"].items()
        if look in words.looks
        for sentence in (*sentences, *names.get(look, ())[:_NAMES])
    ]
    return described + [(sentence, "") for sentence in table["nothing"]["sentences"]]


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
