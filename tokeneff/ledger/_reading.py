"""Reading a ledger, while others write it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokeneff._sqlite.faults import code, told
from tokeneff.errors import LedgerError
from tokeneff.ledger._opening import checked_version, open_file
from tokeneff.ledger._record import CallRecord
from tokeneff.ledger._schema import VERSION, columns
from tokeneff.ledger._url import file_of

if TYPE_CHECKING:
    from tokeneff.ledger._ledger import Ledger

_PATIENCE = 10.0
"""Seconds that a reader waits for a writer that is just writing."""
_PAGE = 2_000
"""Records read at a time: between two pages nothing is locked, however slow the reader."""


def connect_readonly(url: str) -> sqlite3.Connection:
    """A connection that reads a ledger file, also while others write it, and cannot change it.

    Example::

        with closing(connect_readonly("sqlite:///tokeneff.db")) as db:
            db.execute("SELECT model, sum(cost) FROM calls GROUP BY model").fetchall()

    It holds no lock between two statements. While a statement is being read to its end, writers wait, so that one
    had better be fetched at once.

    Args:
        url: as for :class:`tokeneff.Ledger`, of a file; a ledger in memory is read through ``ledger.connect()``.

    Raises:
        LedgerError: there is no such file, it is no ledger, or one of a later version of tokeneff.
    """
    path = file_of(url)
    if path is None:
        raise LedgerError("a ledger in memory is read through the object itself: ledger.connect()")
    return connect_file(path)


def read(source: str | Ledger | sqlite3.Connection, since: int | None = None) -> Iterator[CallRecord]:
    """The records of a ledger, in the order in which they were written.

    Example::

        spent = sum(record.cost or 0 for record in read("sqlite:///tokeneff.db"))

    Args:
        source: a URL, a ledger, or a connection to one.
        since: only calls that began then or later, in microseconds since 1970.

    Raises:
        LedgerError: as :func:`connect_readonly`.
    """
    if isinstance(source, sqlite3.Connection):
        yield from _records(source, since)
        return
    connection = connect_readonly(source) if isinstance(source, str) else source.connect()
    with closing(connection):
        yield from _records(connection, since)


def connect_file(path: Path) -> sqlite3.Connection:
    """A connection that reads the file.

    Args:
        path: absolute.

    Raises:
        LedgerError: as :func:`connect_readonly`.
    """
    if not path.is_file():
        raise LedgerError(f"there is no ledger {path}; calls are recorded by tokeneff.wrap(client, ledger=…)")
    try:
        connection, version = _opened(path)
        if 0 < version < VERSION or (version == 0 and path.stat().st_size == 0):
            connection.close()
            open_file(path, patience=_PATIENCE).close()  # brings it to today's version
            connection, version = _opened(path)
    except sqlite3.Error as fault:
        raise LedgerError(f"ledger {path} cannot be read: {told(fault)}") from fault
    if version == 0:
        connection.close()
        raise LedgerError(f"{path} is no ledger: nothing was ever recorded in it")
    return connection


def _opened(path: Path) -> tuple[sqlite3.Connection, int]:
    try:
        return _readonly(path)
    except sqlite3.OperationalError as fault:
        if code(fault) & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise
        # A writer was killed while it wrote: what it left half done can only be undone by one who may write.
        open_file(path, patience=_PATIENCE).close()
        return _readonly(path)


def _readonly(path: Path) -> tuple[sqlite3.Connection, int]:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        return connection, checked_version(connection, path)
    except sqlite3.DatabaseError as fault:
        connection.close()
        if code(fault) == sqlite3.SQLITE_NOTADB:
            raise LedgerError(f"{path} is not a SQLite database") from fault
        raise
    except BaseException:
        connection.close()
        raise


def _records(connection: sqlite3.Connection, since: int | None) -> Iterator[CallRecord]:
    sql = f"SELECT f.id, {columns()} FROM facts AS f WHERE f.id > ?{'' if since is None else ' AND f.time >= ?'}"
    last = -(1 << 63)
    while True:
        values = (last,) if since is None else (last, since)
        page = connection.execute(f"{sql} ORDER BY f.id LIMIT {_PAGE}", values).fetchall()
        for row in page:
            yield record_of_row(row[1:])
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def record_of_row(row: tuple[Any, ...]) -> CallRecord:
    """The record that a row of the view ``calls`` tells."""
    record = CallRecord._make(row)
    return record._replace(
        stream=bool(record.stream),
        tools=_pairs(str(record.tools)),
        called=_tuple(str(record.called)),
        tags=_tags(str(record.tags)),
        decisions=_pairs(str(record.decisions)),
        trim_edits=_pairs(str(record.trim_edits)),
    )


@lru_cache(maxsize=4096)
def _pairs(text: str) -> tuple[Any, ...]:
    return tuple(map(tuple, json.loads(text)))


@lru_cache(maxsize=4096)
def _tuple(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=4096)
def _tags(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(json.loads(text).items())
