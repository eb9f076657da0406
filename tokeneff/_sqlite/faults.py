"""What SQLite's errors say, and what its versions can be trusted with."""

from __future__ import annotations

import sqlite3


def safe_wal() -> bool:
    """Whether write-ahead logging cannot corrupt a file whoever uses it at once, as from SQLite 3.51.3 on.

    3.7.0 to 3.51.2 have the "WAL-reset bug" (sqlite.org, release 3.51.3 of 2026-03-13), which two connections can meet
    of which one writes while the other checkpoints.
    """
    return sqlite3.sqlite_version_info >= (3, 51, 3)


def busy(fault: sqlite3.Error) -> bool:
    """Whether somebody else holds the file, which will be over soon."""
    return code(fault) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def code(fault: sqlite3.Error) -> int:
    """SQLite's (extended) result code, or 0."""
    return getattr(fault, "sqlite_errorcode", 0) or 0


def told(fault: BaseException) -> str:
    """What went wrong, for a log record."""
    return str(fault) or type(fault).__name__
