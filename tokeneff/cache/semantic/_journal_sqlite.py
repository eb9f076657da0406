"""A journal in a SQLite file of its own, beside the one with the replies: several processes share it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from tokeneff._sqlite.faults import safe_wal
from tokeneff._sqlite.filesystem import shared_over_network
from tokeneff._sqlite.urls import file_of
from tokeneff.errors import StoreError

_TABLES = (
    """CREATE TABLE IF NOT EXISTS journal
    (place INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL, key BLOB NOT NULL DEFAULT x'')""",
    "CREATE INDEX IF NOT EXISTS journal_key ON journal (key) WHERE key <> x''",
)
_PATIENCE = 0.25
"""Seconds that one look at the file may wait for other processes."""


class SQLiteJournal:
    """See :class:`tokeneff.cache.semantic._journal.Journal`.

    Args:
        url: of the store of replies.

    Raises:
        StoreError: it names no file.
    """

    def __init__(self, url: str) -> None:
        found = file_of(url.partition("?")[0], "store", "sqlite:///cache.db", StoreError)
        self.path = Path(f"{found}-semantic")
        self._lock = Lock()
        self._opened: tuple[int, sqlite3.Connection] | None = None

    def add(self, record: bytes, key: bytes = b"") -> None:
        with self._lock:
            self._file().execute("INSERT INTO journal (record, key) VALUES (?, ?)", (record, key))

    def since(self, place: str) -> Iterator[tuple[str, bytes]]:
        query = "SELECT place, record FROM journal WHERE place > ? ORDER BY place"
        with self._lock:
            rows = self._file().execute(query, (int(place or 0),)).fetchall()
        return iter([(str(at), record) for at, record in rows])

    def trim(self, most: int) -> None:
        with self._lock:
            self._file().execute("DELETE FROM journal WHERE place <= (SELECT MAX(place) FROM journal) - ?", (most,))

    def keys(self) -> set[bytes]:
        if not self.path.exists():
            return set()
        with self._lock:
            return {key for (key,) in self._file().execute("SELECT DISTINCT key FROM journal WHERE key <> x''")}

    def drop(self, keys: Sequence[bytes], note: bytes) -> None:
        with self._lock, self._step() as file:
            file.executemany("DELETE FROM journal WHERE key = ? AND key <> x''", [(key,) for key in keys])
            file.execute("INSERT INTO journal (record) VALUES (?)", (note,))

    def clear(self, note: bytes) -> None:
        if not self.path.exists():
            return
        with self._lock, self._step() as file:
            file.execute("DELETE FROM journal")
            file.execute("INSERT INTO journal (record) VALUES (?)", (note,))

    def close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened, None
            if opened is not None and opened[0] == os.getpid():
                with suppress(sqlite3.Error):
                    opened[1].close()

    def forget(self) -> None:
        """In a forked child: the parent's connection is the parent's."""
        self._lock = Lock()

    @contextmanager
    def _step(self) -> Generator[sqlite3.Connection]:
        """All of it or nothing; what was deleted is not left in the write-ahead log either."""
        file = self._file()
        file.execute("BEGIN IMMEDIATE")
        try:
            yield file
        except BaseException:
            file.execute("ROLLBACK")
            raise
        file.execute("COMMIT")
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _file(self) -> sqlite3.Connection:
        if self._opened is not None and self._opened[0] == os.getpid():
            return self._opened[1]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        if safe_wal() and not shared_over_network(self.path):
            file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.execute("PRAGMA secure_delete=ON")
        for table in _TABLES:
            file.execute(table)
        self._opened = os.getpid(), file
        return file
