"""Sums over very many calls by numpy, from the ledger's sealed blocks: the same as SQLite's, to the last integer.

Needs the extra ``tokeneff[fast]``; without it, and for numbers that no provider would tell (beyond 62 bits), SQLite
sums up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from tokeneff.report._cubes import REPEATED_TOKENS, Cube, Ladder
from tokeneff.report._fast._calls import Chunk, chunks
from tokeneff.report._fast._evaluate import MOST, Array, Scope, TooLarge
from tokeneff.report._fast._groups import NEVER, Groups, of_requests
from tokeneff.report._fast._parse import Node, Parser

__all__ = ["Calls", "TooLarge"]


class Calls:
    """All calls of a period.

    Args:
        connection: to a ledger. since: calls that began earlier are left out. upto: so are rows after this one.

    Raises:
        TooLarge: this is a case for SQLite.
    """

    def __init__(self, connection: sqlite3.Connection, since: int | None, upto: int) -> None:
        self._parser = Parser()
        self._since = since
        begun = not connection.in_transaction
        if begun:
            connection.execute("BEGIN")  # blocks and rows of one moment
        try:
            found = list(chunks(connection, upto))
        finally:
            if begun:
                connection.execute("ROLLBACK")
        self._chunks = [chunk for chunk in found if since is None or not chunk.ends_before(since)]
        self._size = sum(chunk.calls for chunk in self._chunks)

    def cells(
        self, cube: Cube, keys: Sequence[str], columns: Sequence[str], only: tuple[str, Sequence[int]] | None
    ) -> list[tuple[int, ...]]:
        """Rows of a cube, as of `Reading.cells`.

        Raises:
            TooLarge: this is a case for SQLite.
        """
        parse = self._parser.parse
        sums = [parse(cube.sums[name]) for name in columns if name in cube.sums]
        peaks = [parse(cube.peaks[name]) for name in columns if name in cube.peaks]
        groups = Groups(len(keys), len(sums))
        for chunk in self._chunks:
            scope = self._scope(chunk, cube, only)
            if scope is None:
                continue
            groups.add(
                [self._key(scope, cube.keys[key]) for key in keys],
                [*(self._summed(scope, node) for node in sums), *(scope.array(node, NEVER) for node in peaks)],
            )
        return groups.rows() or ([] if keys else [(0,) * len(columns)])

    def _scope(self, chunk: Chunk, cube: Cube, only: tuple[str, Sequence[int]] | None) -> Scope | None:
        """Those calls of a chunk that are wanted, if there are any."""
        conditions: list[Node] = []
        if self._since is not None and chunk.begins_before(self._since):
            conditions.append(self._parser.parse(f"f.time >= {self._since}"))
        if cube.where:
            conditions.append(self._parser.parse(cube.where))
        if only is not None:
            conditions.append(self._parser.node("in", self._parser.parse(cube.keys[only[0]]), tuple(only[1])))
        return _narrowed(chunk, conditions)

    def _key(self, scope: Scope, sql: str) -> Array:
        if isinstance(sql, Ladder):
            found = np.searchsorted(_edges(sql.edges), scope.array(self._parser.parse(sql.value), 0), side="right") - 1
            return np.maximum(found, 0)
        return scope.array(self._parser.parse(sql), 0)

    def _summed(self, scope: Scope, node: Node) -> Array:
        """Numbers, checked not to exceed 64 bits if all calls had such."""
        low, high = scope.values(node)[2:]
        found = scope.array(node, 0)
        if max(abs(low), abs(high)) * self._size > MOST:  # what they could be; rarely what they are
            most = max(abs(int(found.min())), abs(int(found.max())))
            if most * self._size > MOST:
                raise TooLarge
        return found

    def slowest(self, most: int) -> list[int]:
        """The rows of the calls that took longest; of equals the earliest."""
        found: list[tuple[int, int]] = []
        cube = Cube("slowest", {}, {}, {}, "f.duration IS NOT NULL")
        for chunk in self._chunks:
            scope = self._scope(chunk, cube, None)
            if scope is not None:
                lengths = scope.array(self._parser.parse("-f.duration"), 0)
                ids = scope.array(self._parser.parse("f.id"), 0)
                if len(found) == most:  # equals come later than those that are there
                    ids, lengths = ids[lengths < found[-1][0]], lengths[lengths < found[-1][0]]
                best = np.lexsort((ids, lengths))[:most]
                found = sorted([*found, *zip(lengths[best].tolist(), ids[best].tolist(), strict=True)])[:most]
        return [row_id for _, row_id in found]

    def repeated(self, kinds: Sequence[int]) -> tuple[int, ...] | None:
        """Requests that were made more than once, as :mod:`~tokeneff.report._advice.identical` has them.

        Args:
            kinds: of the calls that count.
        """
        cube = Cube("repeated", {}, {}, {}, f"f.kind_id IN ({', '.join(map(str, kinds))})")
        cost, tokens, row = map(self._parser.parse, ("f.cost", REPEATED_TOKENS, "f.id"))
        parts: list[tuple[Array, ...]] = []
        for chunk in self._chunks:
            scope = self._scope(chunk, cube, None)
            if scope is not None:
                columns = self._summed(scope, cost), scope.array(cost, NEVER), self._summed(scope, tokens)
                parts.append((*chunk.requests(scope.rows).T, *columns, scope.array(row, 0)))
        return of_requests(parts)


@lru_cache(maxsize=8)
def _edges(edges: tuple[int, ...]) -> Array:
    return np.array(edges, np.int64)


def _narrowed(chunk: Chunk, conditions: Sequence[Node]) -> Scope | None:
    """The calls of a chunk that meet all conditions, if there are any."""
    scope = Scope(chunk.column, chunk.calls)
    held: Array | None = None
    for condition in conditions:
        held = scope.true(condition) if held is None else held & scope.true(condition)
    if held is None or held.all():
        return scope
    rows = np.flatnonzero(held)
    return Scope(partial(chunk.column, rows=rows), len(rows), rows) if len(rows) else None
