"""Counters that count by words, so that a test can say what each number is made of."""

from __future__ import annotations

from collections.abc import Callable

from tokeneff.tokens import Counter
from tokeneff.tokens._vocabulary import Vocabularies


def words(text: str) -> int:
    return len(text.split())


def _loaded(count: Callable[[str], int]) -> Vocabularies:
    vocabularies = Vocabularies(lambda name: count)
    for name in ("o200k_base", "cl100k_base", "p50k_base", "r50k_base"):
        assert vocabularies.ready(name, 30) is not None
    return vocabularies


def _fail(name: str) -> Callable[[str], int]:
    raise ConnectionError("no network")


BY_WORDS = _loaded(words)
NONE = Vocabularies(_fail)
NONE.ready("o200k_base", 30)


def with_vocabulary() -> Counter:
    """A new counter of which every vocabulary is there and counts words."""
    return Counter(BY_WORDS)


def without_vocabulary() -> Counter:
    """A new counter that can load none."""
    return Counter(NONE)
