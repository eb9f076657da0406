"""How many more requests a conversation will have: learnt from those of the same kind that are over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

_MOST = 256
"""Conversations that are remembered."""
_WEIGHT = 8
"""Conversations that the prior counts for."""
_FIRST, _AGAIN, _LONGEST = 4.0, 0.5, 40.0
"""Lengths of agents' conversations have heavy tails (from 1 to 157 requests in the recorded sessions that
``benchmarks/trim.py`` replays): the longer one has lasted, the longer it goes on. Half as long again as it was, and a
little, is on the low side: a session that ends early has paid for what it does not get."""


def prior(turns: int) -> float:
    """Requests still to come in a conversation that had so many, before anything is known of its kind.

    >>> prior(0), prior(20), prior(200)
    (4.0, 14.0, 40.0)
    """
    return min(_FIRST + _AGAIN * turns, _LONGEST)


class Outlook:
    """What is known of one kind of conversation; not thread-safe by itself.

    >>> outlook = Outlook([10] * 100)
    >>> round(outlook.turns(9), 1)
    1.6

    Args:
        lengths: requests of conversations that are over.
    """

    __slots__ = ("_lengths",)

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        self._lengths: deque[int] = deque(lengths, maxlen=_MOST)

    def ended(self, turns: int) -> None:
        """A conversation was over after so many requests."""
        self._lengths.append(turns)

    def turns(self, so_far: int) -> float:
        """Requests still to come on average (mean residual life), the prior counted as a few conversations."""
        lasted = [length - so_far for length in self._lengths if length >= so_far]
        return (_WEIGHT * prior(so_far) + sum(lasted)) / (_WEIGHT + len(lasted))
