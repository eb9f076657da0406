"""Sealed blocks: the figures of rows that nobody changes any more, by column, so that reports need not read rows.

Block ``k`` has the calls whose ``facts.id`` is above ``k * SIZE`` and not above ``(k + 1) * SIZE``. Writers take turns,
so once a higher id is committed nothing is added to it. Who deletes calls deletes their blocks, and those that new rows
may reach again, in the same transaction, and counts up ``sweeps``; what is left is sealed again later.

The data of a block is the columns one after the other, each padded to eight bytes, then sixteen bytes for each call's
request. The layout (JSON) tells of each column its name, the bytes of a value (0: all are equal), the least and the
greatest value, and whether there are unknown ones. Numbers are little-endian and unsigned, less the least one; where
there are unknown ones, these are 0 and the others one more.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from array import array
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from tokeneff.errors import LedgerError
from tokeneff.ledger._opening import open_file

SIZE = 8_192
COLUMNS = (
    *("id", "time", "kind_id", "tagset_id", "session_id", "toolset_id", "called_id", "system_id", "prefix_id"),
    *("cost", "cost_input", "cost_cache_read", "cost_cache_write", "cost_output"),
    *("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning"),
    *("duration", "first_chunk", "retries", "chunks", "prefix_lost", "prefix_cost", "stale_tokens"),
    *("in_system", "in_tools", "in_user_history", "in_assistant_history", "in_tool_results", "in_attached", "in_user"),
    *("out_text", "out_reasoning", "out_tool_calls"),
)
NO_REQUEST = bytes(16)
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
ROWS = f"SELECT {', '.join(COLUMNS)}, request_hash FROM facts WHERE id > ? AND id <= ? ORDER BY id"
"""The rows that `pack` takes."""


class Block(NamedTuple):
    """Calls by column; see the module."""

    calls: int
    layout: str
    data: bytes


class Fresh(NamedTuple):
    """Rows to be sealed."""

    number: int
    sweeps: int
    """How often anybody had deleted calls when they were read."""
    rows: list[tuple[Any, ...]]


def pack(rows: Sequence[tuple[Any, ...]]) -> Block:
    """Rows as `ROWS` reads them, as a block."""
    layout: list[tuple[str, int, int, int, bool]] = []
    parts: list[bytes] = []
    columns = tuple(zip(*rows, strict=True)) or ((),) * (len(COLUMNS) + 1)
    for name, values in zip(COLUMNS, columns[:-1], strict=True):
        width, low, high, gaps = _shape(values)
        layout.append((name, width, low, high, gaps))
        if width:
            parts.append(_packed(values, width, low, gaps))
    parts.append(b"".join(map(request_key, columns[-1])))
    return Block(len(rows), json.dumps(layout), b"".join(parts))


def _shape(values: Sequence[int | None]) -> tuple[int, int, int, bool]:
    known = [value for value in values if value is not None]
    gaps = len(known) < len(values)
    if not known:
        return 0, 0, 0, gaps
    low, high = min(known), max(known)
    if low == high and not gaps:
        return 0, low, high, False
    span = high - low + gaps
    return next((width for width in _CODES if span < 1 << 8 * width), 8), low, high, gaps


def _packed(values: Iterable[int | None], width: int, low: int, gaps: bool) -> bytes:
    least = low - 1 if gaps else low
    # A span of more than 64 bits (nonsense, but it can be recorded) goes round; readers see that by the layout.
    most = (1 << 8 * width) - 1
    made = array(_CODES[width], [0 if value is None else (value - least) & most for value in values])
    if sys.byteorder == "big":
        made.byteswap()
    packed = made.tobytes()
    return packed + bytes(-len(packed) % 8)


def request_key(request: str | bytes | None) -> bytes:
    """Sixteen bytes that tell a request: its hash, or (of one that has another length) a hash of that."""
    if not request:
        return NO_REQUEST
    if isinstance(request, bytes) and len(request) == len(NO_REQUEST) and request != NO_REQUEST:
        return request
    kind, packed = (b"t", request.encode()) if isinstance(request, str) else (b"b", request)
    return blake2b(packed, digest_size=len(NO_REQUEST), person=kind).digest()


def unsealed(connection: sqlite3.Connection) -> Fresh | None:
    """The rows of the latest full block that is not sealed, or None; all are read at one moment."""
    connection.execute("BEGIN")
    try:
        top: int = connection.execute("SELECT ifnull(max(id), 0) FROM facts").fetchone()[0]
        sealed = {row[0] for row in connection.execute("SELECT id FROM blocks")}
        number = next((number for number in range(top // SIZE - 1, -1, -1) if number not in sealed), None)
        if number is None:
            return None
        sweeps: int = connection.execute("SELECT count FROM sweeps").fetchone()[0]
        rows = connection.execute(ROWS, (number * SIZE, (number + 1) * SIZE)).fetchall()
    finally:
        connection.execute("ROLLBACK")
    return Fresh(number, sweeps, rows)


def keep(connection: sqlite3.Connection, fresh: Fresh, block: Block) -> None:
    """Write a block, unless calls were deleted since its rows were read.

    Raises:
        sqlite3.Error: it cannot be written now; the connection may be in a transaction.
    """
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("SELECT count FROM sweeps").fetchone()[0] == fresh.sweeps:
        connection.execute("INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?)", (fresh.number, *block))
    connection.execute("COMMIT")


def seal_file(path: Path) -> None:
    """Seal all full blocks of a ledger's file, as far as it can be written now.

    Args:
        path: absolute.
    """
    with suppress(sqlite3.Error, LedgerError), closing(open_file(path)) as connection:
        connection.execute("PRAGMA busy_timeout = 2000")
        while fresh := unsealed(connection):
            keep(connection, fresh, pack(fresh.rows))


def unseal(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """To be called in the transaction that deletes calls, after it has deleted them.

    Args:
        ids: of the calls.
    """
    numbers = {(row_id - 1) // SIZE for row_id in ids}
    connection.executemany("DELETE FROM blocks WHERE id = ?", [(number,) for number in numbers])
    # The next call takes the highest id that is left and one: what may be written to is no longer sealed.
    connection.execute("DELETE FROM blocks WHERE (id + 1) * ? > (SELECT ifnull(max(id), 0) FROM facts)", (SIZE,))
    connection.execute("UPDATE sweeps SET count = count + 1")
