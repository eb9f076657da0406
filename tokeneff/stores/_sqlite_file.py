"""A file that processes share: how it is opened and journaled, and transactions on it, one after the other."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokeneff._forking import watch
from tokeneff._sqlite.faults import busy, code, safe_wal, told
from tokeneff._sqlite.filesystem import identity, shared_over_network
from tokeneff._sqlite.tables import Tables
from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores._sqlite_turn import TURNS, Turn, pause

_LOG = 16 * 1024 * 1024
"""Bytes that the write-ahead log grows to before it is written into the file; few enough to be done in milliseconds."""
_LOOKS = 64
"""Steps after which its size is looked at."""


class File:
    """One connection, one transaction at a time, of this process and of all others.

    Every process takes turns by a lock on a file beside (``….db-turn``), for waiting there is fairer and shorter than
    at SQLite's own lock. It also makes write-ahead logging safe on any SQLite: what corrupts files of versions before
    3.51.3 takes one connection that writes while another one checkpoints, and here both are done in turn (checkpoints
    by `_checkpoint` alone). Where there are no such locks, old versions use a rollback journal. Connections that only
    read, and are opened for that (``mode=ro``), do neither, and take no turn.

    Args:
        path: absolute. tables: what is in it.
    """

    def __init__(self, path: Path, tables: Tables) -> None:
        self.path = path
        self.tables = tables
        self.guard = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._turn: Turn | None = None
        self._identity: tuple[int, int] | None = None
        self._steps = 0
        watch(self)

    @contextmanager
    def step(self, patience: float) -> Generator[sqlite3.Connection]:
        """A transaction, committed unless it raises.

        Raises:
            StoreUnavailable: it cannot be had within ``patience`` seconds, or not at all now.
        """
        until = time.monotonic() + patience
        if not self.guard.acquire(timeout=patience):
            raise StoreUnavailable(f"{self.path} is busy")
        try:
            connection, turn = self._ready(until)
            with _taken(turn, until, self.path):
                yield from self._transaction(connection, until)
            self._steps += 1
            if self._steps % _LOOKS == 0:
                self._checkpoint(connection, turn)
        except (sqlite3.Error, OSError, StoreError) as fault:
            if not (isinstance(fault, sqlite3.Error) and busy(fault)):
                self._close()
            raise StoreUnavailable(f"{self.path}: {told(fault)}") from fault
        finally:
            self.guard.release()

    def check(self, patience: float) -> None:
        """Raise where the file cannot become a store by anybody's mistake; let pass what may be over later.

        Raises:
            StoreError: there is no such directory, or it is another program's file, or one of a later version.
        """
        if not self.path.parent.is_dir():
            raise StoreError(f"store {self.path}: there is no directory {self.path.parent}; create it")
        if self.path.is_dir():
            raise StoreError(f"store {self.path} is a directory; name a file in it")
        with self.guard, suppress(sqlite3.OperationalError, OSError, StoreUnavailable):
            try:
                self._ready(time.monotonic() + patience)
            except sqlite3.DatabaseError as fault:
                if code(fault) & 0xFF == sqlite3.SQLITE_NOTADB:
                    raise StoreError(f"store {self.path} is not a SQLite database; name another file") from fault
                raise

    def close(self) -> None:
        """Let connections go; the next step opens them again."""
        with self.guard:
            self._close()

    def prepare(self) -> None:
        """Before a fork, with the guard held: a connection must not be there in two processes."""
        self._close()

    def abandon(self) -> None:
        """In a forked child: what is still there is the parent's, even closing it would meddle with its locks."""
        self.guard = threading.Lock()
        if self._connection is not None:
            _abandoned.append(self._connection)
        if self._turn is not None:
            self._turn.close()
        self._connection = self._turn = self._identity = None

    def _ready(self, until: float) -> tuple[sqlite3.Connection, Turn]:
        if self._connection is not None and self._turn is not None and self._identity == identity(self.path):
            return self._connection, self._turn
        self._close()
        turn = Turn(Path(f"{self.path}-turn"))
        try:
            with _taken(turn, until, self.path):
                connection = _opened_in_time(self.path, self.tables, until)
        except BaseException:
            turn.close()
            raise
        self._connection, self._turn, self._identity = connection, turn, identity(self.path)
        return connection, turn

    def _transaction(self, connection: sqlite3.Connection, until: float) -> Generator[sqlite3.Connection]:
        _patiently(connection, "BEGIN IMMEDIATE", until)
        try:
            yield connection
            _patiently(connection, "COMMIT", until)
        except BaseException:
            try:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._close()  # whoever opens the file next rolls it back
            raise

    def _checkpoint(self, connection: sqlite3.Connection, turn: Turn) -> None:
        """Write the log into the file where it has become long. Nobody is kept waiting for the most of it."""
        log = Path(f"{self.path}-wal")
        if _size(log) < _LOG:
            return
        with suppress(OSError, sqlite3.Error, StoreUnavailable):
            file = os.open(log, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fsync(file)
            finally:
                os.close(file)
            with _taken(turn, time.monotonic() + 0.1, self.path):
                if _size(log) >= _LOG:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _close(self) -> None:
        connection, turn = self._connection, self._turn
        self._connection = self._turn = self._identity = None
        if connection is not None and turn is not None:
            taken = turn.take(time.monotonic() + 0.5)  # the last one that closes checkpoints
            try:
                connection.close()
            finally:
                if taken:
                    turn.give()
        if turn is not None:
            turn.close()


_abandoned: list[sqlite3.Connection] = []


@contextmanager
def _taken(turn: Turn, until: float, path: Path) -> Generator[None]:
    if not turn.take(until):
        raise StoreUnavailable(f"{path} is busy")
    try:
        yield
    finally:
        turn.give()


def _opened_in_time(path: Path, tables: Tables, until: float) -> sqlite3.Connection:
    """Opened again while others hold the file: one that only reads may put right what a crash left, or close as the
    last of all, and take no turn."""
    while True:
        try:
            return _opened(path, tables, until)
        except sqlite3.OperationalError as fault:
            if not busy(fault) or time.monotonic() >= until:
                raise
            pause()


def _opened(path: Path, tables: Tables, until: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        version = tables.version_of(connection, path)
        if version == 0:
            for statement in tables.fresh:
                connection.execute(statement)
        _journal(connection, path, until)
        if version < tables.version:
            _patiently(connection, "BEGIN IMMEDIATE", until)
            tables.upgrade(connection, path)
            _patiently(connection, "COMMIT", until)
    except BaseException:
        connection.close()
        raise
    return connection


def _journal(connection: sqlite3.Connection, path: Path, until: float) -> None:
    ahead = (TURNS or safe_wal()) and not shared_over_network(path)
    mode = _patiently(connection, f"PRAGMA journal_mode = {'WAL' if ahead else 'TRUNCATE'}", until)
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
    if TURNS:
        connection.execute("PRAGMA wal_autocheckpoint = 0")


def _patiently(connection: sqlite3.Connection, statement: str, until: float) -> object:
    """Execute it, again while others hold the file; its first value."""
    while True:
        try:
            row = connection.execute(statement).fetchone()
            return row[0] if row else None
        except sqlite3.OperationalError as fault:
            if not busy(fault) or time.monotonic() >= until:
                raise
            pause()


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
