"""Where a ledger's rows are: a file, or this process's memory. One connection each, one transaction at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from tokeneff._forking import watch
from tokeneff._sqlite.faults import busy
from tokeneff.ledger._blocks import SIZE, keep, pack, unsealed
from tokeneff.ledger._inserting import Inserter
from tokeneff.ledger._opening import open_file
from tokeneff.ledger._reading import connect_file
from tokeneff.ledger._record import CallRecord
from tokeneff.ledger._schema import upgrade

_COMMIT_PATIENCE = 1.0
"""Seconds that a finished transaction waits for readers to leave before it is undone and tried again later."""

Loss = tuple[int, str]
"""Calls that could not be kept, and why."""


class Store:
    """What is common to both; a subclass opens the connection."""

    keeps = False
    """Whether the connection has to be kept, because the rows are in it."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        """Held while SQLite works for us: a fork must not happen then, for SQLite's own locks would stay locked in the
        child, with nobody there to release them."""
        self._connection: sqlite3.Connection | None = None
        self._inserter: Inserter | None = None
        self.unsealed = False
        """Whether our rows have filled a block that is to be sealed."""
        watch(self)

    def open(self) -> sqlite3.Connection:
        """A new connection for writing."""
        raise NotImplementedError

    def connect(self) -> sqlite3.Connection:
        """A connection for reading, of its own."""
        raise NotImplementedError

    def pulse(self) -> object:
        """What changes whenever anybody writes."""
        return None

    def moved(self) -> bool:
        """Whether the rows are no longer where the connection would write them."""
        return False

    def write(self, records: Iterable[CallRecord], loss: Loss | None = None) -> tuple[int, int]:
        """Write records in one transaction, those that are there already excepted.

        Args:
            records: what is to be there afterwards. loss: what is to be told of calls that could not be kept.

        Returns:
            How many rows were added, and how many records fit no row.

        Raises:
            sqlite3.Error: nothing was written. LedgerError: there is another program's file now.
        """
        with self.guard:
            connection, inserter = self._ready()
            try:
                connection.execute("BEGIN IMMEDIATE")
                done = inserter.insert(records)
                if loss is not None:
                    told = (time.time_ns() // 1000, *loss)
                    connection.execute("INSERT INTO losses (time, calls, cause) VALUES (?, ?, ?)", told)
                _commit(connection)
            except BaseException:
                inserter.forget()
                self._roll_back(connection)
                raise
            last = inserter.next_id - 1
            self.unsealed = self.unsealed or last // SIZE > (last - done[0]) // SIZE
            return done

    def seal(self) -> None:
        """Seal a block of rows that nobody changes any more, for reports; ``unsealed`` says whether there may be more.

        Raises:
            sqlite3.Error: it cannot be done now.
        """
        self.unsealed = False

    def release(self) -> None:
        """Close the connection, if the rows stay without it."""
        with self.guard:
            if not self.keeps:
                self._close()

    def prepare(self) -> None:
        """Before a fork: what a child finds of a connection in use, SQLite in the child would take for its own."""
        if not self.keeps:
            self._close()

    def abandon(self) -> None:
        """In a forked child: the connection is the parent's. Even closing it here would meddle with its locks."""
        self.guard = threading.Lock()
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection = self._inserter = None

    def _ready(self) -> tuple[sqlite3.Connection, Inserter]:
        if self._connection is not None and self.moved():
            self._close()
        if self._connection is None or self._inserter is None:
            self._connection = self.open()
            self._inserter = Inserter(self._connection)
        return self._connection, self._inserter

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._close()  # whoever opens the file next rolls it back

    def _close(self) -> None:
        connection, self._connection, self._inserter = self._connection, None, None
        if connection is not None:
            connection.close()


class FileStore(Store):
    """Rows in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._identity: tuple[int, int] | None = None

    def open(self) -> sqlite3.Connection:
        connection = open_file(self.path)
        self._identity = self._found()
        return connection

    def connect(self) -> sqlite3.Connection:
        return connect_file(self.path)

    def pulse(self) -> object:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def seal(self) -> None:
        with self.guard:
            connection = self._ready()[0]
            fresh = unsealed(connection)
        if fresh is None:
            self.unsealed = False
            return
        block = pack(fresh.rows)  # takes longest; neither a fork nor another writer waits for it
        with self.guard:
            if self._ready()[0] is not connection:
                return
            try:
                keep(connection, fresh, block)
            except BaseException:
                self._roll_back(connection)
                raise

    def moved(self) -> bool:
        return self._identity is None or self._found() != self._identity

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


class MemoryStore(Store):
    """Rows in this process, gone with the ledger."""

    keeps = True

    def open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        upgrade(connection)
        return connection

    def connect(self) -> sqlite3.Connection:
        copied = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        with self.guard:
            self._ready()[0].backup(copied)
        return copied


def _commit(connection: sqlite3.Connection) -> None:
    until = time.monotonic() + _COMMIT_PATIENCE
    while True:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as fault:
            if not busy(fault) or time.monotonic() >= until:
                raise
            time.sleep(0.01)
        else:
            return


_abandoned: list[sqlite3.Connection] = []
