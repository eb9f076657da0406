"""A journal as a stream of a Redis server, sentinels or a cluster, beside the replies: a fleet shares it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokeneff.cache.semantic._redis_shared import Server

_PAGE = 1000


class RedisJournal:
    """See :class:`tokeneff.cache.semantic._journal.Journal`.

    Args:
        url: of the store of replies.

    Raises:
        StoreError: it cannot be read, or the extra ``redis`` is missing.
    """

    def __init__(self, url: str) -> None:
        server = Server(url)
        self._key, self._asked = server.key, server.ask

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
