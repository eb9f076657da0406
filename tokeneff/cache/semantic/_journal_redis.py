"""A journal as a stream of a Redis server, sentinels or a cluster, beside the replies: a fleet shares it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
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

    def add(self, record: bytes) -> None:
        self._asked("XADD", self._key, "*", "r", record)

    def since(self, place: str) -> Iterator[tuple[str, bytes]]:
        while True:
            rows = self._asked("XRANGE", self._key, f"({place}" if place else "-", "+", "COUNT", _PAGE)
            for at, fields in rows:
                place = bytes(at).decode()
                yield place, fields[b"r"]
            if len(rows) < _PAGE:
                return

    def trim(self, most: int) -> None:
        self._asked("XTRIM", self._key, "MAXLEN", "~", most)

    def clear(self) -> None:
        self._asked("DEL", self._key)

    def close(self) -> None:
        pass

    def _asked(self, *command: Any) -> Any:
        until(time.monotonic() + _PATIENCE)
        return self._link.client.execute_command(*command)
