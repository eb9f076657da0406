"""What is written once, in a SQLite file."""

from __future__ import annotations

from tokeneff.cache.stores import Labels
from tokeneff.cache.stores import _sqlite_tables as rows
from tokeneff.cache.stores.sqlite import SqliteCacheStore

_LABELS = Labels(model="trim")


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
