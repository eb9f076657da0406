"""Counting tokens: of a text, of a request by part, exactly where a vocabulary is at hand and by estimate elsewhere.

An estimate is never passed off as a count: wherever it is shown, its source says ``estimated``.
"""

from __future__ import annotations

from tokeneff.tokens._count import TokenCount, count
from tokeneff.tokens._counter import Counter, counter
from tokeneff.tokens._estimate import estimate, estimate_body
from tokeneff.tokens._prompt import Piece, Prompt, Traits

__all__ = ["Counter", "Piece", "Prompt", "TokenCount", "Traits", "count", "counter", "estimate", "estimate_body"]
