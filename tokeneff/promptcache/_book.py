"""What is remembered of a tag's requests: their rhythm, and whether what was written has paid so far."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import NamedTuple

from tokeneff.promptcache._pieces import Pieces
from tokeneff.promptcache._rhythm import GOING, HEAD, LATER, OPENING, SOON, WARY, Chances, Gaps, worth

_MOST_OPEN = 2_000
_MOST_HEADS = 256
SLACK = 200
"""Of so many dollars of input, one may be lost by writing what is never read: 0.5 %."""
STAKE = 2
"""Prompts of the longest kind that may be written in vain, for five minutes, before anything was saved."""
HOUR_STAKE = 6
"""The same where pauses were seen that an hour would bridge: to write for that long costs four of these."""


DOUBT = 0.08
"""How likely the next request may come too late, or never, for a write that the conversation has not saved the price of
yet. With WARY, of random halves of the recorded short conversations, each a tag of its own, 1 % cost more with us than
without, not 5 %; the tenth of the savings that this takes is what is not written while a tag is new. 0.1: 2 %."""
OFTEN = 0.2
"""Of so many requests there have to be such that hardly end a conversation, for it to pay to wait for one."""
KNOWN = 16
"""Requests after which that is known."""
_MOST_CALLED = 64
_OWN = 8.0
"""Requests of a conversation's own after which its rhythm counts as much as its tag's."""


class Talk:
    """One conversation's."""

    __slots__ = ("_gaps", "plain", "saved")

    def __init__(self) -> None:
        self._gaps = Gaps(GOING)
        self.saved = 0
        """Nano-dollars: what its requests would have cost without us, less what they cost."""
        self.plain = 0
        """Nano-dollars that they would have cost without us."""

    def came(self, seconds: float) -> None:
        """It went on after so long."""
        self._gaps.came(seconds)

    def rhythm(self, chances: Chances) -> Chances:
        """The same chances of going on, as soon or late as this conversation did so far: whose user thinks for ten
        minutes once does so again."""
        own = self._gaps.given(chances, _OWN)
        goes, seen = chances.soon + chances.later, own.soon + own.later
        return chances if not seen else Chances(goes * own.soon / seen, goes * own.later / seen, chances.never)


class Waiting(NamedTuple):
    """A request that may be gone on from."""

    at: float
    opening: bool
    """Whether the model had not spoken in it."""
    key: str
    """Its ``prompt_cache_key``, if it has one."""
    called: str
    """The tools whose results it ended with."""
    talk: Talk
    unwritten: int
    """Tokens that it kept its provider from writing."""


class Place(NamedTuple):
    """Where a request stands among those of its tag."""

    before: Waiting | None
    """The request that it goes on from."""
    opening: bool
    head_known: bool
    """Whether another conversation began with the same tools and system prompt."""
    rate: int
    """Requests with the same head in the last minute."""
    talk: Talk
    """The conversation's money."""


class Book:
    """One tag's; not thread-safe by itself."""

    __slots__ = (
        "_after",
        "_heads",
        "_late",
        "_open",
        "going",
        "head",
        "longest",
        "opening",
        "plain",
        "saved",
        "spared",
    )

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, Waiting] = OrderedDict()
        self._late: OrderedDict[bytes, Waiting] = OrderedDict()
        """Those of ``_open`` that have waited for more than five minutes."""
        self._heads: OrderedDict[bytes, deque[float]] = OrderedDict()
        self.opening, self.going, self.head = Gaps(OPENING), Gaps(GOING), Gaps(HEAD)
        self._after: OrderedDict[str, Gaps] = OrderedDict()
        """As ``going``, by the tools that were called last: after some, most conversations are over."""
        self.saved = 0
        """Nano-dollars: what all requests would have cost without us, less what they cost."""
        self.plain = 0
        """Nano-dollars that they would have cost without us."""
        self.spared = 0
        """Nano-dollars: what a provider that writes unasked was kept from charging, less twice what that has cost."""
        self.longest = 0
        """Nano-dollars that writing the longest prompt so far costs above plain input, for five minutes."""

    def place(self, pieces: Pieces, at: float) -> Place:
        """Find what a request goes on from, and learn from how long that was ago."""
        self._sweep(at)
        before, opening = None, True
        for digest in reversed(pieces.chain):
            before = self._open.pop(digest, None) or self._late.get(digest)
            if before is not None:
                self._followed(before, at - before.at, late=self._late.pop(digest, None) is not None)
                opening = before.opening and digest == pieces.chain[-1]  # the same once more
                break
        head_known, rate = self._head(pieces, at, opens=before is None)
        return Place(before, opening, head_known, rate, Talk() if before is None else before.talk)

    def wait(self, pieces: Pieces, place: Place, at: float, key: str) -> None:
        """A request was sent, and may be gone on from."""
        if pieces.chain:
            end = pieces.ends[pieces.marks[-1].piece] if pieces.marks else 0
            unwritten = 0 if pieces.implicit else pieces.total - end
            self._open[pieces.chain[-1]] = Waiting(at, place.opening, key, pieces.called, place.talk, unwritten)
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

    def earned(self, extra: int, plain: int, talk: Talk) -> bool:
        """Whether a conversation has saved the price of this already, but for 0.5 % of what it would have cost.

        Args:
            extra: nano-dollars that are lost if nothing of what is written is ever read.
            plain: nano-dollars that the request would cost without us. talk: the conversation.
        """
        return extra <= 0 or talk.saved - extra >= -((talk.plain + plain) // SLACK)

    def ahead(self, pieces: Pieces, place: Place) -> tuple[Chances, Chances]:
        """How likely a conversation's next request is, and each one after that."""
        going, after = self.going.chances, self._after.get(pieces.called)
        then = place.talk.rhythm(going)
        if place.opening:
            return self.opening.chances, then
        return then if after is None else place.talk.rhythm(after.given(going)), then

    def ends_at_once(self, place: Place, read: float, write: float) -> bool:
        """Whether what a provider writes unasked is not worth its price, for hardly any opening is gone on from.

        Once half of what it has spared was lost again, everything is written; so it is dearer by what was under way at
        once, at most.

        Args:
            read, write: prices, as parts of the input price.
        """
        if place.before is not None or self.opening.seen < KNOWN or self.spared < 0:
            return False
        soon, later, never = self.opening.chances
        # It is kept for longer than five minutes: to be on the safe side, for as long as is counted.
        comes, then = Chances(soon + later, 0.0, never), self.going.chances
        return worth(comes, Chances(then.soon + then.later, 0.0, then.never), read, write, None).ttl is None

    def dares(self, pieces: Pieces, place: Place, hour: bool) -> bool:
        """Whether a conversation may write what it has not saved the price of yet.

        It may where it hardly ends, by the tools that were called last; so where no such moment is to be expected, any
        is as good.
        """
        if self._doubt(pieces.called, place.talk, hour) <= DOUBT:
            return True
        if self.going.seen < KNOWN:
            return False
        better = [gaps.seen for called, gaps in self._after.items() if self._doubt(called, place.talk, hour) <= DOUBT]
        return sum(better) < OFTEN * sum([gaps.seen for gaps in self._after.values()])

    def _doubt(self, called: str, talk: Talk, hour: bool) -> float:
        """How likely nothing reads what a request writes, to be on the safe side while little was seen."""
        chances, after = self.going.chances, self._after.get(called)
        never, goes = max(chances.never, WARY), chances.soon + chances.later
        wary = Chances(chances.soon / goes * (1 - never), chances.later / goes * (1 - never), never)
        first = talk.rhythm(wary if after is None else after.given(wary))
        return first.never if hour else 1 - first.soon

    def charge(self, plain: int, cost: int, talk: Talk) -> None:
        """A request costs so much, and would have cost ``plain``; negative amounts take an earlier guess back.

        It is charged as it is sent, by what is expected, so that requests in flight do not spend the same dollar.
        """
        for account in (self, talk):
            account.saved += plain - cost
            account.plain += plain

    def met(self, writing: int) -> None:
        """A request was met that costs so much more, in nano-dollars, if all of it is written for five minutes."""
        self.longest = max(self.longest, writing)

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

    def _followed(self, waiting: Waiting, seconds: float, *, late: bool) -> None:
        if not waiting.opening:
            waiting.talk.came(seconds)
        for gaps in self._gaps(waiting):
            (gaps.came_late if late else gaps.came)(seconds)

    def _gaps(self, waiting: Waiting) -> tuple[Gaps, ...]:
        if waiting.opening:
            return (self.opening,)
        after = self._after.setdefault(waiting.called, Gaps(GOING))
        self._after.move_to_end(waiting.called)
        if len(self._after) > _MOST_CALLED:
            self._after.popitem(last=False)
        return self.going, after

    def _sweep(self, at: float) -> None:
        while self._open and at - next(iter(self._open.values())).at > SOON:
            digest, oldest = self._open.popitem(last=False)
            if self._late.pop(digest, None) is None:
                for gaps in self._gaps(oldest):
                    gaps.waits()
            self._late[digest] = oldest
        while self._late and (at - next(iter(self._late.values())).at > LATER or len(self._late) > _MOST_OPEN):
            self._late.popitem(last=False)
