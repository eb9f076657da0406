"""Of long documents: the paragraphs that have to do with what was asked."""

from __future__ import annotations

import math
import re
from collections import Counter

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept
from tokeneff.trim.kinds._lossy import joined, telling, tokens, words_of

MOST = 2000
"""Tokens from which on a text is looked through; about half of as many stay."""
_K, _B = 1.2, 0.75
"""Of BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009): as is usual."""
_BETWEEN = re.compile(r"\n[ \t]*\n+")
_FEWEST = 6


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or len(text) < 2 * MOST:
        return None
    asked = set(words_of(f"{context.query} {context.arguments}"))
    paragraphs = _BETWEEN.split(text)
    if not asked or len(paragraphs) < _FEWEST or (size := tokens(text, context)) <= MOST:
        return None
    scores = _scores([words_of(one) for one in paragraphs], asked)
    if sum(score > 0 for score in scores) < 2:
        return None
    left = len(text) * MOST / 2 / size
    keep = [at == 0 or telling(one) for at, one in enumerate(paragraphs)]
    left -= sum(len(one) for one, kept_ in zip(paragraphs, keep, strict=True) if kept_)
    for at in sorted(range(len(paragraphs)), key=lambda at: (-scores[at], at)):
        if scores[at] > 0 and not keep[at] and left >= len(paragraphs[at]):
            keep[at] = True
            left -= len(paragraphs[at])
    short = joined(paragraphs, keep, "paragraphs")
    return Edit(short) if len(short) < len(text) else None


def _scores(paragraphs: list[list[str]], asked: set[str]) -> list[float]:
    """Of each paragraph, by BM25."""
    average = sum(map(len, paragraphs)) / len(paragraphs) or 1.0
    counts = [Counter(word for word in words if word in asked) for words in paragraphs]
    there = Counter(word for count in counts for word in count)
    worth = {word: math.log(1 + (len(paragraphs) - many + 0.5) / (many + 0.5)) for word, many in there.items()}
    return [
        sum(
            worth[word] * times * (_K + 1) / (times + _K * (1 - _B + _B * len(words) / average))
            for word, times in count.items()
        )
        for words, count in zip(paragraphs, counts, strict=True)
    ]


KIND = Kind(
    "relevant",
    lossless=False,
    why="Paragraphs that share fewest words with the newest user turn and the call's arguments are left out.",
    edit=_edit,
    undo=kept,
)
