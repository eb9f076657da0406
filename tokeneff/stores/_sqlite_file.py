"""A file of budgets: how it is opened and journaled, and transactions on it, one after the other."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokeneff._chance import chance
from tokeneff._forking import watch
from tokeneff._sqlite.faults import busy, code, safe_wal, told
from tokeneff._sqlite.filesystem import shared_over_network
from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores._sqlite_schema import PAGE, VERSION, upgrade, version_of
from tokeneff.stores._sqlite_turn import TURNS, Turn, pause

_LOG = 64 * 1024 * 1024
"""Bytes of write-ahead log beyond which its file is cut, once all of it is in the database. It grows to some ten."""
_SELDOM = 1024
"""Steps, of all processes together, from one checkpoint to the next, in the mean."""


class File:
    """One connection, one transaction at a time, of this process and of all others.

    Every process takes turns by a lock on a file beside (``….db-turn``), for waiting there is fairer and shorter than
    at SQLite's own lock. It also makes write-ahead logging safe before SQLite 3.51.3, whose "WAL-reset bug" takes a
    commit while another connection checkpoints: commits, checkpoints, opening and closing are all done in turn, and
    the system gives a killed process's turn away when nothing of it runs any more. Out of turn come only readers (a
    shell, a backup); they checkpoint when they close, and only where nobody else has the file open. A process that
    reads the database as a plain file loses SQLite's locks when it closes that: so each turn looks whether the log is
    still the one that it knows. Where there are no such locks, old versions use a rollback journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.guard = threading.Lock()
        self._log = Path(f"{path}-wal")
        self._connection: sqlite3.Connection | None = None
        self._turn: Turn | None = None
        self._identity: tuple[tuple[int, int] | None, ...] = ()
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
            with self._in_turn(until) as connection:
                yield from self._transaction(connection, until)
        except (sqlite3.Error, OSError, StoreError) as fault:
            if not (isinstance(fault, sqlite3.Error) and busy(fault)):
                self._close()
            raise StoreUnavailable(f"{self.path}: {told(fault)}") from fault
        finally:
            self.guard.release()
        if not chance.randrange(_SELDOM):
            self._checkpoint()

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
                with self._in_turn(time.monotonic() + patience):
                    pass
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
        self._connection = self._turn = None

    @contextmanager
    def _in_turn(self, until: float) -> Generator[sqlite3.Connection]:
        """A connection, in our turn; opened anew where the files are not those that it was opened on."""
        turn = self._turned(until)
        try:
            found = self._found()
            if self._connection is not None and found != self._identity:
                self._connection.close()
                self._connection = None
            if self._connection is None:
                self._connection = _opened(self.path, until)
                self._identity = self._found()
            yield self._connection
        finally:
            turn.give()

    def _turned(self, until: float) -> Turn:
        while True:
            turn = self._turn = self._turn or Turn(Path(f"{self.path}-turn"))
            if not turn.take(until):
                raise StoreUnavailable(f"{self.path} is busy")
            if turn.current():
                return turn
            self._turn = None
            turn.close()

    def _found(self) -> tuple[tuple[int, int] | None, ...]:
        """Which files there are: another database, or another log."""
        return _identity(self.path), _identity(self._log)

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

    def _checkpoint(self) -> None:
        """Write the log into the database. Nobody is kept waiting for the most of it, which is to have it on disk."""
        with suppress(OSError, sqlite3.Error, StoreUnavailable):
            log = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fsync(log)
            finally:
                os.close(log)
            if not self.guard.acquire(timeout=0.1):
                return
            try:
                with self._in_turn(time.monotonic() + 0.1) as connection:
                    # Not truncated: what is there is written over, which is ten times faster.
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    if os.stat(self._log).st_size > _LOG:
                        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self.guard.release()

    def _close(self) -> None:
        connection, turn = self._connection, self._turn
        self._connection = self._turn = None
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


def _opened(path: Path, until: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        _patiently(connection, "PRAGMA user_version", until)  # whoever closed it last may be at work
        version = version_of(connection, path)
        if version == 0:
            connection.execute(f"PRAGMA page_size = {PAGE}")
        _journal(connection, path, until)
        if version < VERSION:
            _patiently(connection, "BEGIN IMMEDIATE", until)
            upgrade(connection, path)
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


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
