"""Where replies are kept: a store, and who asks for what in this process. One for all that keep theirs in one place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, WeakValueDictionary

from tokeneff._log import log_once
from tokeneff.cache import _keeper
from tokeneff.cache._codec import Codec
from tokeneff.cache._flights import Flight, Flights, Kept
from tokeneff.cache._keeper import Keeper
from tokeneff.cache._reply import Reply, Worth
from tokeneff.stores._guarded import _exit as _leaving

if TYPE_CHECKING:
    from tokeneff.cache._cache import Cache
    from tokeneff.cache.semantic import Neighbourhoods, Semantic
    from tokeneff.cache.stores import CacheStore, Labels

_MOST_READ, _LARGEST_READ = 256, 64_000
"""Replies, and bytes of one, that are at hand unpacked."""
_PATIENCE = 0.5
"""Seconds that a call waits for a store before the store counts as away, and calls do without it. What a store that is
only busy answers late still saves a call; one that is gone is waited for once."""


class Place:
    """One store's key space.

    Args:
        store: keeps the values. codec: makes values of replies.
    """

    def __init__(self, store: CacheStore, codec: Codec) -> None:
        self.store = store
        self.codec = codec
        self.flights = Flights()
        self.renewing: set[bytes] = set()
        """Keys whose replies are being renewed in the background."""
        self._keeper = Keeper(store)
        self.secret: bytes = b""
        """What keys are made with, so that who sees one can guess nothing from it; empty until the store was asked."""
        self._read: dict[bytes, tuple[bytes, Reply]] = {}
        self._known: list[tuple[Semantic, Neighbourhoods]] = []
        _all.add(self)
        _leaving.owners.add(self)

    @property
    def instant(self) -> bool:
        """Whether the store answers without waiting for anything."""
        return self.store.instant

    def meet(self) -> None:
        """Ask the store for its secret. While it is away there is none, and nothing is kept either."""
        try:
            self.secret = self.store.secret()
        except Exception as fault:  # noqa: BLE001 - the call goes on
            log_once(("cache secret", type(fault)), "a store of replies has no secret: %r", fault)

    def neighbourhoods(self, semantic: Semantic) -> Neighbourhoods:
        """What is known here of questions in other words; one for all that ask the same of it."""
        with _lock:
            for asked, known in self._known:
                if asked == semantic:
                    return known
            from tokeneff.cache.semantic import Neighbourhoods, index_of, journal_of

            url = self.store.url
            index = None if semantic.index is None else index_of(url, semantic.index)
            known = Neighbourhoods(semantic, journal_of(url), self.codec, index=index)
            self._known.append((semantic, known))
            return known

    def get(self, key: bytes, ttl: int | None, stale: int) -> Kept | None:
        """What is kept under a key; ``None`` where nothing is that may be served, or the store cannot be asked.

        Args:
            key: whose. ttl: microseconds, after which it is stale. stale: for how much longer it is served.
        """
        try:
            entry = self.store.get(key)
            if entry is None or entry.value is None:
                return None
            reply = self._unpacked(key, entry.value)
            if reply is None:
                self.store.drop(key)
                return None
        except Exception as fault:  # noqa: BLE001 - a store's fault is a miss
            log_once(("cache get", type(fault)), "a kept reply could not be read: %r", fault, exc_info=fault)
            return None
        age = max(0, self.store.now() - entry.stored)
        old = 0 if ttl is None else age - ttl
        return None if old > stale else Kept(reply, now() - age, old > 0)

    def _unpacked(self, key: bytes, value: bytes) -> Reply | None:
        """The reply of a value; of one that was read before, as it was read then."""
        known = self._read.get(key)
        if known is not None and known[0] == value:
            return known[1]
        reply = self.codec.unpack(key, value)
        if reply is not None and len(reply.body) <= _LARGEST_READ:
            if len(self._read) >= _MOST_READ:
                self._read = {}
            self._read[key] = value, reply
        return reply

    def first(self, key: bytes, owner: str, look: Callable[[], Kept | None]) -> Kept | bool:
        """What is kept; else whether ``owner`` is the one to ask for it."""
        return look() or self.turn(key, owner, look)

    def turn(self, key: bytes, owner: str, look: Callable[[], Kept | None]) -> Kept | bool:
        """Whether ``owner`` is the one to ask for it now. Whoever was so before may have kept it meanwhile."""
        try:
            if not self.store.lead(key, owner, int(_keeper.LEASE * 1e6)):
                return False
        except Exception as fault:  # noqa: BLE001 - without a store each asks for itself
            _away(fault)
            self._keeper.release(key, owner)  # it may have been given, and only the answer lost
            return True
        self._keeper.leads(key, owner)
        return look() or True

    def look(self, key: bytes, owner: str, look: Callable[[], Kept | None]) -> Kept | bool:
        """What is kept by now; else whether ``owner`` is the one to ask for it, because nobody does any more."""
        kept = look()
        if kept is not None:
            return kept
        try:
            if self.store.leading(key):
                return False
        except Exception as fault:  # noqa: BLE001 - as above
            _away(fault)
            return True
        return self.turn(key, owner, look)

    def forgo(self, owner: str) -> None:
        """``owner`` gives up in the midst of asking for its turn."""
        self._keeper.forgo(owner)

    def led(self, key: bytes, owner: str) -> None:
        """``owner`` has asked, or gives up."""
        self._keeper.led(key, owner)

    def keep(
        self,
        key: bytes,
        reply: Reply,
        worth: Callable[[], Worth],
        labels: Labels,
        ttl: int | None,
        flight: Flight | None,
        learn: Callable[[bytes, Reply], None] | None = None,
        stored: int | None = None,
    ) -> None:
        """Keep a reply, soon; until then, calls are answered from its flight. ``learn`` is told when it is kept.
        ``stored``: when it was got, in microseconds since 1970, if not now."""
        stored = now() if stored is None else stored
        kept = Kept(reply, stored, worth=worth)
        if flight is None:  # asked anew: until the store has it, nobody is to be answered from what was there before
            flight = self.flights.lands(key, kept)
        else:
            flight.kept = kept

        def work() -> None:
            try:
                value = self.codec.pack(key, replace(reply, worth=worth()))
                self.store.put(key, value, labels, ttl, self.store.now() - max(0, now() - stored))
            finally:
                self._over(flight)
            if learn is not None:
                learn(key, reply)

        if not self._keeper.do(work, len(reply.body)):
            self._over(flight)

    def _over(self, flight: Flight | None) -> None:
        if flight is not None:
            self.flights.over(flight)
            if flight.owner is not None:
                self._keeper.led(flight.key, flight.owner)

    def drop(self, key: bytes) -> None:
        """Forget what is kept under a key, soon."""

        def work() -> None:
            self.store.drop(key)

        self._keeper.do(work)

    def background(self, work: Callable[[], None]) -> None:
        """Have something done soon, behind what is to be kept by now."""
        if not self._keeper.do(work):
            work()

    def finish(self, timeout: float) -> None:
        """Wait until what was to be kept is."""
        self._keeper.finish(timeout)

    def forget(self) -> None:
        """In a forked child: what the parent's threads were doing is the parent's."""
        self.flights.forget()
        self._keeper.reset()
        self.renewing = set()


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def _away(fault: Exception) -> None:
    log_once(("cache lead", type(fault)), "a store of replies cannot be asked; calls go on: %r", fault)


_all: WeakSet[Place] = WeakSet()
_named: WeakValueDictionary[tuple[Any, ...], Place] = WeakValueDictionary()
_lock = Lock()


def place_of(cache: Cache) -> Place | None:
    """The place where a cache keeps its replies; the same for each that names the same store.

    Raises:
        StoreError: there is no such store; the text says what to write or install.
    """
    given = cache.store
    if given is None:
        return None
    name = (given if isinstance(given, str) else id(given), cache.key, cache.max_size)
    with _lock:
        found = _named.get(name)
        if found is None:
            from tokeneff.cache.stores import GuardedCacheStore, open_cache_store

            store: Any = open_cache_store(given, cache.max_size) if isinstance(given, str) else given
            if not store.instant and not isinstance(store, GuardedCacheStore):
                store = GuardedCacheStore(store, _PATIENCE)
            found = _named[name] = Place(store, Codec(cache.key))
        return found


def settled(timeout: float = 5.0) -> None:
    """Wait until all that this process is to keep is kept: for tests, and before a process is left by force."""
    until = time.monotonic() + timeout
    for one in list(_all):
        one.finish(max(until - time.monotonic(), 0.0))


def _forget() -> None:
    global _lock
    _lock = Lock()
    for one in list(_all):
        one.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
