"""Opening a ledger file: whether it is one, how it is journaled, and what is done when it cannot be written."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from tokeneff._chance import chance
from tokeneff._log import log_once
from tokeneff._sqlite.faults import busy, code, safe_wal, told
from tokeneff._sqlite.filesystem import shared_over_network
from tokeneff.errors import LedgerError
from tokeneff.ledger._schema import APPLICATION, VERSION, upgrade

_CACHE_KIB = 16_000
"""Room for a whole batch, so that its pages are not written before it is committed."""


def check_file(path: Path) -> None:
    """Raise where a file cannot become a ledger by anybody's mistake; let pass what may be over later.

    Args:
        path: absolute.

    Raises:
        LedgerError: there is no such directory, or the file is no ledger, or one of a later version.
    """
    try:
        is_place, is_directory = path.parent.is_dir(), path.is_dir()
    except OSError as fault:
        raise LedgerError(f"ledger {path} cannot be a file: {fault.strerror}; name another place") from fault
    if not is_place:
        raise LedgerError(f"ledger {path}: there is no directory {path.parent}; create it, or name another place")
    if is_directory:
        raise LedgerError(f"ledger {path} is a directory; name a file in it")
    try:
        open_file(path, patience=0.25).close()
    except sqlite3.OperationalError as fault:
        if not busy(fault):
            log_once(("ledger", path), "ledger %s cannot be written now (%s); calls go on", path, told(fault))


def open_file(path: Path, patience: float = 0.0) -> sqlite3.Connection:
    """A connection that writes to the ledger, which is created or brought to today's version if need be.

    It never waits for a lock by itself: whoever holds it must not be waited for where a fork may be waiting.

    Args:
        path: absolute. patience: seconds to go on trying while others hold the file.

    Raises:
        LedgerError: the file is no ledger, or one of a later version.
        sqlite3.Error: it cannot be opened or written now.
    """
    until = time.monotonic() + patience
    while True:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
        except sqlite3.OperationalError as fault:
            connection.close()
            if not busy(fault) or time.monotonic() >= until:
                raise
            time.sleep(chance.uniform(0.005, 0.02))
        except sqlite3.DatabaseError as fault:
            connection.close()
            if code(fault) == sqlite3.SQLITE_NOTADB:
                raise LedgerError(f"ledger {path} is not a SQLite database; name another file") from fault
            raise
        except BaseException:
            connection.close()
            raise
        else:
            return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    version = checked_version(connection, path)
    if version == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _journal(connection, path, fresh=version == 0)
    if version < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        checked_version(connection, path)
        upgrade(connection)
        connection.execute("COMMIT")


def checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file's tables, 0 where it has none.

    Raises:
        LedgerError: it is another program's file, or of a later version.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION:
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application or version or tables:
            raise LedgerError(f"ledger {path} is another program's database; name another file")
    if version > VERSION:
        raise LedgerError(
            f"ledger {path} was written by a later tokeneff (its tables are of version {version}, this one knows "
            f"{VERSION}); upgrade tokeneff, or name another file"
        )
    return version


def _journal(connection: sqlite3.Connection, path: Path, *, fresh: bool) -> None:
    mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if fresh and safe_wal() and not shared_over_network(path):
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    elif mode == "wal" and not safe_wal():
        try:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except sqlite3.OperationalError as fault:
            if not busy(fault):
                raise
            log_once(
                ("ledger wal", path),
                "ledger %s is in WAL mode, which SQLite %s can corrupt, and others have it open; stop them once",
                path,
                sqlite3.sqlite_version,
            )
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
