"""The policy above all that sends: a call is answered from what was kept, by an equal one in flight, or asked and kept.

Whatever goes wrong here, the call goes out as if there were no cache.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tokeneff._flow import Call, Effect, Outcome, Sleep, answer, do, forward
from tokeneff._log import log_once
from tokeneff.cache._alike import Alike
from tokeneff.cache._entering import Entering, Entry
from tokeneff.cache._flights import Flight, Kept
from tokeneff.cache._reply import Reply
from tokeneff.cache._serve import shaped
from tokeneff.cache._tape import Tape
from tokeneff.cache._telling import answered, model_of, said_of, sent, shown, worth_of
from tokeneff.cache._waiting import all_of, awaited
from tokeneff.context import current_overrides
from tokeneff.errors import CacheMiss

if TYPE_CHECKING:
    from tokeneff.cache._cache import Cache
    from tokeneff.cache._place import Place
    from tokeneff.cache._reply import Said
    from tokeneff.prices import Prices

T = TypeVar("T")
Steps = Generator[Effect, Any, T]
Learn = Callable[[bytes, Reply], None]

_MOST_LEADERS = 2
"""Leaders that a call waits for which come to nothing, before it asks for itself whoever else does."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25
"""Seconds between two looks for what another process is asking."""


class Caching:
    """The cache of one wrapping.

    Args:
        cache: what was asked for. place: where its replies are kept. prices: what they cost.
        renew: has a call made anew in the background, and says whether it could.
    """

    def __init__(self, cache: Cache, place: Place, prices: Prices, renew: Callable[[Call, bytes, Place], bool]) -> None:
        self._cache = cache
        self._place = place
        self._prices = prices
        self._renew = renew
        self._entering = Entering(cache, place)
        self._alike: Alike | None = None
        if cache.semantic is not None:
            self._alike = Alike(cache, place.neighbourhoods(cache.semantic), self._entering, self._look)
        self._life = None if cache.ttl is None else cache.ttl + cache.stale

    def policy(self, call: Call) -> Steps[Outcome]:
        """The policy."""
        if not call.endpoint.model:
            return (yield from forward(call))
        mode = current_overrides().cache
        if mode == "bypass":
            return sent((yield from forward(call)), "bypass", "override")
        if not self._place.secret:
            if self._place.instant:
                self._place.meet()
            else:
                yield from do(self._place.meet)
        entry = self._enter(call, mode)
        if isinstance(entry, str):
            if mode == "only":
                raise CacheMiss(entry)
            return sent((yield from forward(call)), "bypass", entry)
        if mode == "refresh":
            return (yield from self._ask(call, entry, None, "refresh"))
        found = yield from self._served(call, entry, mode == "only")
        if found is None:
            if mode == "only":
                raise CacheMiss(key=shown(entry.key))
            found = yield from self._ask(call, entry, None)
        return found

    def _enter(self, call: Call, mode: str | None) -> Entry | str:
        try:
            return self._entering.of(call)
        except Exception as fault:
            if mode == "only":
                raise CacheMiss("fault") from fault
            log_once(("cache key", type(fault)), "a call has no key and is not cached: %r", fault, exc_info=fault)
            return "fault"

    # -- answered without a provider, if that can be; `None`: the call is to be asked, alone

    def _served(self, call: Call, entry: Entry, only: bool) -> Steps[Outcome | None]:
        place, key = self._place, entry.key
        flight = place.flights.peek(key)
        kept = flight.kept if flight is not None else None
        if kept is None and place.instant:
            kept = self._look(key)
        if kept is not None:
            reply = self._usable(call, entry, kept, only)
            if reply is not None:
                return (yield from self._answered(call, entry, kept, reply))
        if entry.alone and (only or not place.instant):
            kept = yield from do(self._look, key)
            reply = self._usable(call, entry, kept, only) if kept is not None else None
            return (yield from self._answered(call, entry, kept, reply)) if kept and reply else None
        if entry.alone:
            return None
        return (yield from self._together(call, entry, only))

    def _together(self, call: Call, entry: Entry, only: bool) -> Steps[Outcome | None]:
        """With all equal calls of this process: one leads, the others follow it."""
        until = time.monotonic() + self._cache.wait
        for _ in range(_MOST_LEADERS + 1):
            flight, leads = self._place.flights.join(entry.key)
            if leads:
                return (yield from self._lead(call, entry, flight, only, until))
            found = yield from self._follow(call, entry, flight, only, until)
            if found is not None or time.monotonic() >= until:
                return found
        return None

    def _lead(self, call: Call, entry: Entry, flight: Flight, only: bool, until: float) -> Steps[Outcome | None]:
        try:
            kept = yield from self._found(entry.key, flight, only, until)
            reply = None if kept is None else self._usable(call, entry, kept, only)
            learn: Learn | None = None
            if reply is None and self._alike is not None:
                kept, learn = yield from self._alike.found(call, entry)
                reply = None if kept is None else shaped(kept.reply, call)
            if kept is not None and reply is not None:
                flight.tell(kept)
                self._place.flights.over(flight)
                return (yield from self._answered(call, entry, kept, reply))
            if only:
                return None
            return (yield from self._ask(call, entry, flight, learn=learn))
        finally:
            if flight.kept is None:  # else it is over once it is kept
                self._place.flights.over(flight)
                if flight.owner is not None:
                    self._place.led(flight.key, flight.owner)

    def _found(self, key: bytes, flight: Flight, only: bool, until: float) -> Steps[Kept | None]:
        """What is kept, perhaps by another process that is asking for it now; ``None``: this one is to ask."""
        place, look = self._place, partial(self._look, key)
        if place.instant:
            return look()  # again: it may have been kept before the flight was joined
        if only:
            return (yield from do(look))
        owner = flight.owner = uuid.uuid4().hex
        try:
            return (yield from self._turned(key, owner, look, until))
        except BaseException:  # the caller is gone, perhaps while a thread asks for its turn
            place.forgo(owner)
            raise

    def _turned(self, key: bytes, owner: str, look: Callable[[], Kept | None], until: float) -> Steps[Kept | None]:
        place = self._place
        found: Kept | bool = yield from do(place.first, key, owner, look)
        pause = _FIRST_PAUSE
        while found is False:
            left = until - time.monotonic()
            if left <= 0:
                return None
            yield Sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            found = yield from do(place.look, key, owner, look)
            if isinstance(found, Kept):
                found = found._replace(shared=not found.stale)
        return found if isinstance(found, Kept) else None

    def _follow(self, call: Call, entry: Entry, flight: Flight, only: bool, until: float) -> Steps[Outcome | None]:
        """As the one that leads is answered. ``None``: nothing came of it, or not in time."""
        try:
            found = yield from awaited(flight.found, until)
            if isinstance(found, Tape):
                if not (yield from awaited(found.started, until)):
                    return None
                if flight.kept is None and found.fits(call):
                    return (yield from self._alongside(call, entry, found))
                reply: Reply | None = yield from all_of(found, until)
                if reply is None:
                    return None
                found = flight.kept or Kept(reply, time.time_ns() // 1000)
                found = found._replace(shared=True)
            elif found is not None:
                found = found._replace(shared=not found.stale)
        except TimeoutError:
            return None
        usable = self._usable(call, entry, found, only) if found is not None else None
        return (yield from self._answered(call, entry, found, usable)) if found and usable else None

    def _alongside(self, call: Call, entry: Entry, tape: Tape) -> Steps[Outcome | None]:
        """With the chunks of a stream that is coming, as they come."""
        outcome = yield from answer(call, tape)
        if _unbegun(outcome):
            return None
        worth = worth_of(call, outcome, self._prices)()
        return answered(outcome, "shared", entry.key, None, worth._replace(seconds=0.0))

    def _answered(self, call: Call, entry: Entry, kept: Kept, reply: Reply) -> Steps[Outcome | None]:
        """From a whole reply. ``None``: it could not be, and is forgotten."""
        outcome = yield from answer(call, reply, self._cache.pace)
        if _unbegun(outcome):
            log_once("cache answer", "a kept reply could not be served: %s", outcome.failure and outcome.failure.type)
            self._place.drop(entry.key)
            return None
        worth = kept.reply.worth if kept.worth is None else kept.worth()
        if kept.worth is None and worth.input_tokens is None and outcome.tokens.input_tokens is not None:
            worth = worth_of(call, outcome, self._prices)()._replace(seconds=worth.seconds)
        return answered(outcome, said_of(kept), entry.key, kept.stored, worth)

    def _usable(self, call: Call, entry: Entry, kept: Kept, only: bool) -> Reply | None:
        """The reply as this call wants it; ``None`` where it cannot be, or where it is time to ask anew."""
        reply = shaped(kept.reply, call)
        if reply is None or not kept.stale or only:
            return reply
        return reply if self._renew(call, entry.key, self._place) else None

    def _look(self, key: bytes) -> Kept | None:
        return self._place.get(key, self._cache.ttl, self._cache.stale)

    # -- asked

    def _ask(
        self, call: Call, entry: Entry, flight: Flight | None, said: Said = "miss", learn: Learn | None = None
    ) -> Steps[Outcome]:
        """Of the provider; the reply is kept if it is one to be kept."""
        tape = Tape(call)
        if flight is not None:
            flight.tell(tape)
        try:
            outcome = yield from forward(call.with_(tape=tape))
        finally:
            tape.close()
        return sent(outcome, said, self._keep(call, entry, outcome, tape.reply, flight, learn), entry.key)

    def _keep(
        self,
        call: Call,
        entry: Entry,
        outcome: Outcome,
        reply: Reply | None,
        flight: Flight | None,
        learn: Learn | None,
    ) -> str:
        """Why the reply is not kept; empty where it is."""
        if reply is None:
            return "not whole" if outcome.ending == "read" else outcome.ending.replace("_", " ")
        try:
            why = self._entering.unfit(call, reply)
            if not why:
                worth = worth_of(call, outcome, self._prices)
                labels = entry.labels(outcome.facts.model or model_of(call))
                self._place.keep(entry.key, reply, worth, labels, self._life, flight, learn)
        except Exception as fault:  # noqa: BLE001 - the call itself went well
            log_once(("cache kept", type(fault)), "a reply could not be kept: %r", fault, exc_info=fault)
            return "fault"
        return why


def _unbegun(outcome: Outcome) -> bool:
    """Whether it failed before the caller had anything of it."""
    return outcome.ending == "failed" and not outcome.chunks
