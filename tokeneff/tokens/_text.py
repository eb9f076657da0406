"""Counting any text by a vocabulary: in linear time, and without ever raising."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokeneff._log import log_once
from tokeneff._plain import sound
from tokeneff.tokens._estimate import estimate
from tokeneff.tokens._vocabulary import Count

_PIECE = 40_000
"""Characters given to a tokenizer at a time. tiktoken takes more than linear time for one long word, and panics on a
million blanks: its pattern's backtracking overflows (an exception that is no ``Exception``)."""
_WINDOW = 2_000
_SEAM = re.compile(r"[A-Za-z](?= [A-Za-z])")
"""Every encoding's pattern splits between a letter and a blank that a letter follows: a cut there changes no count."""


def count_text(text: str, count: Count) -> int:
    """How many tokens ``count`` makes of a text; an estimate of what it cannot take.

    >>> count_text("one two", lambda text: len(text.split()))
    2
    """
    if len(text) <= _PIECE:
        return _one(text, count)
    return sum(_one(piece, count) for piece in pieces(text))


def pieces(text: str) -> Iterator[str]:
    """Parts of a text that make up the whole, none longer than 40,000 characters, cut where no token spans."""
    start, size = 0, len(text)
    while size - start > _PIECE:
        end = start + _PIECE
        cut = end
        for found in _SEAM.finditer(text, end - _WINDOW, end):
            cut = found.end()
        yield text[start:cut]
        start = cut
    yield text[start:]


def _one(text: str, count: Count) -> int:
    try:
        return count(text)
    except BaseException as error:
        if not _ours(error):
            raise
    try:
        return count(sound(text))
    except BaseException as error:
        if not _ours(error):
            raise
        log_once(("tokens.count", type(error)), "a tokenizer failed on a text; its tokens are estimated: %s", error)
        return estimate(text)


def _ours(error: BaseException) -> bool:
    """Whether this is the tokenizer's fault: an Exception, or what PyO3 makes of a panic."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"
