"""Made requests, as prompt caches see them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from hashlib import blake2b

from tokeneff.prices._rates import Rates
from tokeneff.promptcache import Mark, Pieces

FIRST = 1_800_000_000.0


def rates(read: float = 0.1, write: float = 1.25, hour: float = 2.0) -> Rates:
    """Prices as parts of an input price of 1,000 nano-dollars."""
    one = Fraction(1000)
    return Rates(one, one * Fraction(str(read)), one * Fraction(str(write)), one * Fraction(str(hour)), one)


def made(
    *sizes: int | tuple[str, int], head: int = 0, blocks: int = 1, marks: Sequence[int | Mark] = (), called: str = ""
) -> Pieces:
    """A request of pieces of so many tokens each; a piece may have a name of its own, and is else told by its place.

    Args:
        head: how many pieces are system. blocks: content blocks of each piece. marks: pieces that end in a breakpoint.
        called: the tools whose results it ends with.
    """
    chain: list[bytes] = []
    ends: list[int] = []
    hashed, end = blake2b(digest_size=16), 0
    for place, size in enumerate(sizes):
        name, tokens = size if isinstance(size, tuple) else (str(place), size)
        hashed.update(f"{name};".encode())
        end += tokens
        chain.append(hashed.digest())
        ends.append(end)
    places = tuple(mark if isinstance(mark, Mark) else Mark(mark) for mark in marks)
    counts = tuple(blocks * (place + 1) for place in range(len(sizes)))
    return Pieces(tuple(chain), tuple(ends), counts, 0, head, places, newest=len(sizes) - 1, called=called)
