"""A ledger's calls as arrays: sealed blocks as they are in the file, and other calls packed likewise."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tokeneff.ledger._blocks import ROWS, SIZE, Block, pack
from tokeneff.report._fast._evaluate import MOST, Array, TooLarge, Values

_TYPES = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}


class _Column(NamedTuple):
    width: int
    low: int
    high: int
    gaps: bool
    start: int


class Chunk:
    """The calls of a block."""

    def __init__(self, block: Block) -> None:
        self.calls = block.calls
        self._data = block.data
        self._columns: dict[str, _Column] = {}
        start = 0
        for name, width, low, high, gaps in json.loads(block.layout):
            if not -MOST < low <= high < MOST:
                raise TooLarge
            self._columns[name] = _Column(width, low, high, gaps, start)
            start += -(-self.calls * width // 8) * 8
        self._requests = start

    def column(self, name: str, rows: Array | None = None) -> Values:
        """The values of a column, of all calls or of those in some places."""
        width, low, high, gaps, start = self._columns[name]
        size = self.calls if rows is None else len(rows)
        if not width:
            return Values(np.full(size, low, np.int64), np.ones(size, bool) if gaps else None, low, high)
        raw = np.frombuffer(self._data, _TYPES[width], self.calls, start)
        if rows is not None:
            raw = raw[rows]
        values = raw.astype(np.int64)
        values += low - 1 if gaps else low
        return Values(values, raw == 0 if gaps else None, low, high)

    def requests(self, rows: Array | None) -> Array:
        """Two numbers for each call that tell its request; zeros where it has none."""
        found = np.frombuffer(self._data, "<i8", 2 * self.calls, self._requests).reshape(-1, 2)
        return found if rows is None else found[rows]

    def begins_before(self, moment: int) -> bool:
        """Whether any call began before."""
        return self._columns["time"].low < moment

    def ends_before(self, moment: int) -> bool:
        """Whether all calls began before."""
        return self._columns["time"].high < moment


def chunks(connection: sqlite3.Connection, upto: int) -> Iterator[Chunk]:
    """All calls up to a row, in order.

    Raises:
        TooLarge: there are numbers of more than 62 bits.
    """
    last = 0
    for number, *block in connection.execute("SELECT id, calls, layout, data FROM blocks ORDER BY id"):
        if (number + 1) * SIZE > upto:
            break
        yield from _unsealed(connection, last, number * SIZE)
        last = (number + 1) * SIZE
        if block[0]:
            yield Chunk(Block(*block))
    yield from _unsealed(connection, last, upto)


def _unsealed(connection: sqlite3.Connection, first: int, upto: int) -> Iterator[Chunk]:
    while first < upto:
        end = min(first + SIZE, upto)
        rows: list[Any] = connection.execute(ROWS, (first, end)).fetchall()
        if rows:
            yield Chunk(pack(rows))
        first = end
