"""A journal as a stream of a Redis server, sentinels or a cluster, beside the replies: a fleet shares it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from tokeneff.stores._redis._asking import place_of
from tokeneff.stores._redis._links import Link, until

_PATIENCE = 0.5
"""Seconds that one look may take."""
_PAGE = 1000
_OWN = re.compile(r"(?<=[?&])max_size=[^&]*&?")


class RedisJournal:
    """See :class:`tokeneff.cache.semantic._journal.Journal`.

    Args:
        url: of the store of replies.

    Raises:
        StoreError: it cannot be read, or the extra ``redis`` is missing.
    """

    def __init__(self, url: str) -> None:
        self._at = place_of(_OWN.sub("", url).rstrip("?&"))
        self._key = f"{self._at.prefix}:semantic"

    @cached_property
    def _link(self) -> Link:
        return Link(self._at)

    def add(self, record: bytes, key: bytes = b"") -> None:
        self._asked("XADD", self._key, "*", "r", record, *(("k", key) if key else ()))

    def since(self, place: str) -> Iterator[tuple[str, bytes]]:
        for at, fields in self._rows(place):
            yield at, fields[b"r"]

    def trim(self, most: int) -> None:
        self._asked("XTRIM", self._key, "MAXLEN", "~", most)

    def keys(self) -> set[bytes]:
        return {fields[b"k"] for _, fields in self._rows() if b"k" in fields}

    def drop(self, keys: Sequence[bytes], note: bytes) -> None:
        gone = set(keys)
        places = [at for at, fields in self._rows() if fields.get(b"k") in gone]
        for start in range(0, len(places), _PAGE):
            self._asked("XDEL", self._key, *places[start : start + _PAGE])
        self.add(note)

    def clear(self, note: bytes) -> None:
        if self._asked("EXISTS", self._key):
            self._asked("XTRIM", self._key, "MAXLEN", 0)  # not deleted: places go on from where they were
            self.add(note)

    def close(self) -> None:
        pass

    def _rows(self, place: str = "") -> Iterator[tuple[str, dict[bytes, bytes]]]:
        while True:
            rows = self._asked("XRANGE", self._key, f"({place}" if place else "-", "+", "COUNT", _PAGE)
            for at, fields in rows:
                place = bytes(at).decode()
                yield place, fields
            if len(rows) < _PAGE:
                return

    def _asked(self, *command: Any) -> Any:
        until(time.monotonic() + _PATIENCE)
        return self._link.client.execute_command(*command)
