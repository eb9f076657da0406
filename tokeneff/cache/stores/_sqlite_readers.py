"""Connections that only read: they wait for no turn, and several read at once."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from tokeneff._forking import watch
from tokeneff._sqlite.faults import busy, told
from tokeneff._sqlite.filesystem import identity
from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores._sqlite_file import File
from tokeneff.stores._sqlite_turn import pause

_COUNT = 4


class Readers:
    """A few of them for one file, each opened when it is needed.

    They are opened read only, so that closing one never checkpoints (see :class:`tokeneff.stores._sqlite_file.File`).
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._readers = [_Reader(file) for _ in range(_COUNT)]

    def rows(self, statement: str, args: tuple[object, ...], patience: float) -> list[tuple[Any, ...]]:
        """All rows of one statement.

        Raises:
            StoreUnavailable: they cannot be had within ``patience`` seconds, or not at all now.
        """
        until = time.monotonic() + patience
        try:
            return self._read(statement, args, until)
        except StoreUnavailable:
            with self._file.step(max(until - time.monotonic(), 0.0)):  # makes it, or puts right what a crash left
                pass
            return self._read(statement, args, until)

    def _read(self, statement: str, args: tuple[object, ...], until: float) -> list[tuple[Any, ...]]:
        for reader in self._readers:
            if reader.guard.acquire(blocking=False):
                break
        else:
            reader = self._readers[threading.get_ident() % _COUNT]
            if not reader.guard.acquire(timeout=max(until - time.monotonic(), 0.0)):
                raise StoreUnavailable(f"{self._file.path} is busy")
        try:
            return reader.rows(statement, args, until)
        finally:
            reader.guard.release()

    def close(self) -> None:
        """Let connections go; they are opened again when they are needed."""
        for reader in self._readers:
            with reader.guard:
                reader.prepare()


class _Reader:
    def __init__(self, file: File) -> None:
        self.guard = threading.Lock()
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        watch(self)

    def rows(self, statement: str, args: tuple[object, ...], until: float) -> list[tuple[Any, ...]]:
        while True:
            try:
                return self._opened().execute(statement, args).fetchall()
            except (sqlite3.Error, OSError, StoreError) as fault:
                if isinstance(fault, sqlite3.Error) and busy(fault) and time.monotonic() < until:
                    pause()
                    continue
                self.prepare()
                raise StoreUnavailable(f"{self._file.path}: {told(fault)}") from fault

    def prepare(self) -> None:
        connection, self._connection, self._identity = self._connection, None, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """In a forked child: what is still there is the parent's, even closing it would meddle with its locks."""
        self.guard = threading.Lock()
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection = self._identity = None

    def _opened(self) -> sqlite3.Connection:
        found = identity(self._file.path)
        if self._connection is not None and self._identity == found:
            return self._connection
        self.prepare()
        tables, path = self._file.tables, self._file.path
        connection = sqlite3.connect(_uri(path), uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            if tables.version_of(connection, path) != tables.version:
                raise StoreError(f"{path} is of an earlier version")
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, found
        return connection


def _uri(path: Path) -> str:
    """A file that this process may not write, and nobody has begun to, is taken for one that stays as it is: SQLite
    would have to make files beside it otherwise. Should it change all the same, values that are read are still checked.
    """
    begun = Path(f"{path}-wal")
    fixed = path.exists() and not os.access(path, os.W_OK) and not (begun.exists() and begun.stat().st_size)
    return f"{path.as_uri()}?{'immutable=1' if fixed else 'mode=ro'}"


_abandoned: list[sqlite3.Connection] = []
