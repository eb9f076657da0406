"""Vectors in a SQLite file beside the replies, compared there by sqlite-vec: one look at all of a context's."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from tokeneff.cache.semantic._index import Near
from tokeneff.cache.semantic._sqlite_shared import SharedFile
from tokeneff.errors import StoreError

_TABLES = (
    # A table as any other, so that what is purged can be taken out without the extension, too.
    """CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE,
    context BLOB NOT NULL, vector BLOB NOT NULL, record BLOB NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, wrong INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS vectors_context ON vectors (context)",
)
_NEAREST = """SELECT key, vector, record, seen, wrong FROM vectors WHERE context = ? AND length(vector) = ?
    ORDER BY vec_distance_cosine(vector, ?) LIMIT ?"""
_MOST = 1_000_000
"""Questions in one file; the oldest go first."""
_OFTEN = 500


class SQLiteIndex:
    """See :class:`tokeneff.cache.semantic._index.Index`.

    Args:
        url: of the store of replies.

    Raises:
        StoreError: it names no file.
    """

    def __init__(self, url: str) -> None:
        self._module = _module()
        self._extension: Any = None
        self._file = SharedFile(url, "-vectors", _TABLES, self._module.connect, self._prepare)
        self._added = 0

    def check(self) -> None:
        """Whether vectors can be compared.

        Raises:
            StoreError: they cannot; the text says what to install.
        """
        try:
            self._extension = import_module("sqlite_vec")
        except ImportError:
            raise StoreError('index="sqlite-vec" needs the extra: pip install "tokeneff[sqlite-vec]"') from None
        if not hasattr(self._module.Connection, "enable_load_extension"):
            raise StoreError(
                'index="sqlite-vec" needs a sqlite3 that loads extensions, which this Python\'s does not; '
                "pip install pysqlite3-binary, or use another build of Python"
            )

    def add(self, context: bytes, key: bytes, vector: bytes, record: bytes) -> None:
        with self._file.asked() as file:
            file.execute(
                "INSERT OR REPLACE INTO vectors (key, context, vector, record) VALUES (?, ?, ?, ?)",
                (key, context, vector, record),
            )
            self._added += 1
            if self._added % _OFTEN == 0:
                file.execute("DELETE FROM vectors WHERE id <= (SELECT MAX(id) FROM vectors) - ?", (_MOST,))

    def nearest(self, context: bytes, vector: bytes, most: int) -> list[Near]:
        with self._file.asked() as file:
            return [Near(*row) for row in file.execute(_NEAREST, (context, len(vector), vector, most)).fetchall()]

    def judged(self, key: bytes, wrong: bool) -> None:
        with self._file.asked() as file:
            file.execute("UPDATE vectors SET seen = seen + 1, wrong = wrong + ? WHERE key = ?", (wrong, key))

    def keys(self) -> set[bytes]:
        if not self._file.path.exists():
            return set()
        with self._file.asked() as file:
            return {key for (key,) in file.execute("SELECT key FROM vectors")}

    def drop(self, keys: Sequence[bytes]) -> None:
        with self._file.step() as file:
            file.executemany("DELETE FROM vectors WHERE key = ?", [(key,) for key in keys])

    def clear(self) -> None:
        if self._file.path.exists():
            with self._file.step() as file:
                file.execute("DELETE FROM vectors")

    def close(self) -> None:
        self._file.close()

    def _prepare(self, file: Any) -> None:
        if self._extension is not None:
            file.enable_load_extension(True)
            self._extension.load(file)
            file.enable_load_extension(False)


def _module() -> Any:
    """Python's own, unless that was built without extensions and another one is there."""
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        try:
            return import_module("pysqlite3")
        except ImportError:
            pass
    return sqlite3
