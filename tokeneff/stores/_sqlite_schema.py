"""The tables of a file of budgets."""

from __future__ import annotations

from tokeneff._sqlite.tables import Tables

APPLICATION = 0x746F6B62
"""``PRAGMA application_id`` of a file of budgets: "tokb"."""
PAGE = 1024
"""Bytes: a step changes about ten pages wherever they are, so small ones are less to write."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE accounts (name TEXT PRIMARY KEY,
            budget TEXT NOT NULL, scope TEXT NOT NULL, window TEXT NOT NULL,
            start INTEGER NOT NULL, "end" INTEGER NOT NULL, span INTEGER NOT NULL, bucket INTEGER NOT NULL,
            limit_usd INTEGER, limit_tokens INTEGER, limit_requests INTEGER,
            topped_usd INTEGER NOT NULL, topped_tokens INTEGER NOT NULL, topped_requests INTEGER NOT NULL,
            held_usd INTEGER NOT NULL, held_tokens INTEGER NOT NULL, held_requests INTEGER NOT NULL,
            spent_usd INTEGER NOT NULL, spent_tokens INTEGER NOT NULL, spent_requests INTEGER NOT NULL,
            used INTEGER NOT NULL, reset INTEGER NOT NULL) WITHOUT ROWID""",
        # What was spent in rolling windows, by when the bucket began.
        """CREATE TABLE spent (account TEXT NOT NULL, began INTEGER NOT NULL,
            usd INTEGER NOT NULL, tokens INTEGER NOT NULL, requests INTEGER NOT NULL,
            PRIMARY KEY (account, began)) WITHOUT ROWID""",
        # state: 0 held, 1 its lease ran out, 2 settled. due: when its lease ends; later, when it ended.
        # claims: JSON of the claims, until it is settled. seq: the entry that charged it.
        """CREATE TABLE calls (id TEXT PRIMARY KEY, state INTEGER NOT NULL,
            due INTEGER NOT NULL, since INTEGER NOT NULL,
            usd INTEGER NOT NULL, tokens INTEGER NOT NULL, requests INTEGER NOT NULL,
            floor_usd INTEGER NOT NULL, floor_tokens INTEGER NOT NULL, floor_requests INTEGER NOT NULL,
            seq INTEGER NOT NULL, claims TEXT) WITHOUT ROWID""",
        "CREATE INDEX calls_held ON calls (due) WHERE state = 0",
        "CREATE INDEX calls_ended ON calls (due) WHERE state > 0",
        """CREATE TABLE marks (account TEXT NOT NULL, mark TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (account, mark)) WITHOUT ROWID""",
        """CREATE TABLE journal (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, step TEXT NOT NULL, hold TEXT NOT NULL,
            accounts TEXT NOT NULL, held_usd INTEGER NOT NULL, held_tokens INTEGER NOT NULL,
            held_requests INTEGER NOT NULL, spent_usd INTEGER NOT NULL, spent_tokens INTEGER NOT NULL,
            spent_requests INTEGER NOT NULL, note TEXT NOT NULL)""",
    ),
)

BUDGETS = Tables("budgets", APPLICATION, STEPS, (f"PRAGMA page_size = {PAGE}",))
