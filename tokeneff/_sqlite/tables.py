"""The tables of a file of ours: known by its application's number, brought to today's version step by step."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tokeneff.errors import StoreError


@dataclass(frozen=True)
class Tables:
    """What makes a file one of a kind.

    Args:
        what: what is kept there, for messages.
        application: its ``PRAGMA application_id``.
        steps: what made each version from the one before. They are only ever added at the end, and never changed: files
            made by them exist.
        fresh: what is done to a file before its first table.
    """

    what: str
    application: int
    steps: tuple[tuple[str, ...], ...]
    fresh: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """The version of today."""
        return len(self.steps)

    def version_of(self, connection: sqlite3.Connection, path: Path) -> int:
        """The version of the file's tables, 0 where it has none.

        Raises:
            StoreError: it is another program's file, or of a later version.
        """
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        application: int = connection.execute("PRAGMA application_id").fetchone()[0]
        if application != self.application:
            tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if application or version or tables:
                raise StoreError(f"store {path} is another database, not one of {self.what}; name another file")
        if version > self.version:
            raise StoreError(
                f"store {path} was written by a later tokeneff (its tables are of version {version}, this one knows "
                f"{self.version}); upgrade tokeneff, or name another file"
            )
        return version

    def upgrade(self, connection: sqlite3.Connection, path: Path) -> None:
        """Bring the file to today's version; to be called within a transaction that holds the write lock."""
        for step in self.steps[self.version_of(connection, path) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {self.application}")
        connection.execute(f"PRAGMA user_version = {self.version}")
