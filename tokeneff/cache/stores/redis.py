"""Replies on Redis 7 or Valkey: for a whole fleet.

URLs are those of :mod:`tokeneff.stores.redis`, and ``?max_size=2GB``. A reply is found by one ``GET``, and kept by one
script. It ends by the server's own clock.

What is kept is bounded here, for a server is shared with others, and its own bound (``maxmemory``) is of them all:
scripts keep account of sizes and of what was used least recently, which goes first. That it was found is told with a
reply that is kept, or with a hundred others, so that a hit writes nothing. Where the server may evict
(``maxmemory-policy``), it should be ``volatile-…``: what is kept has a time, the account of it has none. On a cluster
the replies are in 32 parts, of which each has its share of the room.

The server needs about 600 bytes more for each reply.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from tokeneff.cache.stores._contract import ALL, Entry, Labels, NotKept, Totals
from tokeneff.cache.stores._labels import meant
from tokeneff.cache.stores._touched import Touched
from tokeneff.errors import StoreUnavailable
from tokeneff.stores._redis._asking import Asking, place_of
from tokeneff.stores._redis._links import Link
from tokeneff.stores._redis._scripts import Script, script_of
from tokeneff.stores._redis._urls import place

LIMIT = 500_000_000
"""Bytes of all values and keys, unless told otherwise."""
PATIENCE = 5.0
"""Seconds that a question may take in all, unless told otherwise."""
_PARTS = 32
"""Of a cluster. Clients have to agree on it."""
_PAGE = 500
_LONGEST = 100 * 365 * 86_400_000_000
"""Microseconds: what is to last for longer, lasts for ever."""
_WRITES = ("OOM", "READONLY", "MISCONF", "NOREPLICAS")
"""How errors begin of servers that can be read all the same."""


def opened(url: str, max_bytes: int | None = None) -> RedisCacheStore:
    """The store of a URL; nothing is connected before it is asked.

    Raises:
        StoreError: the URL cannot be read, or the extra is missing.
    """
    place_of(url)
    return RedisCacheStore(url, LIMIT if max_bytes is None else max_bytes)


class RedisCacheStore(Asking):
    """A store on a Redis or Valkey server, on one that sentinels name, or on a cluster.

    Example::

        store = RedisCacheStore("redis://localhost:6379/0")
        store.put(bytes(32), b"value", Labels(), ttl=60_000_000)   # True
        store.get(bytes(32)).value                                 # b"value"

    Args:
        url: as this module says. max_bytes: of all values and keys.
        patience: seconds that a question may take in all, connecting included; looking a host up in the DNS is not,
            which the system bounds.
    """

    instant = False

    def __init__(self, url: str, max_bytes: int = LIMIT, *, patience: float = PATIENCE) -> None:
        super().__init__(place(url), patience)
        prefix, parts = self._place.prefix, _PARTS if self._place.kind == "cluster" else 1
        self._roots = [f"{{{prefix}.cache}}"] if parts == 1 else [f"{{{prefix}.cache:{one}}}" for one in range(parts)]
        self._touched = {root: Touched() for root in self._roots}
        self._offset: int | None = None
        self.max_bytes = max_bytes

    def get(self, key: bytes) -> Entry | None:
        root = self._root(key)
        found = self._ask(lambda link: _value(link, f"{root}:v:".encode() + key))
        used = self.now()
        entry = _entry(key, found, used) if found is not None else None
        if entry is None or (entry.expires is not None and self._over(entry.expires)):
            return None
        if self._touched[root].add(key, used):
            self._tell(root)
        return entry

    def put(self, key: bytes, value: bytes, labels: Labels, ttl: int | None, stored: int | None = None) -> bool:
        root = self._root(key)
        lasts = b"" if ttl is None or ttl > _LONGEST else _number(ttl)
        told = json.dumps(labels, separators=(",", ":")).encode()
        limit = self.max_bytes // len(self._roots)
        asked = [key, value, told, lasts, _number(stored), _number(limit), *self._found(root)]
        try:
            done, now = self._write("put", root, *asked)
        except NotKept:
            with suppress(StoreUnavailable):  # it may be out of memory: then there is some for the next one
                self._write("shrink", root, _number(len(key) + len(value)))
            raise
        self._offset = now - _microseconds()
        return bool(done)

    def drop(self, key: bytes) -> bool:
        return bool(self._write("forget", self._root(key), key))

    def lead(self, key: bytes, owner: str, lease: int) -> bool:
        done, now = self._write("lead", self._root(key), key, owner.encode(), _number(lease))
        self._offset = now - _microseconds()
        return bool(done)

    def led(self, key: bytes, owner: str) -> None:
        self._write("led", self._root(key), key, owner.encode())

    def leading(self, key: bytes) -> bool:
        held = self._ask(lambda link: _value(link, f"{self._root(key)}:l:".encode() + key))
        return held is not None and not self._over(int(held.partition(b" ")[0]))

    def entries(self, labels: Labels = ALL, newest: int | None = None) -> Iterator[Entry]:
        found = [entry for _, page in self._pages(labels) for entry in page]
        found.sort(key=lambda entry: entry.stored, reverse=True)
        return iter(found[:newest])

    def purge(self, labels: Labels = ALL, before: int | None = None) -> int:
        gone = 0
        for root in self._roots:
            self._write("forget", root)
        for root, page in self._pages(labels):
            keys = [entry.key for entry in page if before is None or entry.stored < before]
            if keys:
                gone += self._write("forget", root, *keys)
        return gone

    def totals(self) -> Totals:
        counts: list[tuple[int, int, int]] = []
        for root in self._roots:
            more = 1
            while more:
                entries, size, evicted, more = self._write("totals", root)
                if not more:
                    counts.append((entries, size, evicted))
        entries, size, evicted = map(sum, zip(*counts, strict=True))
        return Totals(entries, size, self.max_bytes, evicted)

    def now(self) -> int:
        """The server's clock: asked once, and then as far as was last seen."""
        if self.clock is not None:
            return self.clock()
        if self._offset is None:
            self._offset = int(self._write("now", self._roots[0])) - _microseconds()
        return _microseconds() + self._offset

    def secret(self) -> bytes:
        return bytes(self._write("secret", self._roots[0], os.urandom(32)))

    def close(self) -> None:
        for root in self._roots if self._link is not None else ():
            self._tell(root)
        super().close()

    def _root(self, key: bytes) -> str:
        return self._roots[key[0] % len(self._roots)]

    def _over(self, moment: int) -> bool:
        """The server ends what is over; a clock that tests bring does not move it."""
        return self.clock is not None and moment <= self.clock()

    def _found(self, root: str) -> list[bytes]:
        """What was found lately there, as arguments."""
        return [part for one in self._touched[root].take() for part in (one.key, b"%d" % one.used, b"%d" % one.hits)]

    def _tell(self, root: str) -> None:
        if found := self._found(root):
            with suppress(StoreUnavailable):
                self._write("touch", root, *found)

    def _write(self, name: str, root: str, *args: bytes) -> Any:
        return self._ask(lambda link: _run(link, _script(name), root, _number(self.clock and self.clock()), *args))

    def _pages(self, labels: Labels) -> Iterator[tuple[str, list[Entry]]]:
        """All that is there with these labels, some at a time; what comes or goes meanwhile may be in it or not."""
        for root in self._roots:
            self._tell(root)
            now, cursor = self.now(), None
            seen: set[bytes] = set()
            while cursor != 0:
                cursor, found = self._ask(
                    lambda link, name=f"{root}:about", at=cursor or 0: link.client.hscan(name, at, count=_PAGE)
                )
                told = (_about(bytes(key), bytes(about)) for key, about in found.items() if bytes(key) not in seen)
                page = [one for one in told if meant(labels, one.labels) and (one.expires or now + 1) > now]
                seen.update(one.key for one in page)
                if page:
                    yield root, self._used(root, page)

    def _used(self, root: str, page: list[Entry]) -> list[Entry]:
        """With when they were found, without those that the server evicted."""
        answers = self._write("used", root, *(one.key for one in page))
        return [
            Entry(one.key, one.size, one.stored, one.expires, int(used), int(hits), one.labels)
            for one, (there, used, hits) in zip(page, answers, strict=True)
            if there
        ]


def _script(name: str) -> Script:
    return script_of("tokeneff.cache.stores._redis", "_base", name)


def _run(link: Link, script: Script, root: str, *args: bytes) -> Any:
    from redis.exceptions import ResponseError

    try:
        return link.run(script, root, *args)
    except ResponseError as fault:
        if str(fault).startswith(_WRITES) or type(fault).__name__ in ("OutOfMemoryError", "ReadOnlyError"):
            raise NotKept(str(fault)) from None
        raise


def _value(link: Link, key: bytes) -> bytes | None:
    """What is under a key of the server; ``None`` as well where it is no string."""
    from redis.exceptions import ResponseError

    try:
        return link.client.get(key)
    except ResponseError as fault:
        if str(fault).startswith("WRONGTYPE"):
            return None
        raise


def _entry(key: bytes, kept: bytes, used: int) -> Entry | None:
    """What ``put.lua`` wrote; ``None`` for anything else."""
    try:
        head = kept.index(b"\n") + 1
        stored, expires, length = kept[:head].split(b" ")
        begins = head + int(length)
        value = kept[begins:]
        return Entry(key, len(value), int(stored), _moment(expires), used, 1, _labels(kept[head:begins]), value)
    except (ValueError, TypeError):
        return None


def _about(key: bytes, about: bytes) -> Entry:
    size, stored, expires, labels = about.split(b" ", 3)
    return Entry(key, int(size) - len(key), int(stored), _moment(expires), 0, 0, _labels(labels))


@lru_cache(maxsize=256)
def _labels(text: bytes) -> Labels:
    model, scope, tags = json.loads(text)
    return Labels(model, scope, tuple((name, value) for name, value in tags))


def _moment(text: bytes) -> int | None:
    return None if text == b"-" else int(text)


def _number(number: int | None) -> bytes:
    return b"" if number is None else b"%d" % number


def _microseconds() -> int:
    return time.time_ns() // 1000
