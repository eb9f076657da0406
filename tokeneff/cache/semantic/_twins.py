"""Questions that are all but the same: then what little is different is what matters.

Of two questions that have most of their words in common, the few others are either ways of speaking ("how can I" for
"how do I", "please"), or the very thing by which one asks for something else: "in" for "on", "may I" for "must I",
"cats" for "dogs", "A sends B" for "B sends A". Which of both, no list of opposites knows. So they are the same question
only if nothing is left of the difference, in the same order, once what is known to be a way of speaking is taken away.
"""

from __future__ import annotations

import re
from collections import Counter

from tokeneff.cache.semantic._english import AFTER_NOT, ASKING, FILLERS, FRAMES
from tokeneff.cache.semantic._words import Words

_FEW = 2
"""Words of one that the other has not, up to which both are all but the same."""
_PART = 0.25
"""The same, as a part of the longer question's words."""

_FRAMES = tuple((re.compile(rf"(?<!\S){pattern}"), put) for pattern, put in FRAMES)


def twins(one: Words, other: Words) -> bool:
    """Whether two questions are all but the same, and not the same."""
    mine, theirs = _bare(one), _bare(other)
    if mine == theirs:
        return one.asks != other.asks and not (_asking(one) and _asking(other))
    more, less = Counter(mine), Counter(theirs)
    apart = max((more - less).total(), (less - more).total())
    return apart <= max(_FEW, int(_PART * max(len(mine), len(theirs))))


def _asking(words: Words) -> bool:
    """Whether the words ask; then the mark may be left out."""
    return not ASKING.isdisjoint(words.plain[:_BEGINNING])


_BEGINNING = 4


def _bare(words: Words) -> list[str]:
    """Its words, but for ways of speaking; that something is negated is looked at elsewhere."""
    negated = "not" in words.plain
    left = [
        _single(word)
        for word, then in zip(words.plain, (*words.plain[1:], ""), strict=False)
        if (word not in FILLERS or then in ("#few", "little"))
        and word not in ("not", "no")
        and not (negated and word in AFTER_NOT)
    ]
    text = " ".join(left)
    for pattern, put in _FRAMES:
        text = pattern.sub(put, text)
    return text.split()


def _single(word: str) -> str:
    """One and many of a thing are asked about in the same way; what was and what is are not."""
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
