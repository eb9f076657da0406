"""The built-in encoder: likeness by words and by their letters, rare ones counting for more; needs only Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokeneff.cache.semantic._words import words_of

_LETTERS = 0.35
"""How much of the likeness is that of letters, which forgives spelling; the rest is that of words."""
_BEGIN = 64
"""So many questions by their shared words are compared in full."""


_GROWN = 1.25
"""An entry's length is measured again when so many times as many questions are kept; weights have changed by then."""


class _Text:
    """One kept question."""

    __slots__ = ("letters", "letters_length", "of", "words", "words_length")

    def __init__(self, words: Counter[str], letters: Counter[str]) -> None:
        self.words, self.letters = words, letters
        self.words_length = self.letters_length = 0.0
        self.of = 0


class Lexical:
    """Finds the questions that share most with one, without vectors.

    Words and pairs of words, and three letters in a row, weighted by how few of the kept questions have them (tf-idf),
    as cosines. Weights follow what is kept, and so are learnt as questions come.
    """

    def __init__(self) -> None:
        self._texts: dict[int, _Text] = {}
        self._having: dict[str, dict[int, None]] = {}
        self._spread: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, entry: int, text: str) -> None:
        """Let ``entry`` be found by its text."""
        words, letters = _features(text)
        self._texts[entry] = _Text(words, letters)
        for word in words:
            self._having.setdefault(word, {})[entry] = None
        self._spread.update(letters.keys())

    def remove(self, entry: int) -> None:
        """Let it be found no more."""
        text = self._texts.pop(entry)
        for word in text.words:
            having = self._having[word]
            del having[entry]
            if not having:
                del self._having[word]
        self._spread.subtract(text.letters.keys())
        for letter in text.letters:
            if not self._spread[letter]:
                del self._spread[letter]

    def nearest(self, text: str, most: int) -> list[tuple[float, int]]:
        """The ``most`` entries that are likest to ``text``, as (likeness from 0 to 1, entry), likest first."""
        words, letters = _features(text)
        by_words, by_letters = self._weighted(words), self._weighted_letters(letters)
        found: dict[int, float] = {}
        for word, weight in by_words.items():
            having = self._having.get(word, ())
            if len(having) * 4 <= len(self._texts) + 256:
                for entry in having:
                    found[entry] = found.get(entry, 0.0) + weight
        first = sorted(found, key=found.__getitem__, reverse=True)[: max(_BEGIN, 4 * most)]
        own = _length(words, by_words), _length(letters, by_letters)
        scored = [
            (self._likeness(self._texts[entry], (words, letters), (by_words, by_letters), own), entry)
            for entry in first
        ]
        scored.sort(reverse=True)
        return scored[:most]

    def _likeness(
        self,
        text: _Text,
        mine: tuple[Counter[str], Counter[str]],
        weights: tuple[dict[str, float], dict[str, float]],
        own: tuple[float, float],
    ) -> float:
        if text.of * _GROWN <= len(self._texts):
            text.of = len(self._texts)
            text.words_length = _length(text.words, self._weighted(text.words))
            text.letters_length = _length(text.letters, self._weighted_letters(text.letters))
        by_words = _shared(mine[0], text.words, weights[0], own[0] * text.words_length)
        by_letters = _shared(mine[1], text.letters, weights[1], own[1] * text.letters_length)
        return (1 - _LETTERS) * by_words + _LETTERS * by_letters

    def _weighted(self, words: Iterable[str]) -> dict[str, float]:
        """The square of each word's weight."""
        total, having = len(self._texts) + 2, self._having
        return {word: (math.log(total / (len(having.get(word, ())) + 1)) + 0.1) ** 2 for word in words}

    def _weighted_letters(self, letters: Iterable[str]) -> dict[str, float]:
        total, spread = len(self._texts) + 2, self._spread
        return {letter: (math.log(total / (spread[letter] + 1)) + 0.1) ** 2 for letter in letters}


def _features(text: str) -> tuple[Counter[str], Counter[str]]:
    found = words_of(text)
    words = [*found.words, *found.exact]
    pairs = [f"{one} {other}" for one, other in pairwise(words)]
    letters: Counter[str] = Counter()
    for word in found.plain:
        word = f" {word} "
        letters.update([word[at : at + 3] for at in range(len(word) - 2)])
    return Counter([*words, *pairs]), letters


def _length(counts: Counter[str], weights: dict[str, float]) -> float:
    return math.sqrt(sum([count * count * weights[key] for key, count in counts.items()]))


def _shared(mine: Counter[str], theirs: Counter[str], weights: dict[str, float], lengths: float) -> float:
    """Their cosine."""
    if not lengths:
        return 0.0
    return min(1.0, sum([mine[key] * theirs[key] * weights[key] for key in mine.keys() & theirs.keys()]) / lengths)
