"""A little of what nobody will ask for is deleted now and then, so that a file does not grow for ever."""

from __future__ import annotations

from sqlite3 import Connection

from tokeneff.stores import _rules as rules

EVERY = 64
"""Steps of a process from one deletion to the next."""
_BITE = 256
"""Rows at most: more than may have been added meanwhile, and deleted within a millisecond or so."""
_JOURNAL_KEPT = _CALENDAR_KEPT = 35 * rules.DAY


def prune(db: Connection, now: int, after: str) -> str:
    """Delete some rows; to be called within a transaction.

    Args:
        after: the account that was looked at last.

    Returns:
        The account that was looked at last; empty after the last one of all.
    """
    db.execute(
        """DELETE FROM calls WHERE id IN
        (SELECT id FROM calls WHERE state > 0 AND due <= ? ORDER BY due LIMIT ?)""",
        (now - rules.SETTLED_KEPT, _BITE),
    )
    # The newest stays, so that numbers go on.
    db.execute(
        """DELETE FROM journal WHERE seq IN (SELECT seq FROM journal ORDER BY seq LIMIT ?) AND at <= ?
        AND seq < (SELECT max(seq) FROM journal)""",
        (_BITE, now - _JOURNAL_KEPT),
    )
    rows = db.execute(
        """SELECT name, "end", span, used, window, held_usd OR held_tokens OR held_requests,
        topped_usd OR topped_tokens OR topped_requests FROM accounts WHERE name > ? ORDER BY name LIMIT ?""",
        (after, _BITE // 8),
    ).fetchall()
    for name, end, span, used, window, held, topped in rows:
        if span:
            db.execute("DELETE FROM spent WHERE account = ? AND began <= ?", (name, now - 3 * span))
        if not held and _of_no_use(now, end, span, used, window, topped):
            for table, column in (("accounts", "name"), ("spent", "account"), ("marks", "account")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))
    return rows[-1][0] if rows else ""


def _of_no_use(now: int, end: int, span: int, used: int, window: str, topped: int) -> bool:
    if end:
        return end + _CALENDAR_KEPT <= now
    if span:
        return not topped and used + max(4 * span, rules.DAY) <= now
    return window == "session" and used + rules.UNUSED_KEPT <= now
