"""What was decided once about a message, and is so ever after: the first who writes has written for all."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import NamedTuple

from tokeneff._forking import watch
from tokeneff.cache._codec import Codec
from tokeneff.cache._reply import Reply
from tokeneff.trim.memo._stores import GuardedMemoStore

TTL = 7 * 86_400_000_000
"""Microseconds that something stays after it was last used, unless told otherwise."""
MOST = 64_000_000
"""Bytes that a process keeps itself."""
_OVERHEAD = 300


class _Local(NamedTuple):
    body: bytes
    again: float
    """When the store is to be told that it is still used."""


class Memo:
    """Bytes under keys, written once, in a store and in this process.

    >>> from tokeneff.trim.memo._stores import open_memo_store
    >>> memo = Memo(GuardedMemoStore(open_memo_store("memory://")))
    >>> memo.add(bytes(32), b"first"), memo.add(bytes(32), b"second"), memo.get(bytes(32))
    (b'first', b'first', b'first')

    Nothing here raises. While the store is away what was read, or written, in this process is there, and nothing else;
    what was written meanwhile is told to it later, should it still be used then.

    Args:
        store: where all processes look.
        codec: seals values, where it has keys.
        ttl: microseconds that something stays after its last use; it is told to the store when half of it is over.
        most: bytes of which this process keeps those used last.
    """

    def __init__(
        self, store: GuardedMemoStore, codec: Codec | None = None, *, ttl: int = TTL, most: int = MOST
    ) -> None:
        self.store = store
        self.again = ttl / 2_000_000
        """Seconds after which the store is to be told that something is still used."""
        self._codec = Codec() if codec is None else codec
        self._ttl = ttl
        self._most = most
        self.guard = threading.Lock()
        self._size = 0
        self._local: OrderedDict[bytes, _Local] = OrderedDict()
        watch(self)

    def peek(self, key: bytes) -> bytes | None:
        """What is here in this process, and need not be told to the store now. Waits for nothing."""
        with self.guard:
            found = self._local.get(key)
            if found is None or found.again <= time.monotonic():
                return None
            self._local.move_to_end(key)
            return found.body

    def get(self, key: bytes) -> bytes | None:
        """What was decided; ``None`` as long as nothing was, as far as that can be known now."""
        found = self.peek(key)
        if found is not None:
            return found
        with self.guard:
            late = self._local.get(key)
        if late is not None:
            self._told(key, late.body)
            return self._kept(key, late.body)
        entry = self.store.get(key)
        if entry is None or entry.value is None:
            return None
        body = self._opened(key, entry.value)
        if body is None:
            return None
        if entry.expires is not None and entry.expires - self.store.now() < self._ttl // 2:
            self.store.again(key, entry.value, self._ttl)
        return self._kept(key, body)

    def add(self, key: bytes, body: bytes) -> bytes:
        """What is decided from now on: this, or what was already."""
        found = self.peek(key)
        if found is not None:
            return found
        there = self.store.add(key, self._codec.pack(key, Reply("bytes", (), body)), self._ttl)
        told = None if there is None else self._opened(key, there)
        return self._kept(key, body if told is None else told)

    def prepare(self) -> None:
        """There is nothing to let go before a fork."""

    def abandon(self) -> None:
        """In a forked child: what was decided holds there, too."""
        self.guard = threading.Lock()

    def close(self) -> None:
        """Let the store go."""
        self.store.close()

    def _told(self, key: bytes, body: bytes) -> None:
        """Have the store keep for longer what this process uses; what somebody else wrote there stays."""
        entry = self.store.get(key)
        if entry is None or entry.value is None:
            self.store.add(key, self._codec.pack(key, Reply("bytes", (), body)), self._ttl)
        else:
            self.store.again(key, entry.value, self._ttl)

    def _opened(self, key: bytes, value: bytes) -> bytes | None:
        found = self._codec.unpack(key, value)
        return None if found is None else found.body

    def _kept(self, key: bytes, body: bytes) -> bytes:
        """Keep it here; what another thread kept meanwhile is it instead."""
        again = time.monotonic() + self.again
        with self.guard:
            before = self._local.pop(key, None)
            if before is not None:
                body = before.body
            else:
                self._size += len(body) + _OVERHEAD
            self._local[key] = _Local(body, again)
            while self._size > self._most and len(self._local) > 1:
                _, gone = self._local.popitem(last=False)
                self._size -= len(gone.body) + _OVERHEAD
        return body
