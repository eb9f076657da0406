"""Replies in a SQLite file: for all processes of a machine, and for tomorrow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from sqlite3 import Connection

from tokeneff._masked import masked
from tokeneff._sqlite.urls import file_of
from tokeneff.cache.stores import _sqlite_tables as rows
from tokeneff.cache.stores._contract import ALL, Entry, Labels, NotKept, Totals
from tokeneff.cache.stores._labels import meant
from tokeneff.cache.stores._opening import FORMS
from tokeneff.cache.stores._sqlite_readers import Readers
from tokeneff.cache.stores._touched import Touched
from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores._sqlite_file import File

LIMIT = 500_000_000
"""Bytes of all values and keys, unless told otherwise."""
PATIENCE = 5.0
"""Seconds that a question waits for others, where nobody says otherwise."""
_AT_ONCE = 500
"""Entries, and pages, that one step lets go."""


def opened(url: str, max_bytes: int | None = None) -> SqliteCacheStore:
    """The store of a URL: ``sqlite:///relative.db`` or ``sqlite:////absolute/path.db``."""
    return SqliteCacheStore(url, LIMIT if max_bytes is None else max_bytes)


class SqliteCacheStore:
    """A store in a file, which is made if it is not there.

    >>> from tempfile import mkdtemp
    >>> store = SqliteCacheStore(f"sqlite:///{mkdtemp()}/cache.db")
    >>> store.put(bytes(32), b"value", Labels(), ttl=60_000_000)
    True
    >>> store.get(bytes(32)).value
    b'value'

    Whatever process is killed whenever, a value is there wholly or not at all. When the machine itself goes down, the
    last ones may be lost, and the file stays whole. Finding a value is reading alone, and waits for nobody who writes;
    when it was found is noted later, with a value that is kept or with a hundred others. What was used least recently
    goes first. The file is about a tenth larger than the values in it, and 600 bytes for each.

    Args:
        url: of the file. max_bytes: of all values and keys.
        patience: seconds that a question waits for others at most; may be set later, too.

    Raises:
        StoreError: the file cannot become a store; the text says why and what to write.
    """

    instant = False

    def __init__(self, url: str, max_bytes: int = LIMIT, *, patience: float = PATIENCE) -> None:
        self.url = url
        self.max_bytes = max_bytes
        self.patience = patience
        self.clock: Callable[[], int] | None = None
        if not url.startswith("sqlite://"):
            raise StoreError(f"store {masked(url)!r} is no file: write sqlite:///cache.db")
        self._file = File(file_of(url, "store", FORMS, StoreError), rows.REPLIES)
        self._file.check(min(patience, 0.25))
        self._readers = Readers(self._file)
        self._touched = Touched()

    def get(self, key: bytes) -> Entry | None:
        now = self.now()
        found = self._readers.rows(rows.FIND, (key, now), self.patience)
        if not found:
            return None
        if self._touched.add(key, now):
            self._tell(0.0)
        return rows.entry(found[0])

    def put(self, key: bytes, value: bytes, labels: Labels, ttl: int | None, stored: int | None = None) -> bool:
        now, size, touches = self.now(), len(key) + len(value), self._touched.take()
        with self._step() as db:
            rows.touch(db, touches)
            rows.sweep(db, now)
            rows.remove(db, key)
            if size > self.max_bytes or (ttl is not None and ttl <= 0):
                return False
            rows.make_room(db, size, self.max_bytes)
            expires = None if ttl is None else now + ttl
            rows.insert(db, key, value, labels, now if stored is None else stored, expires, now)
        return True

    def drop(self, key: bytes) -> bool:
        with self._step() as db:
            rows.sweep(db, self.now())
            return rows.remove(db, key)

    def lead(self, key: bytes, owner: str, lease: int) -> bool:
        now = self.now()
        leaders = self._readers.rows(rows.LED, (key, now), self.patience)
        if leaders and leaders[0][0] != owner:
            return False
        with self._step() as db:
            return rows.lead(db, key, owner, now + lease, now)

    def led(self, key: bytes, owner: str) -> None:
        with self._step() as db:
            db.execute("DELETE FROM leads WHERE key = ? AND owner = ?", (key, owner))

    def leading(self, key: bytes) -> bool:
        return bool(self._readers.rows(rows.LED, (key, self.now()), self.patience))

    def entries(self, labels: Labels = ALL, newest: int | None = None) -> Iterator[Entry]:
        self._tell(self.patience)
        found = self._readers.rows(rows.LIST, (self.now(), labels.model, labels.scope), max(self.patience, PATIENCE))
        listed = [one for one in map(rows.entry, found) if meant(labels, one.labels)]
        return iter(listed[:newest])

    def purge(self, labels: Labels = ALL, before: int | None = None) -> int:
        keys = [one.key for one in self.entries(labels) if before is None or one.stored < before]
        gone = 0
        with self._step(PATIENCE) as db:
            rows.sweep(db, self.now())
        for start in range(0, len(keys), _AT_ONCE):
            with self._step(PATIENCE) as db:
                gone += sum(rows.remove(db, key) for key in keys[start : start + _AT_ONCE])
        seen, free = -1, 0
        while gone and free != seen:  # give the space back, a little at a time
            seen = free
            with self._step(PATIENCE) as db:
                db.execute(f"PRAGMA incremental_vacuum({_AT_ONCE})").fetchall()
                free = db.execute("PRAGMA freelist_count").fetchone()[0]
        return gone

    def totals(self) -> Totals:
        ((entries, size, evicted),) = self._readers.rows(rows.TOTALS, (self.now(),), self.patience)
        return Totals(entries, size, self.max_bytes, evicted)

    def now(self) -> int:
        return time.time_ns() // 1000 if self.clock is None else self.clock()

    def secret(self) -> bytes:
        found = self._readers.rows(rows.SECRET, (), self.patience)
        if not found:
            with self._step() as db:
                db.execute("INSERT OR IGNORE INTO secrets VALUES (1, ?)", (os.urandom(32),))
            found = self._readers.rows(rows.SECRET, (), self.patience)
        return bytes(found[0][0])

    def close(self) -> None:
        """Let the file go. Using the store again opens it again."""
        self._tell(self.patience)
        self._readers.close()
        self._file.close()

    def _tell(self, patience: float) -> None:
        """Note what was found lately, as far as that can be done now."""
        if touches := self._touched.take():
            with suppress(StoreUnavailable), self._step(patience) as db:
                rows.touch(db, touches)

    @contextmanager
    def _step(self, patience: float | None = None) -> Generator[Connection]:
        """What cannot be written may be read all the same; whether it can, reading says."""
        try:
            with self._file.step(self.patience if patience is None else patience) as db:
                yield db
        except StoreUnavailable as fault:
            raise NotKept(str(fault)) from fault
