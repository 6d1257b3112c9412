"""WordPiece: text to the token numbers of a BERT model.

After Devlin et al., "BERT" (2019), the uncased basic tokenizer followed by greedy longest match. Knows nothing of
models. Its work grows in step with the text: words of more than 100 characters become the unknown token.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Longer words are not looked into.
_LONGEST_WORD = 100
#: The blocks of ideographs that stand for a word each.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@dataclass(frozen=True)
class WordPiece:
    """The tokenizer of one model.

    vocabulary: token -> number; pieces inside a word begin with "##".  lowercase: whether case and accents are folded.
    """

    vocabulary: Mapping[str, int]
    lowercase: bool = True

    def encode(self, text: str, *, most: int) -> list[int]:
        """The numbers of `text` between [CLS] and [SEP], at most `most` of them in all."""
        numbers = [self.vocabulary["[CLS]"]]
        for word in self._words(text):
            numbers += self._pieces(word)
            if len(numbers) >= most:
                break
        return [*numbers[: most - 1], self.vocabulary["[SEP]"]]

    def _words(self, text: str) -> Iterator[str]:
        """Runs of letters, and each mark and ideograph by itself."""
        spaced = "".join(_spaced(char) for char in text)
        if self.lowercase:
            apart = unicodedata.normalize("NFD", spaced)
            spaced = "".join(char for char in apart if unicodedata.category(char) != "Mn").lower()
        for run in spaced.split():
            start = 0
            for position, char in enumerate(run):
                if _is_mark(char):
                    if start < position:
                        yield run[start:position]
                    yield char
                    start = position + 1
            if start < len(run):
                yield run[start:]

    def _pieces(self, word: str) -> list[int]:
        """The longest known pieces of a word from the left; the unknown token where some of it is not known."""
        unknown = [self.vocabulary["[UNK]"]]
        if len(word) > _LONGEST_WORD:
            return unknown
        numbers: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self.vocabulary.get(prefix + word[start:end])
                if number is not None:
                    numbers.append(number)
                    start = end
                    break
            else:
                return unknown
        return numbers


def _spaced(char: str) -> str:
    """A character as the basic tokenizer wants it: control characters out, spaces plain, ideographs apart."""
    if char in "\t\n\r" or unicodedata.category(char) == "Zs":
        return " "
    if char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    code = ord(char)
    return f" {char} " if any(low <= code <= high for low, high in _IDEOGRAPHS) else char


def _is_mark(char: str) -> bool:
    """Whether a character stands for itself: punctuation, and every ASCII character that is no letter or digit."""
    return (char.isascii() and not char.isalnum()) or unicodedata.category(char).startswith("P")
