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


class Lexical:
    """Finds the questions that share most with one, without vectors.

    Words and pairs of words, and three letters in a row, weighted by how few of the kept questions have them (tf-idf),
    as cosines. Weights follow what is kept, and so are learnt as questions come.
    """

    def __init__(self) -> None:
        self._texts: dict[int, tuple[Counter[str], Counter[str]]] = {}
        self._having: dict[str, dict[int, None]] = {}
        self._spread: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, entry: int, text: str) -> None:
        """Let ``entry`` be found by its text."""
        words, letters = self._texts[entry] = _features(text)
        for word in words:
            self._having.setdefault(word, {})[entry] = None
        self._spread.update(letters.keys())

    def remove(self, entry: int) -> None:
        """Let it be found no more."""
        words, letters = self._texts.pop(entry, (Counter[str](), Counter[str]()))
        for word in words:
            having = self._having[word]
            del having[entry]
            if not having:
                del self._having[word]
        self._spread.subtract(letters.keys())
        for letter in letters:
            if not self._spread[letter]:
                del self._spread[letter]

    def nearest(self, text: str, most: int) -> list[tuple[float, int]]:
        """The ``most`` entries that are likest to ``text``, as (likeness from 0 to 1, entry), likest first."""
        words, letters = _features(text)
        weights, spread = self._weights(words), self._letter_weights(letters)
        found: dict[int, float] = {}
        for word, weight in weights.items():
            having = self._having.get(word, ())
            if len(having) * 4 <= len(self._texts) + 256:
                gain = weight * weight
                for entry in having:
                    found[entry] = found.get(entry, 0.0) + gain
        first = sorted(found, key=found.__getitem__, reverse=True)[: max(_BEGIN, 4 * most)]
        own = _length(words, weights), _length(letters, spread)
        scored = [(self._likeness(entry, (words, letters), (weights, spread), own), entry) for entry in first]
        scored.sort(reverse=True)
        return scored[:most]

    def _likeness(
        self,
        entry: int,
        mine: tuple[Counter[str], Counter[str]],
        weights: tuple[dict[str, float], dict[str, float]],
        own: tuple[float, float],
    ) -> float:
        words, letters = self._texts[entry]
        by_words = _cosine(mine[0], words, weights[0], own[0], self._weights(words))
        by_letters = _cosine(mine[1], letters, weights[1], own[1], self._letter_weights(letters))
        return (1 - _LETTERS) * by_words + _LETTERS * by_letters

    def _weights(self, words: Iterable[str]) -> dict[str, float]:
        total = len(self._texts) + 2
        having = self._having
        return {word: math.log(total / (len(having.get(word, ())) + 1)) + 0.1 for word in words}

    def _letter_weights(self, letters: Iterable[str]) -> dict[str, float]:
        total, spread = len(self._texts) + 2, self._spread
        return {letter: math.log(total / (spread[letter] + 1)) + 0.1 for letter in letters}


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
    return math.sqrt(sum([(count * weights[key]) ** 2 for key, count in counts.items()]))


def _cosine(
    mine: Counter[str], theirs: Counter[str], weights: dict[str, float], own: float, their_weights: dict[str, float]
) -> float:
    other = _length(theirs, their_weights)
    if not own or not other:
        return 0.0
    shared = mine.keys() & theirs.keys()
    return min(1.0, sum([mine[key] * theirs[key] * weights[key] ** 2 for key in shared]) / (own * other))
