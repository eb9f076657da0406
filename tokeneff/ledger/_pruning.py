"""Deleting what is old: calls in small steps, then what no call refers to any more, then the room that it took."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

from tokeneff._chance import chance
from tokeneff._sqlite.faults import busy, told
from tokeneff.errors import LedgerError
from tokeneff.ledger._blocks import unseal
from tokeneff.ledger._opening import open_file

T = TypeVar("T")

STEP = 2_000
"""Calls deleted in one transaction, so that writers wait for no more than these."""
_PAGES = 2_000
"""Free pages given back at a time."""
_PATIENCE = 60.0

_SHARED = (
    ("kinds", "SELECT kind_id FROM facts"),
    ("prefixes", "SELECT prefix_id FROM facts WHERE prefix_id IS NOT NULL"),
    ("toolsets", "SELECT toolset_id FROM facts WHERE toolset_id IS NOT NULL"),
    ("tagsets", "SELECT tagset_id FROM facts WHERE tagset_id IS NOT NULL"),
    (
        "texts",
        "SELECT session_id FROM facts WHERE session_id IS NOT NULL "
        "UNION SELECT called_id FROM facts WHERE called_id IS NOT NULL "
        "UNION SELECT system_id FROM facts WHERE system_id IS NOT NULL "
        "UNION SELECT decisions_id FROM details WHERE decisions_id IS NOT NULL",
    ),
)


class Pruned(NamedTuple):
    """What was deleted."""

    calls: int
    shared: int
    """Rows of texts, kinds, tags … that no call referred to any more."""
    size_before: int
    """Bytes of the file."""
    size_after: int


def prune(path: Path, before: int, *, dry_run: bool = False) -> Pruned:
    """Delete the calls that began before a moment.

    Args:
        path: of the ledger's file. before: microseconds since 1970.
        dry_run: only count them.

    Raises:
        LedgerError: the file cannot be written; what was deleted so far stays so.
    """
    size = path.stat().st_size
    try:
        with closing(open_file(path, patience=_PATIENCE)) as connection:
            if dry_run:
                count: int = connection.execute("SELECT count(*) FROM facts WHERE time < ?", (before,)).fetchone()[0]
                return Pruned(count, 0, size, size)
            calls = shared = 0
            while step := _patient(lambda: _step(connection, before)):
                calls += step
            if calls:
                shared = _patient(lambda: _sweep(connection))
                while _patient(lambda: _give_back(connection)):
                    pass
    except sqlite3.Error as fault:
        raise LedgerError(f"ledger {path} cannot be pruned: {told(fault)}") from fault
    return Pruned(calls, shared, size, path.stat().st_size)


def _step(connection: sqlite3.Connection, before: int) -> int:
    with _Transaction(connection):
        rows = connection.execute(
            "SELECT id FROM facts WHERE time < ? ORDER BY time LIMIT ?", (before, STEP)
        ).fetchall()
        connection.executemany("DELETE FROM facts WHERE id = ?", rows)
        connection.executemany("DELETE FROM details WHERE id = ?", rows)
        connection.executemany("DELETE FROM trims WHERE id = ?", rows)
        if rows:
            unseal(connection, [row_id for (row_id,) in rows])
    return len(rows)


def _sweep(connection: sqlite3.Connection) -> int:
    """Delete shared rows that no call refers to; every writer is told to forget the ids that it remembers."""
    with _Transaction(connection):
        found = sum(
            connection.execute(f"DELETE FROM {table} WHERE id NOT IN ({used})").rowcount for table, used in _SHARED
        )
        connection.execute("DELETE FROM tags WHERE tagset_id NOT IN (SELECT id FROM tagsets)")
        connection.execute("UPDATE sweeps SET count = count + 1")
    return found


def _give_back(connection: sqlite3.Connection) -> bool:
    """Return some of the free pages to the disk; whether there are more."""
    before: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if not before:
        return False
    connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
    after: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return 0 < after < before


def _patient(work: Callable[[], T]) -> T:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return work()
        except sqlite3.OperationalError as fault:
            if not busy(fault) or time.monotonic() >= until:
                raise
        time.sleep(chance.uniform(0.005, 0.05))


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                _patient(lambda: self._connection.execute("COMMIT"))
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
