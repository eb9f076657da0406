"""What a ledger's URL names."""

from __future__ import annotations

import os
from pathlib import Path

from tokeneff._masked import masked
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
    scheme, mark, rest = url.partition("://")
    if not mark:
        raise LedgerError(f"ledger {shown!r} is no URL: write sqlite:///{shown or 'tokeneff.db'} for a file")
    if scheme == "memory":
        raise LedgerError(f"ledger {shown!r}: a ledger in memory has no name, write memory://")
    if scheme != "sqlite":
        raise LedgerError(f"ledger {shown!r}: there is no ledger of kind {scheme!r}; write {FORMS}")
    if not rest.startswith("/"):
        place = shown.partition("://")[2] or "tokeneff.db"
        raise LedgerError(f"ledger {shown!r}: a file is named after three slashes, as sqlite:///{place}")
    name = rest[1:]
    if not name or name.endswith(("/", os.sep)) or "\0" in name:
        raise LedgerError(f"ledger {shown!r} names no file: write {FORMS}")
    if "?" in name:
        names = ", ".join(option.partition("=")[0] for option in name.partition("?")[2].split("&"))
        raise LedgerError(f"ledger {shown!r}: options ({names}) are not known, leave them out")
    if name == ":memory:":
        raise LedgerError(f"ledger {shown!r}: a ledger in memory is named memory://")
    try:
        path = Path(name).expanduser().absolute()
        os.fsencode(path)
        return path
    except (RuntimeError, UnicodeError) as error:
        raise LedgerError(f"ledger {shown!r}: {error}") from None
