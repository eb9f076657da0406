"""What a ledger's URL names."""

from __future__ import annotations

from pathlib import Path

from tokeneff._masked import masked
from tokeneff._sqlite.urls import file_of as sqlite_file
from tokeneff.errors import LedgerError

FORMS = "sqlite:///relative.db, sqlite:////absolute/path.db or memory://"


def file_of(url: str) -> Path | None:
    """The absolute path of the file that a URL names; ``None`` for a ledger in memory.

    >>> file_of("sqlite:////var/lib/tokeneff.db").name
    'tokeneff.db'

    Raises:
        LedgerError: it is no URL of a ledger; the text says what to write.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise LedgerError(f"a ledger is named by a URL ({FORMS}), not by a value of type {type(url).__name__}")
    if url == "memory://":
        return None
    shown = masked(url)
    scheme, mark, _ = url.partition("://")
    if not mark:
        raise LedgerError(f"ledger {shown!r} is no URL: write sqlite:///{shown or 'tokeneff.db'} for a file")
    if scheme == "memory":
        raise LedgerError(f"ledger {shown!r}: a ledger in memory has no name, write memory://")
    if scheme != "sqlite":
        raise LedgerError(f"ledger {shown!r}: there is no ledger of kind {scheme!r}; write {FORMS}")
    return sqlite_file(url, "ledger", FORMS, LedgerError)
