"""Which values stay in memory: those that are asked for often, of few bytes, and what came last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from tokeneff.cache.stores._contract import Entry, Labels
from tokeneff.cache.stores._memory_sketch import Sketch

_WINDOW = 0.2
"""The share of what came last, whatever it is: a retry, or an equal question, often follows soon."""
_PROTECTED = 0.8
"""The share of the rest that is of what was found there."""


@dataclass(slots=True)
class Kept:
    """A value, and where it is."""

    key: bytes
    value: bytes
    labels: Labels
    stored: int
    expires: int | None
    used: int
    number: int
    """Which one it was of all that were put."""
    size: int
    hits: int = 0
    part: Part | None = None

    def entry(self, value: bytes | None = None) -> Entry:
        """As the store tells it."""
        return Entry(self.key, len(self.value), self.stored, self.expires, self.used, self.hits, self.labels, value)


class Part(OrderedDict[bytes, Kept]):
    """Values, of which the first was used least recently."""

    size = 0

    def take(self, kept: Kept) -> None:
        """Have it here, and nowhere else."""
        if kept.part is not None:
            kept.part.let_go(kept)
        self[kept.key] = kept
        self.size += kept.size
        kept.part = self

    def let_go(self, kept: Kept) -> None:
        del self[kept.key]
        self.size -= kept.size
        kept.part = None

    def first(self) -> Kept:
        return next(iter(self.values()))


class Room:
    """W-TinyLFU by bytes: a least-recently-used window before a least-recently-used main part in two segments, into
    which what leaves the window comes only where it was asked for more often than all that would have to go for it.

    A least-recently-used cache alone finds nothing when a batch of more than fits is run again and again; this one
    finds what fits of it. That many go for one that is large is weighed as in Einziger, Eytan, Friedman, Manes:
    Lightweight Robust Size Aware Cache Management, ACM Transactions on Storage 18(3), 2022 ("aggregated victims").
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.evicted = 0
        self._kept: dict[bytes, Kept] = {}
        self._window, self._probation, self._protected = Part(), Part(), Part()
        self._sketch = Sketch()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept.values())

    @property
    def size(self) -> int:
        return self._window.size + self._probation.size + self._protected.size

    def get(self, key: bytes) -> Kept | None:
        return self._kept.get(key)

    def asked(self, key: bytes) -> None:
        """Somebody asked for it, whether it is here or not."""
        self._sketch.add(key)
        kept = self._kept.get(key)
        if kept is None:
            return
        if kept.part is not self._probation:
            assert kept.part is not None
            kept.part.move_to_end(key)
            return
        self._protected.take(kept)
        while self._protected.size > _PROTECTED * (1 - _WINDOW) * self.limit and len(self._protected) > 1:
            self._probation.take(self._protected.first())

    def add(self, kept: Kept) -> None:
        """Keep it; it is here until another one comes, at least."""
        self._kept[kept.key] = kept
        self._window.take(kept)
        self._sketch.fit(len(self._kept))
        self.fit()

    def remove(self, kept: Kept) -> None:
        del self._kept[kept.key]
        if kept.part is not None:
            kept.part.let_go(kept)

    def fit(self) -> None:
        """Have all that is here fit, by letting go what is worth least."""
        window = self._window
        while window.size > _WINDOW * self.limit and len(window) > 1:
            self._pass_on(window.first())
        while self.size > self.limit:
            self._evict(next(self._victims(), None) or window.first())

    def _pass_on(self, candidate: Kept) -> None:
        """From the window to the main part, or out."""
        self._window.let_go(candidate)
        missing = self.size + candidate.size - self.limit
        worth = self._sketch.count(candidate.key) if missing > 0 else 0
        victims: list[Kept] = []
        for victim in self._victims():
            if missing <= 0:
                break
            worth -= self._sketch.count(victim.key)
            if worth <= 0:
                break
            missing -= victim.size
            victims.append(victim)
        if missing > 0:
            self._evict(candidate)
            return
        for victim in victims:
            self._evict(victim)
        self._probation.take(candidate)

    def _victims(self) -> Iterator[Kept]:
        return chain(self._probation.values(), self._protected.values())

    def _evict(self, kept: Kept) -> None:
        self.remove(kept)
        self.evicted += 1
