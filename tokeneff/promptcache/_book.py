"""What is remembered of a tag's requests: their rhythm, and whether what was written has paid so far."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from tokeneff.promptcache._pieces import Pieces
from tokeneff.promptcache._rhythm import GOING, HEAD, LATER, OPENING, SOON, Gaps

_MOST_OPEN = 2_000
_MOST_HEADS = 256
SLACK = 200
"""Of so many dollars of input, one may be lost by writing what is never read: 0.5 %."""
STAKE = 2
"""Prompts of the longest kind that may be written in vain, for five minutes, before anything was saved."""
HOUR_STAKE = 6
"""The same where pauses were seen that an hour would bridge: to write for that long costs four of these."""


class Waiting(NamedTuple):
    """A request that may be gone on from."""

    at: float
    opening: bool
    """Whether the model had not spoken in it."""
    key: str
    """Its ``prompt_cache_key``, if it has one."""


class Place(NamedTuple):
    """Where a request stands among those of its tag."""

    before: Waiting | None
    """The request that it goes on from."""
    opening: bool
    head_known: bool
    """Whether another conversation began with the same tools and system prompt."""
    rate: int
    """Requests with the same head in the last minute."""


class Book:
    """One tag's; not thread-safe by itself."""

    __slots__ = ("_heads", "_late", "_open", "going", "head", "longest", "opening", "plain", "saved")

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, Waiting] = OrderedDict()
        self._late: OrderedDict[bytes, Waiting] = OrderedDict()
        """Those of ``_open`` that have waited for more than five minutes."""
        self._heads: OrderedDict[bytes, deque[float]] = OrderedDict()
        self.opening, self.going, self.head = Gaps(OPENING), Gaps(GOING), Gaps(HEAD)
        self.saved = 0
        """Nano-dollars: what all requests would have cost without us, less what they cost."""
        self.plain = 0
        """Nano-dollars that they would have cost without us."""
        self.longest = 0
        """Nano-dollars that writing the longest prompt so far costs above plain input, for five minutes."""

    def place(self, pieces: Pieces, at: float) -> Place:
        """Find what a request goes on from, and learn from how long that was ago."""
        self._sweep(at)
        before = None
        for digest in reversed(pieces.chain):
            before = self._open.pop(digest, None) or self._waited(digest)
            if before is not None:
                self._gaps(before).came(at - before.at)
                break
        head_known, rate = self._head(pieces, at, opens=before is None)
        return Place(before, before is None, head_known, rate)

    def wait(self, pieces: Pieces, place: Place, at: float, key: str) -> None:
        """A request was sent, and may be gone on from."""
        if pieces.chain:
            self._open[pieces.chain[-1]] = Waiting(at, place.opening, key)
            self._open.move_to_end(pieces.chain[-1])
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)

    def allows(self, extra: int, hour: bool = False) -> bool:
        """Whether so many nano-dollars may be lost now, if nothing of what is written is ever read.

        At any time, what all requests of the tag have cost is then at most 1.005 times what they would have cost
        without us, and the stake on top.
        """
        stake = (HOUR_STAKE if hour else STAKE) * self.longest
        return extra <= 0 or self.saved - extra >= -(self.plain // SLACK + stake)

    def charge(self, plain: int, cost: int, longest: int = 0) -> None:
        """A request costs so much, and would have cost ``plain``; negative amounts take an earlier guess back.

        It is charged as it is sent, by what is expected, so that requests in flight do not spend the same dollar.
        """
        self.saved += plain - cost
        self.plain += plain
        self.longest = max(self.longest, longest)

    def _head(self, pieces: Pieces, at: float, *, opens: bool) -> tuple[bool, int]:
        if not pieces.head:
            return False, 0
        times = self._heads.setdefault(pieces.chain[pieces.head - 1], deque(maxlen=64))
        self._heads.move_to_end(pieces.chain[pieces.head - 1])
        known = opens and bool(times)
        if times:
            self.head.came(at - times[-1])
        times.append(at)
        if len(self._heads) > _MOST_HEADS:
            _, old = self._heads.popitem(last=False)
            if len(old) == 1:
                self.head.came(2 * LATER)
        return known, sum(1 for time in times if at - time <= 60)

    def _gaps(self, waiting: Waiting) -> Gaps:
        return self.opening if waiting.opening else self.going

    def _waited(self, digest: bytes) -> Waiting | None:
        """Take one out that has waited for more than five minutes."""
        found = self._late.pop(digest, None)
        if found is not None:
            self._gaps(found).late -= 1
        return found

    def _sweep(self, at: float) -> None:
        while self._open and at - next(iter(self._open.values())).at > SOON:
            digest, oldest = self._open.popitem(last=False)
            self._waited(digest)
            self._late[digest] = oldest
            self._gaps(oldest).late += 1
        while self._late and (at - next(iter(self._late.values())).at > LATER or len(self._late) > _MOST_OPEN):
            oldest = self._waited(next(iter(self._late)))
            if oldest is not None:
                self._gaps(oldest).came(2 * LATER)
