"""What `tokeneff ledger info` tells."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def info(url: str) -> dict[str, Any]:
    """Return what there is to know of a ledger file, as JSON values.

    Raises:
        LedgerError: there is none.
    """
    from tokeneff.ledger import connect_readonly
    from tokeneff.ledger._url import file_of

    with closing(connect_readonly(url)) as db:
        calls, first, last = db.execute("SELECT count(*), min(time), max(time) FROM facts").fetchone()
        lost, causes = db.execute("SELECT ifnull(sum(calls), 0), group_concat(DISTINCT cause) FROM losses").fetchone()
        path = file_of(url)
        assert path is not None
        return {
            "ledger": f"sqlite:///{path}",
            "calls": calls,
            "first": _moment(first),
            "last": _moment(last),
            "size": path.stat().st_size,
            "free": _number(db, "freelist_count") * _number(db, "page_size"),
            "version": _number(db, "user_version"),
            "journal": db.execute("PRAGMA journal_mode").fetchone()[0],
            "sqlite": sqlite3.sqlite_version,
            "lost": lost,
            "lost_because": causes or "",
        }


def table(found: dict[str, Any]) -> Table:
    """Return the same for people."""
    from rich.table import Table

    rows = Table(show_header=False, box=None, pad_edge=False)
    rows.add_column(style="dim")
    rows.add_column(overflow="fold")
    span = f"{found['first']} to {found['last']}" if found["calls"] else "none"
    lost = f"{found['lost']:,}" + (f" ({found['lost_because']})" if found["lost"] else "")
    for name, value in (
        ("ledger", found["ledger"]),
        ("calls", f"{found['calls']:,}"),
        ("made", span),
        ("size", f"{found['size'] / 1e6:,.1f} MB ({found['free'] / 1e6:,.1f} MB free)"),
        ("tables", f"version {found['version']}, journal {found['journal']}, SQLite {found['sqlite']}"),
        ("lost", lost),
    ):
        rows.add_row(name, str(value))
    return rows


def _number(db: sqlite3.Connection, name: str) -> int:
    return db.execute(f"PRAGMA {name}").fetchone()[0]


def _moment(time: int | None) -> str | None:
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{time} us"
