"""Replies in the memory of this process: for its threads and event loops, and gone with it."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable, Iterator

from tokeneff._forking import watch
from tokeneff._masked import masked
from tokeneff.cache.stores._contract import ALL, Entry, Labels, Totals
from tokeneff.cache.stores._labels import meant
from tokeneff.cache.stores._memory_room import Kept, Room
from tokeneff.errors import StoreError

LIMIT = 64_000_000
"""Bytes of all values and keys, unless told otherwise."""
_SWEEP = 256
"""Leases, or ends, that may be there before they are looked through for those that are over."""


def opened(url: str, max_bytes: int | None = None) -> MemoryCacheStore:
    """The store of a URL: ``memory://`` is one for the whole process, ``memory://name`` another for each name. Where it
    is opened with a limit that limit is its, from now on.

    >>> opened("memory://") is opened("memory://")
    True
    """
    scheme, _, name = url.partition("://")
    if scheme != "memory" or "?" in name:
        raise StoreError(f"there is no store {masked(url)!r}: write memory://, or memory://name for one of its own")
    store = _named.setdefault(url, MemoryCacheStore(url))
    if max_bytes is not None:
        store.limit(max_bytes)
    return store


class MemoryCacheStore:
    """A store in memory, its own even where others are of the same URL.

    >>> store = MemoryCacheStore()
    >>> store.put(bytes(32), b"value", Labels(), ttl=60_000_000)
    True
    >>> store.get(bytes(32)).value
    b'value'

    What stays where not all fits is what is asked for often, and what came last (:class:`Room`). A forked child begins
    with what there was, and from then on the two know nothing of each other.

    Args:
        url: what it says it was opened by.
        max_bytes: of all values and keys; Python needs some 700 bytes more for each.
    """

    instant = True

    def __init__(self, url: str = "memory://", max_bytes: int = LIMIT) -> None:
        self.url = url
        self.clock: Callable[[], int] | None = None
        self.guard = threading.Lock()
        self._room = Room(max_bytes)
        self._ends: list[tuple[int, bytes]] = []
        """A heap of when which key ends; some that are gone are in it."""
        self._leads: dict[bytes, tuple[str, int]] = {}
        self._many = _SWEEP
        """Leases that may be there before those that are over are looked for."""
        self._count = 0
        self._secret = os.urandom(32)
        watch(self)

    def limit(self, max_bytes: int) -> None:
        """Have it keep no more than this from now on."""
        with self.guard:
            self._room.limit = max_bytes
            self._room.fit()

    def get(self, key: bytes) -> Entry | None:
        now = self.now()
        with self.guard:
            self._room.asked(key)
            kept = self._room.get(key)
            if kept is None:
                return None
            if kept.expires is not None and kept.expires <= now:
                self._room.remove(kept)
                return None
            kept.used = now
            kept.hits += 1
            return kept.entry(kept.value)

    def put(self, key: bytes, value: bytes, labels: Labels, ttl: int | None, stored: int | None = None) -> bool:
        now, size = self.now(), len(key) + len(value)
        with self.guard:
            self._end(now)
            if (old := self._room.get(key)) is not None:
                self._room.remove(old)
            if size > self._room.limit or (ttl is not None and ttl <= 0):
                return False
            self._count += 1
            expires = None if ttl is None else now + ttl
            stored = now if stored is None else stored
            self._room.add(Kept(key, value, labels, stored, expires, now, self._count, size))
            if expires is not None:
                heapq.heappush(self._ends, (expires, key))
            return True

    def drop(self, key: bytes) -> bool:
        now = self.now()
        with self.guard:
            self._end(now)
            kept = self._room.get(key)
            if kept is not None:
                self._room.remove(kept)
            return kept is not None

    def lead(self, key: bytes, owner: str, lease: int) -> bool:
        now = self.now()
        with self.guard:
            leader, until = self._leads.get(key, ("", 0))
            if leader != owner and until > now:
                return False
            if len(self._leads) >= self._many:
                self._leads = {key: led for key, led in self._leads.items() if led[1] > now}
                self._many = 2 * len(self._leads) + _SWEEP
            self._leads[key] = owner, now + lease
            return True

    def led(self, key: bytes, owner: str) -> None:
        with self.guard:
            if self._leads.get(key, ("", 0))[0] == owner:
                del self._leads[key]

    def leading(self, key: bytes) -> bool:
        now = self.now()
        with self.guard:
            return self._leads.get(key, ("", 0))[1] > now

    def entries(self, labels: Labels = ALL, newest: int | None = None) -> Iterator[Entry]:
        with self.guard:
            self._end(self.now())
            found = [kept for kept in self._room if meant(labels, kept.labels)]
            found.sort(key=lambda kept: (kept.stored, kept.number), reverse=True)
            return iter([kept.entry() for kept in found[:newest]])

    def purge(self, labels: Labels = ALL, before: int | None = None) -> int:
        with self.guard:
            self._end(self.now())
            found = [
                kept for kept in self._room if meant(labels, kept.labels) and (before is None or kept.stored < before)
            ]
            for kept in found:
                self._room.remove(kept)
            return len(found)

    def totals(self) -> Totals:
        with self.guard:
            self._end(self.now())
            return Totals(len(self._room), self._room.size, self._room.limit, self._room.evicted)

    def now(self) -> int:
        return time.time_ns() // 1000 if self.clock is None else self.clock()

    def secret(self) -> bytes:
        return self._secret

    def close(self) -> None:
        """What it has stays."""

    def prepare(self) -> None:
        """Before a fork: nothing."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()

    def _end(self, now: int) -> None:
        """Let go what is past its time."""
        ends, room = self._ends, self._room
        while ends and ends[0][0] <= now:
            expires, key = heapq.heappop(ends)
            kept = room.get(key)
            if kept is not None and kept.expires == expires:
                room.remove(kept)
        if len(ends) > 2 * len(room) + _SWEEP:
            self._ends = [(kept.expires, kept.key) for kept in room if kept.expires is not None]
            heapq.heapify(self._ends)


_named: dict[str, MemoryCacheStore] = {}
