"""The stores of a cache as places of what is written once: whoever is first has written for all."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cache
from hashlib import sha1
from typing import Protocol

from tokeneff.cache.stores import CacheStore, GuardedCacheStore, Labels, NotKept, open_cache_store
from tokeneff.cache.stores import _sqlite_tables as rows
from tokeneff.cache.stores.memory import LIMIT, MemoryCacheStore
from tokeneff.cache.stores.redis import RedisCacheStore
from tokeneff.cache.stores.sqlite import SqliteCacheStore
from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores._redis._scripts import Script, script_of

_LABELS = Labels(model="trim")
_LONGEST = 100 * 365 * 86_400_000_000
_THERE = "if redis.call('EXISTS', root .. ':v:' .. ARGV[2]) == 1 then return { 2, now } end"


class MemoStore(CacheStore, Protocol):
    """A store that can also be written to once."""

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes:
        """The value that is there from now on: this one for ``ttl`` microseconds, or the one that was there.

        Raises:
            StoreUnavailable: the store is away, or full.
        """
        ...


def open_memo_store(url: str, max_bytes: int | None = None) -> MemoStore:
    """The store of a URL, those of :func:`tokeneff.cache.stores.open_cache_store`; it may be a cache's.

    Raises:
        StoreError: it is no URL of a store; the text says what to write.
    """
    found = open_cache_store(url, max_bytes)
    if isinstance(found, MemoryCacheStore):
        return _named.setdefault(url, MemoryMemo(found.url, found.totals().limit or LIMIT))
    if isinstance(found, SqliteCacheStore):
        found.close()
        return SqliteMemo(found.url, found.max_bytes)
    if isinstance(found, RedisCacheStore):
        found.close()
        return RedisMemo(found.url, found.max_bytes)
    raise StoreError(f"trimming cannot keep what it did in a store of kind {type(found).__name__}")


class MemoryMemo(MemoryCacheStore):
    """In memory: for the threads of this process."""

    def __init__(self, url: str = "memory://", max_bytes: int = LIMIT) -> None:
        super().__init__(url, max_bytes)
        self._adding = threading.Lock()

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes:
        with self._adding:
            found = self.get(key)
            if found is not None and found.value is not None:
                return found.value
            self.put(key, value, _LABELS, ttl)
            return value

    def abandon(self) -> None:
        super().abandon()
        self._adding = threading.Lock()


class SqliteMemo(SqliteCacheStore):
    """In a file: for the processes of this machine."""

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes:
        now, touches = self.now(), self._touched.take()
        with self._step() as db:
            rows.touch(db, touches)
            rows.sweep(db, now)
            found = db.execute(rows.FIND, (key, now)).fetchone()
            if found is not None:
                return bytes(rows.entry(found).value or b"")
            rows.remove(db, key)
            if len(key) + len(value) <= self.max_bytes:
                rows.make_room(db, len(key) + len(value), self.max_bytes)
                rows.insert(db, key, value, _LABELS, now, now + ttl, now)
        return value


class RedisMemo(RedisCacheStore):
    """On a server: for a fleet."""

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes:
        from redis.exceptions import ResponseError

        root = self._root(key)
        about, limit = b'["trim","",[]]', self.max_bytes // len(self._roots)
        clock = b"" if self.clock is None else b"%d" % self.clock()
        asked = (clock, key, value, about, b"%d" % min(ttl, _LONGEST), b"", b"%d" % limit, *self._found(root))
        try:
            done, _ = self._ask(lambda link: link.run(_script(), root, *asked))
        except ResponseError as fault:
            raise NotKept(str(fault)) from None
        found = self.get(key) if done == 2 else None
        return value if found is None or found.value is None else found.value


@cache
def _script() -> Script:
    """The cache's own script, after a look whether something is there."""
    base, put = (script_of("tokeneff.cache.stores._redis", name).text for name in ("_base", "put"))
    text = "\n".join((base, _THERE, put))
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


class GuardedMemoStore(GuardedCacheStore):
    """Such a store, which may go away: then whoever writes is the first."""

    def __init__(self, store: MemoStore, patience: float = 0.05) -> None:
        super().__init__(store, patience)
        self._memo = store

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes | None:
        """What is there from now on; ``None`` where that cannot be told."""
        return self._written(None, self._memo.add, key, value, ttl)

    def again(self, key: bytes, value: bytes, ttl: int) -> None:
        """Let it stay for as long again."""
        with suppress(StoreUnavailable):
            self.put(key, value, _LABELS, ttl)


_named: dict[str, MemoryMemo] = {}
