"""Which two questions may never share an answer, however like they are: rules, and no likeness.

What paraphrases of one another change is how a thing is said. What is asked about they keep: numbers, dates, names,
what is negated, code, and who does what to whom. So two questions that differ in any of that are refused.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise

from tokeneff.cache.semantic._english import (
    DENIALS,
    FUNCTION,
    HOMOGRAPHS,
    KINDS,
    NEGATIONS,
    NUMERALS,
    OPPOSITES,
    PREFIXES,
    RIVALS,
    read,
)
from tokeneff.cache.semantic._twins import twins
from tokeneff.cache.semantic._words import Words, stem, words_of

_OTHERS = frozenset(("he", "him", "she", "her", "they", "them"))
_PERSONS = _OTHERS | {"i", "me", "we", "us", "you"}


def refused(asked: str, kept: str) -> str:
    """Why the answer to ``kept`` is not looked at for ``asked``: ``"numbers"``, ``"negation"`` …; empty if it may be.

    >>> refused("Can I get 5 cards?", "can i get 6 cards")
    'numbers'
    >>> refused("How do I enable 2FA?", "how to disable 2FA")
    'opposites'
    >>> refused("Why hasn't my card come?", "why has my card not come")
    ''
    """
    one, other = words_of(asked), words_of(kept)
    if not (one.whole and other.whole):
        return "length"
    for reason, rule in _RULES:
        if rule(one, other):
            return reason
    return ""


def _scripts(one: Words, other: Words) -> bool:
    return one.scripts != other.scripts


def _exact(one: Words, other: Words) -> bool:
    return one.exact != other.exact or one.signs != other.signs


def _numbers(one: Words, other: Words) -> bool:
    return _quantities(one) != _quantities(other)


def _quantities(words: Words) -> list[str]:
    return [word for word in words.plain if word[0] == "#"]


def _negation(one: Words, other: Words) -> bool:
    """Whether something is negated in one that is not in the other."""
    mine, theirs = negated(one), negated(other)
    if mine == theirs:
        return False
    if Counter(word for word, _ in mine.elements()) != Counter(word for word, _ in theirs.elements()):
        return True
    # One negation of one short clause may stand before or behind its subject: "hasn't it come", "has it not come".
    return mine.total() > 1 or any(len(words.words) > _CLAUSE or _JOINED & set(words.plain) for words in (one, other))


_CLAUSE = 12
_JOINED = frozenset(
    ("and", "but", "or", "because", "if", "when", "while", "though", "although", "since", "so", "that", "which", "who")
)


def negated(words: Words) -> Counter[tuple[str, str]]:
    """What each negation is said of: the word of content that comes next."""
    found: list[tuple[str, str]] = []
    open_: list[str] = []
    for plain, word in zip(words.plain, words.words, strict=True):
        if plain in NEGATIONS:
            open_.append("not" if plain == "no" else plain)
        elif open_ and plain not in FUNCTION:
            found += [(negation, word) for negation in open_]
            open_.clear()
    return Counter([*found, *[(negation, "") for negation in open_]])


def _denials(one: Words, other: Words) -> bool:
    return _said(one, _DENIED) != _said(other, _DENIED)


_DENIED = frozenset(stem(word) for word in DENIALS)


def _said(words: Words, which: frozenset[str]) -> set[str]:
    return {word for word in words.words if word in which}


_KINDS, _RIVALS = (
    tuple([frozenset(stem(word) for word in kind) | kind for kind in kinds]) for kinds in (KINDS, RIVALS)
)


def _kinds(one: Words, other: Words) -> bool:
    """Whether one speaks of another day, unit, currency, language … than the other."""
    return any(_said(one, kind) != _said(other, kind) for kind in _KINDS) or any(
        bool(mine) and bool(theirs) and mine != theirs
        for mine, theirs in [(_said(one, kind), _said(other, kind)) for kind in _RIVALS]
    )


def _opposites(one: Words, other: Words) -> bool:
    """Whether one has a word, and the other its opposite in its place."""
    mine, theirs = Counter(one.words), Counter(other.words)
    mine, theirs = (mine - theirs).keys(), (theirs - mine).keys()
    if not mine or not theirs:
        return False
    if any(_OPPOSED.get(word, _NONE) & theirs for word in mine):
        return True
    written = Counter(one.plain), Counter(other.plain)
    mine, theirs = (written[0] - written[1]).keys() | mine, (written[1] - written[0]).keys() | theirs
    return any(_affixed(a, b) or _affixed(b, a) for a in mine for b in theirs)


_NONE: frozenset[str] = frozenset()
_OPPOSED = {stem(word): frozenset(stem(o) for o in others) for word, others in OPPOSITES.items()}


def _affixed(short: str, long: str) -> bool:
    """Whether one is the other with something before it, or "…less" of the same."""
    if len(short) > 2 and long.endswith(short) and long[: -len(short)] in PREFIXES:
        return True
    root = long.removesuffix("less")
    return len(root) > 2 and root != long and short.startswith(root)


def _names(one: Words, other: Words) -> bool:
    if one.names & _HOMOGRAPHS != other.names & _HOMOGRAPHS:
        return True
    return not (one.names <= set(other.words) and other.names <= set(one.words))


_HOMOGRAPHS = frozenset(stem(word) for word in HOMOGRAPHS)


def _unknown(one: Words, other: Words) -> bool:
    """Whether a word that is not of everyday English, which may be a name, is in one and not in the other."""
    known = _everyday()
    return any(
        word not in known and word[0] != "#" and word not in FUNCTION for word in set(one.words) ^ set(other.words)
    )


@cache
def _everyday() -> frozenset[str]:
    return frozenset([stem(word) for word in [*read("words.txt").split(), *NUMERALS]])


def _persons(one: Words, other: Words) -> bool:
    mine, theirs = (frozenset(words.plain) & _PERSONS for words in (one, other))
    return bool((mine | theirs) & _OTHERS) and mine != theirs


def _order(one: Words, other: Words) -> bool:
    """Whether what both speak of stands in another order, or on another side of "from", "to", "than" …

    A paraphrase may order its words anew; but where hardly any other word is different, or what changes places are
    names, it is the one who does it and the one to whom it is done.
    """
    if one.content != other.content and sorted(one.content) == sorted(other.content):
        return True
    mine, theirs = _first(one), _first(other)
    shared = [word for word in mine if word in theirs]
    if not _sorted([theirs[word] for word in shared]):
        known = _everyday()
        if len(mine.keys() ^ theirs.keys()) <= _FEW:
            return True
        if not _sorted([theirs[word] for word in shared if word not in known or word in one.names | other.names]):
            return True
    return _swapped(one, other) or _passive(one) != _passive(other)


_FEW = 2


def _sorted(places: list[int]) -> bool:
    return all(place < then for place, then in pairwise(places))


def _first(words: Words) -> dict[str, int]:
    found: dict[str, int] = {}
    for index, word in enumerate(words.content):
        found.setdefault(word, index)
    return found


def _swapped(one: Words, other: Words) -> bool:
    mine, theirs = _sided(one), _sided(other)
    return any(side != theirs[word] for word, side in mine.items() if word in theirs)


def _passive(words: Words) -> bool:
    """Whether something "is done by" somebody."""
    plain = words.plain
    return any(word == "by" and not _BEING.isdisjoint(plain[max(0, at - 3) : at]) for at, word in enumerate(plain))


_BEING = frozenset(("am", "is", "are", "was", "were", "be", "been", "being", "get", "gets", "got", "getting"))


def _sided(words: Words) -> dict[str, str]:
    """The words of content that come right after a word that gives them a side."""
    found: dict[str, str] = {}
    side = ""
    for plain, word in zip(words.plain, words.words, strict=True):
        if plain in _SIDES or plain in _NEUTRAL:
            side = plain
        elif plain not in FUNCTION:
            if side in _SIDES:
                found[word] = side
            side = ""
    return found


_SIDES = frozenset(("from", "to", "than", "into", "by", "versus", "vs", "against", "before", "after"))
_NEUTRAL = frozenset(("between", "over", "under", "until", "since", "for", "of"))


_RULES = (
    ("script", _scripts),
    ("exact", _exact),
    ("numbers", _numbers),
    ("negation", _negation),
    ("denial", _denials),
    ("kind", _kinds),
    ("opposites", _opposites),
    ("names", _names),
    ("unknown", _unknown),
    ("persons", _persons),
    ("order", _order),
    ("twins", twins),
)
