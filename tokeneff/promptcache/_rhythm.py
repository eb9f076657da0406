"""Whether what is written to a prompt cache will be read again: learnt from how requests follow each other."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias

SOON = 300.0
"""Seconds within which what is kept for five minutes is read again."""
LATER = 3600.0
_WEIGHT = 2.0
"""Requests that a prior counts for."""
_MOST = 128.0
"""Requests after which older ones begin to count half."""
_LONGEST = 30.0
"""Requests that a conversation is expected to go on for at most, however regular it was so far."""

Ttl: TypeAlias = Literal["5m", "1h"]


class Chances(NamedTuple):
    """How likely the next request is, by when it comes; they sum to 1."""

    soon: float
    """Within five minutes."""
    later: float
    """After that, and within an hour."""
    never: float


OPENING = Chances(0.5, 0.05, 0.45)
"""Before anything is known: of a request that the model has not spoken in yet."""
GOING = Chances(0.9, 0.05, 0.05)
"""Of a conversation under way: agents go on for 10 to 150 requests, mostly seconds apart (the recorded sessions that
``benchmarks/promptcache.py`` replays)."""
HEAD = Chances(0.5, 0.1, 0.4)
"""That another request begins with the same tools and system prompt."""


WARY = 0.2
"""How likely a request of a kind that was not seen yet is a conversation's last, for what may lose money."""


class Gaps:
    """Counts of what came, forgetting the oldest."""

    __slots__ = ("_later", "_never", "_prior", "_soon")

    def __init__(self, prior: Chances) -> None:
        self._prior = prior
        self._soon = self._later = self._never = 0.0

    def came(self, seconds: float) -> None:
        """A request was followed by the next one after so long; more than an hour is as good as never."""
        if seconds <= SOON:
            self._soon += 1
        elif seconds <= LATER:
            self._later += 1
        else:
            self._never += 1
        if self.seen > _MOST:
            self._soon, self._later, self._never = self._soon / 2, self._later / 2, self._never / 2

    def waits(self) -> None:
        """A request has waited for more than five minutes: until it is followed, it is one that never is."""
        self.came(math.inf)

    def came_late(self, seconds: float) -> None:
        """Such a request was followed after all."""
        self._never = max(self._never - 1, 0.0)
        self.came(seconds)

    @property
    def seen(self) -> float:
        """Requests, the older ones counting less."""
        return self._soon + self._later + self._never

    @property
    def paused(self) -> bool:
        """Whether pauses longer than five minutes were seen more than once."""
        return self._later >= 2

    @property
    def chances(self) -> Chances:
        """What was seen, and the prior counted as two requests."""
        return self.given(self._prior)

    def given(self, prior: Chances, weight: float = _WEIGHT) -> Chances:
        """The same with another prior, counted as so many requests."""
        total = self.seen + weight
        return Chances(
            (self._soon + weight * prior.soon) / total,
            (self._later + weight * prior.later) / total,
            (self._never + weight * prior.never) / total,
        )


class Worth(NamedTuple):
    """What a token is worth that is written now instead of with the next request; 1 is its input price."""

    short: float
    """Written for five minutes."""
    long: float
    """Written for an hour."""

    @property
    def ttl(self) -> Ttl | None:
        """The better one; ``None`` where neither pays."""
        if max(self.short, self.long) <= 0:
            return None
        return "1h" if self.long > self.short else "5m"


def worth(first: Chances, then: Chances, read: float, write: float, write_1h: float | None) -> Worth:
    """What is to be expected of writing a token of the prompt to the cache now.

    With chances ``a`` (soon), ``b`` (later) and ``d`` (never) of each next request, a read at ``r`` of the input price
    saves ``1 - r``, and what is kept for five minutes is written again, for ``w - 1``, after a longer pause. So the
    value ``V`` of a token that is in the cache solves ``V = a (1 - r + V) + b (V - (w - 1))``. What could as well be
    written by the next request, if one comes, is not to the credit of writing now: that is taken off.

    Args:
        first: of the next request. then: of each after it.
        read, write, write_1h: prices, as parts of the input price; ``None``: an hour is not asked for.
    """
    saved, paid = 1 - read, write - 1
    paid_1h = math.inf if write_1h is None else write_1h - 1
    never = max(then.never, 1 / _LONGEST)
    short = max((then.soon * saved - then.later * paid) / never, 0.0)
    long = (then.soon + then.later) * saved / never
    again = max(0.0, short - paid)
    comes = first.soon + first.later
    waiting = comes * max(again, long - paid_1h)
    return Worth(
        first.soon * (saved + short) + first.later * again - paid - waiting, comes * (saved + long) - paid_1h - waiting
    )
