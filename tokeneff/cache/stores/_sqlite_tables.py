"""The tables of a file of replies, and what is asked of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Any

from tokeneff._sqlite.tables import Tables
from tokeneff.cache.stores._contract import Entry, Labels
from tokeneff.cache.stores._touched import Touch

_SWEEP = 100
"""Values past their time that a step lets go, at most."""

REPLIES = Tables(
    "replies",
    0x746F6B63,  # "tokc"
    (
        (
            # Values are in a table of their own, so that lists, and notes of what was used, do not read them.
            """CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
                stored INTEGER NOT NULL, expires INTEGER, used INTEGER NOT NULL, hits INTEGER NOT NULL,
                model TEXT NOT NULL, scope TEXT NOT NULL, tags TEXT NOT NULL)""",
            "CREATE INDEX entries_used ON entries (used)",
            "CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL",
            "CREATE TABLE bodies (id INTEGER PRIMARY KEY, value BLOB NOT NULL)",
            """CREATE TABLE totals (id INTEGER PRIMARY KEY CHECK (id = 1),
                entries INTEGER NOT NULL, size INTEGER NOT NULL, evicted INTEGER NOT NULL)""",
            "INSERT INTO totals VALUES (1, 0, 0, 0)",
            """CREATE TRIGGER entries_come AFTER INSERT ON entries BEGIN
                UPDATE totals SET entries = entries + 1, size = size + NEW.size; END""",
            """CREATE TRIGGER entries_go AFTER DELETE ON entries BEGIN
                UPDATE totals SET entries = entries - 1, size = size - OLD.size;
                DELETE FROM bodies WHERE id = OLD.id; END""",
            'CREATE TABLE leads (key BLOB PRIMARY KEY, owner TEXT NOT NULL, "until" INTEGER NOT NULL) WITHOUT ROWID',
            "CREATE TABLE secrets (id INTEGER PRIMARY KEY CHECK (id = 1), secret BLOB NOT NULL)",
            'CREATE INDEX leads_until ON leads ("until")',
        ),
    ),
    ("PRAGMA auto_vacuum = INCREMENTAL",),
)

FIND = """SELECT key, size - length(key), stored, expires, ?2, hits + 1, model, scope, tags, value
    FROM entries JOIN bodies USING (id) WHERE key = ?1 AND (expires IS NULL OR expires > ?2)"""
LIST = """SELECT key, size - length(key), stored, expires, used, hits, model, scope, tags, NULL
    FROM entries WHERE (expires IS NULL OR expires > ?) AND ? IN ('', model) AND ? IN ('', scope)
    ORDER BY stored DESC, id DESC"""
LED = "SELECT owner FROM leads WHERE key = ? AND until > ?"
SECRET = "SELECT secret FROM secrets"
TOTALS = """SELECT entries - (SELECT count(*) FROM entries WHERE expires <= ?1),
    size - (SELECT ifnull(sum(size), 0) FROM entries WHERE expires <= ?1), evicted FROM totals"""


def entry(row: Sequence[Any]) -> Entry:
    """A row of `FIND` or `LIST`."""
    key, size, stored, expires, used, hits, model, scope, tags, value = row
    found = tuple((name, text) for name, text in json.loads(tags)) if tags else ()
    return Entry(key, size, stored, expires, used, hits, Labels(model, scope, found), value)


def insert(
    db: Connection, key: bytes, value: bytes, labels: Labels, stored: int, expires: int | None, now: int
) -> None:
    """Have a value that is not there."""
    tags = json.dumps(labels.tags, separators=(",", ":")) if labels.tags else ""
    row = (key, len(key) + len(value), stored, expires, now, _text(labels.model), _text(labels.scope), tags)
    made = db.execute(
        """INSERT INTO entries (key, size, stored, expires, used, hits, model, scope, tags)
        VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)""",
        row,
    )
    db.execute("INSERT INTO bodies VALUES (?, ?)", (made.lastrowid, value))


def remove(db: Connection, key: bytes) -> bool:
    """Whether it was there."""
    return db.execute("DELETE FROM entries WHERE key = ?", (key,)).rowcount > 0


def sweep(db: Connection, now: int) -> None:
    """Let go some of what is past its time."""
    db.execute(
        "DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires <= ? ORDER BY expires LIMIT ?)",
        (now, _SWEEP),
    )


def make_room(db: Connection, size: int, limit: int) -> None:
    """Let go what was used least recently, until as much fits."""
    over: int = db.execute("SELECT size FROM totals").fetchone()[0] + size - limit
    gone: list[tuple[int]] = []
    if over > 0:
        least = db.execute("SELECT id, size FROM entries ORDER BY used, id")
        for number, freed in least:
            gone.append((number,))
            over -= freed
            if over <= 0:
                break
        least.close()
        db.executemany("DELETE FROM entries WHERE id = ?", gone)
        db.execute("UPDATE totals SET evicted = evicted + ?", (len(gone),))


def touch(db: Connection, touches: Iterable[Touch]) -> None:
    """Note what was found."""
    db.executemany(
        "UPDATE entries SET used = max(used, ?), hits = hits + ? WHERE key = ?",
        [(one.used, one.hits, one.key) for one in touches],
    )


def lead(db: Connection, key: bytes, owner: str, until: int, now: int) -> bool:
    """Whether ``owner`` leads from now on."""
    db.execute("DELETE FROM leads WHERE until <= ?", (now,))
    done = db.execute(
        """INSERT INTO leads VALUES (?, ?, ?)
        ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE owner = excluded.owner""",
        (key, owner, until),
    )
    return done.rowcount > 0


def _text(text: str) -> str:
    """What SQLite takes: no halves of characters."""
    return text.encode("utf-8", "replace").decode()
