"""A journal in a SQLite file of its own, beside the one with the replies: several processes share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tokeneff.cache.semantic._sqlite_shared import SharedFile

_TABLES = (
    """CREATE TABLE IF NOT EXISTS journal
    (place INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL, key BLOB NOT NULL DEFAULT x'')""",
    "CREATE INDEX IF NOT EXISTS journal_key ON journal (key) WHERE key <> x''",
)


class SQLiteJournal:
    """See :class:`tokeneff.cache.semantic._journal.Journal`.

    Args:
        url: of the store of replies.

    Raises:
        StoreError: it names no file.
    """

    def __init__(self, url: str) -> None:
        self._file = SharedFile(url, "-semantic", _TABLES)

    def add(self, record: bytes, key: bytes = b"") -> None:
        with self._file.asked() as file:
            file.execute("INSERT INTO journal (record, key) VALUES (?, ?)", (record, key))

    def since(self, place: str) -> Iterator[tuple[str, bytes]]:
        query = "SELECT place, record FROM journal WHERE place > ? ORDER BY place"
        with self._file.asked() as file:
            rows = file.execute(query, (int(place or 0),)).fetchall()
        return iter([(str(at), record) for at, record in rows])

    def trim(self, most: int) -> None:
        with self._file.asked() as file:
            file.execute("DELETE FROM journal WHERE place <= (SELECT MAX(place) FROM journal) - ?", (most,))

    def keys(self) -> set[bytes]:
        if not self._file.path.exists():
            return set()
        with self._file.asked() as file:
            return {key for (key,) in file.execute("SELECT DISTINCT key FROM journal WHERE key <> x''")}

    def drop(self, keys: Sequence[bytes], note: bytes) -> None:
        with self._file.step() as file:
            file.executemany("DELETE FROM journal WHERE key = ? AND key <> x''", [(key,) for key in keys])
            file.execute("INSERT INTO journal (record) VALUES (?)", (note,))

    def clear(self, note: bytes) -> None:
        if not self._file.path.exists():
            return
        with self._file.step() as file:
            file.execute("DELETE FROM journal")
            file.execute("INSERT INTO journal (record) VALUES (?)", (note,))

    def close(self) -> None:
        self._file.close()
