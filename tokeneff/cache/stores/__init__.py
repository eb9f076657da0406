"""Where replies are kept: in memory, in a SQLite file, on Redis or Valkey. A URL's scheme is its module's name."""

from __future__ import annotations

from tokeneff.cache.stores._contract import CacheStore, Entry, Labels, NotKept, Totals
from tokeneff.cache.stores._guarded import GuardedCacheStore
from tokeneff.cache.stores._opening import open_cache_store

__all__ = ["CacheStore", "Entry", "GuardedCacheStore", "Labels", "NotKept", "Totals", "open_cache_store"]
