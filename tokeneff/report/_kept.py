"""Sums that are kept beside a ledger's rows, so that a report over very many of them need not read each.

For each cube there is a table of its cells by day, made of the rows up to some id; a report adds the rows after it.
They are made in steps, in short transactions, by whoever may write and finds many rows that are not summed up yet. Sums
that no longer fit the rows (some were deleted) are not used, and made anew.
"""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from typing import NamedTuple

from tokeneff.report._cubes import CUBES, Cube

_STEP = 20_000
"""Rows that are summed up in one transaction."""

_FORM = blake2b(repr(CUBES).encode(), digest_size=6).hexdigest()
"""Tells the sums of this version from those of others."""
_STATE = "kept_sums"


class Kept(NamedTuple):
    """What is summed up already."""

    upto: int
    """The last row's id."""
    rows: int

    def table(self, cube: Cube) -> str:
        """The name of the cube's table."""
        return f"kept_{cube.name}"


def kept(connection: sqlite3.Connection) -> Kept | None:
    """The sums that fit the rows as they are, or ``None``."""
    try:
        row = connection.execute(f"SELECT upto, rows, form FROM {_STATE}").fetchone()
    except sqlite3.OperationalError:
        return None
    if row is None or row[2] != _FORM:
        return None
    found = Kept(row[0], row[1])
    there = connection.execute("SELECT count(*) FROM facts WHERE id <= ?", (found.upto,)).fetchone()[0]
    return found if there == found.rows else None


def waiting(connection: sqlite3.Connection) -> int:
    """How many rows are in no sums yet; of a file whose sums do not fit, all."""
    found = kept(connection)
    after = 0 if found is None else found.upto
    return connection.execute("SELECT count(*) FROM facts WHERE id > ?", (after,)).fetchone()[0]


def keep(connection: sqlite3.Connection, step: int = _STEP) -> None:
    """Sum up the rows that are in no sums yet, step by step.

    Args:
        connection: one that may write, in autocommit mode. step: rows to a transaction.

    Raises:
        sqlite3.Error: somebody else holds the file, or it cannot be written; the steps made so far are there.
    """
    while keep_step(connection, step):
        pass


def keep_step(connection: sqlite3.Connection, step: int = _STEP) -> bool:
    """One transaction of `keep`; returns whether there is more to be done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = kept(connection) or _anew(connection)
        ids = connection.execute("SELECT id FROM facts WHERE id > ? ORDER BY id LIMIT ?", (found.upto, step)).fetchall()
        if ids:
            upto = ids[-1][0]
            for cube in CUBES:
                connection.execute(_merge(cube, found, upto))
            connection.execute(f"UPDATE {_STATE} SET upto = ?, rows = rows + ?", (upto, len(ids)))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return len(ids) == step


def _anew(connection: sqlite3.Connection) -> Kept:
    connection.execute(f"DROP TABLE IF EXISTS {_STATE}")
    connection.execute(f"CREATE TABLE {_STATE} (upto INTEGER NOT NULL, rows INTEGER NOT NULL, form TEXT NOT NULL)")
    connection.execute(f"INSERT INTO {_STATE} VALUES (0, 0, ?)", (_FORM,))
    found = Kept(0, 0)
    for cube in CUBES:
        keys, columns = _keys(cube), (*cube.sums, *cube.peaks)
        declared = ", ".join([*(f"{key} INTEGER NOT NULL" for key in keys), *(f"{name} INTEGER" for name in columns)])
        connection.execute(f"DROP TABLE IF EXISTS {found.table(cube)}")
        connection.execute(
            f"CREATE TABLE {found.table(cube)} ({declared}, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID"
        )
    return found


def _keys(cube: Cube) -> list[str]:
    """The keys, the day last: so that a session's cells are side by side, and sums over it need no sorting."""
    return [*(key for key in cube.keys if key != "day"), "day"]


def _merge(cube: Cube, found: Kept, upto: int) -> str:
    keys, columns = _keys(cube), (*cube.sums, *cube.peaks)
    sums = [f"{name} = ifnull({name} + excluded.{name}, ifnull({name}, excluded.{name}))" for name in cube.sums]
    peaks = [f"{name} = ifnull(max({name}, excluded.{name}), ifnull({name}, excluded.{name}))" for name in cube.peaks]
    rows = cube.sql(keys, columns, f"f.id > {found.upto} AND f.id <= {upto}")
    return (
        f"INSERT INTO {found.table(cube)} {rows} "  # the WHERE in it keeps ON CONFLICT from being read as a join's
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join([*sums, *peaks])}"
    )
