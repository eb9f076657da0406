"""The stores of a cache as places of what is written once: whoever is first has written for all."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol, cast

from tokeneff.cache.stores import CacheStore, GuardedCacheStore, Labels, open_cache_store
from tokeneff.cache.stores.memory import LIMIT, MemoryCacheStore
from tokeneff.errors import StoreError, StoreUnavailable

_LABELS = Labels(model="trim")


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
    found.close()
    if type(found).__name__ == "SqliteCacheStore":
        from tokeneff.cache.stores.sqlite import SqliteCacheStore
        from tokeneff.trim.memo._sqlite import SqliteMemo

        return SqliteMemo(found.url, cast("SqliteCacheStore", found).max_bytes)
    if type(found).__name__ == "RedisCacheStore":
        from tokeneff.cache.stores.redis import RedisCacheStore
        from tokeneff.trim.memo._redis import RedisMemo

        return RedisMemo(found.url, cast("RedisCacheStore", found).max_bytes)
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
