"""A SQLite file of its own beside the one with the replies: several threads and processes share it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from tokeneff._forking import watch
from tokeneff._sqlite.faults import safe_wal
from tokeneff._sqlite.filesystem import shared_over_network
from tokeneff._sqlite.urls import file_of
from tokeneff.errors import StoreError

_PATIENCE = 0.25
"""Seconds that one look at the file may wait for other processes."""


class SharedFile:
    """One file, opened when it is first used.

    Args:
        url: of the store of replies. ending: of this file's name, after the store's. tables: are made if they are not
            there. connect: opens it. prepare: is told of each connection.

    Raises:
        StoreError: the URL names no file.
    """

    def __init__(
        self,
        url: str,
        ending: str,
        tables: Sequence[str],
        connect: Callable[..., Any] = sqlite3.connect,
        prepare: Callable[[Any], None] = lambda file: None,
    ) -> None:
        found = file_of(url.partition("?")[0], "store", "sqlite:///cache.db", StoreError)
        self.path = Path(f"{found}{ending}")
        self._tables = tables
        self._connect, self._prepare = connect, prepare
        self.guard = Lock()
        self._opened: tuple[int, Any] | None = None
        watch(self)

    @contextmanager
    def asked(self) -> Generator[Any]:
        """The connection, for one statement."""
        with self.guard:
            yield self._file()

    @contextmanager
    def step(self) -> Generator[Any]:
        """All of it or nothing; what was deleted is not left in the write-ahead log either."""
        with self.guard:
            file = self._file()
            file.execute("BEGIN IMMEDIATE")
            try:
                yield file
            except BaseException:
                file.execute("ROLLBACK")
                raise
            file.execute("COMMIT")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Let go of the file; using it again opens it again."""
        with self.guard:
            self.prepare()

    def prepare(self) -> None:
        """Before a fork: SQLite's connections are of one process."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] == os.getpid():
            with suppress(Exception):
                opened[1].close()

    def abandon(self) -> None:
        """In a forked child: open it anew."""
        self.guard, self._opened = Lock(), None

    def _file(self) -> Any:
        if self._opened is not None and self._opened[0] == os.getpid():
            return self._opened[1]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self._connect(str(self.path), timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        if safe_wal() and not shared_over_network(self.path):
            file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.execute("PRAGMA secure_delete=ON")
        self._prepare(file)
        for table in self._tables:
            file.execute(table)
        self._opened = os.getpid(), file
        return file
