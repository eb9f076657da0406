"""The ledger as a report reads it: cubes, and what the ids in them stand for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tokeneff.report._cubes import DAY, Cube
from tokeneff.report._kept import Kept, kept

_AT_ONCE = 500

KIND_NAMES = (
    "operation",
    "sdk",
    "provider",
    "endpoint",
    "request_model",
    "model",
    "service_tier",
    "stream",
    "ending",
    "error",
    "status",
    "finish",
    "usage_source",
    "price_source",
    "price_confidence",
)


class Kind(NamedTuple):
    """What many calls have in common: a row of ``kinds``."""

    operation: str
    sdk: str
    provider: str
    endpoint: str
    request_model: str
    model: str
    service_tier: str
    stream: int
    ending: str
    error: str
    status: int | None
    finish: str
    usage_source: str
    price_source: str
    price_confidence: str

    @property
    def name(self) -> str:
        """The model that answered, else the one asked for, else the operation."""
        return self.model or self.request_model or self.operation


class Reading:
    """One report's view of a ledger.

    Args:
        connection: to a ledger's tables. since: calls that began earlier are left out, microseconds since 1970.
    """

    def __init__(self, connection: sqlite3.Connection, since: int | None = None) -> None:
        self.connection = connection
        self.since = since
        self._kept: Kept | None = kept(connection)

    @property
    def condition(self) -> str:
        """SQL for the calls of the period, of ``facts AS f``."""
        return "1" if self.since is None else f"f.time >= {self.since}"

    def cells(
        self,
        cube: Cube,
        keys: Sequence[str],
        columns: Sequence[str] = (),
        only: tuple[str, Sequence[int]] | None = None,
    ) -> Iterator[Any]:
        """Rows of a cube: the keys, then the columns (all, if none is named); what is not known is 0.

        Args:
            only: a key, and the values of it that are wanted.
        """
        for row in self.connection.execute(self.statement(cube, keys, columns, only)):
            yield tuple(value or 0 for value in row)

    def statement(
        self,
        cube: Cube,
        keys: Sequence[str],
        columns: Sequence[str] = (),
        only: tuple[str, Sequence[int]] | None = None,
    ) -> str:
        """The SQL of `cells`; a column of which nothing is known is null there."""
        columns = columns or (*cube.sums, *cube.peaks)
        if self._kept is None:
            return cube.sql(keys, columns, _and(self.condition, _in(cube.keys, only)))
        sources = " UNION ALL ".join(self._sources(cube, keys, columns, only))
        return _grouped(cube, keys, columns, f"({sources})", "1")

    def _sources(
        self, cube: Cube, keys: Sequence[str], columns: Sequence[str], only: tuple[str, Sequence[int]] | None
    ) -> Iterator[str]:
        assert self._kept is not None
        upto, table = self._kept.upto, self._kept.table(cube)
        whole, rest = "1", f"f.id > {upto}"
        if self.since is not None:
            day = -(-self.since // DAY)  # the first that is wholly in the period
            whole = f"day >= {day}"
            rest = f"{rest} AND +f.time >= {self.since}"  # plus: not by the index of times
            if day * DAY != self.since:
                part = f"f.time >= {self.since} AND f.time < {day * DAY} AND +f.id <= {upto}"
                yield cube.sql(keys, columns, _and(part, _in(cube.keys, only)))
        named = {key: key for key in cube.keys}
        yield _grouped(cube, keys, columns, table, _and(whole, _in(named, only)))
        yield cube.sql(keys, columns, _and(rest, _in(cube.keys, only)))

    @cached_property
    def kinds(self) -> dict[int, Kind]:
        """All kinds of calls by id."""
        rows = self.connection.execute(f"SELECT id, {', '.join(KIND_NAMES)} FROM kinds")
        return {row[0]: Kind(*row[1:]) for row in rows}

    def texts(self, ids: Sequence[int], table: str = "texts", column: str = "text") -> dict[int, str]:
        """Shared texts by id; those that are not there are left out."""
        found: dict[int, str] = {}
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), _AT_ONCE):
            places = ", ".join(map(str, wanted[start : start + _AT_ONCE]))
            found.update(self.connection.execute(f"SELECT id, {column} FROM {table} WHERE id IN ({places})"))
        return found

    def toolset(self, toolset_id: int) -> tuple[str, list[tuple[str, int]]]:
        """The digest of a set of tools, and the tools: name, tokens by our own count."""
        sql = "SELECT toolset, tools FROM toolsets WHERE id = ?"
        digest, tools = self.connection.execute(sql, (toolset_id,)).fetchone() or ("", "[]")
        return digest or tools, [(str(name), int(tokens)) for name, tokens in json.loads(tools)]

    @cached_property
    def tag_names(self) -> tuple[str, ...]:
        """The names of all tags, in order."""
        return tuple(name for (name,) in self.connection.execute("SELECT DISTINCT name FROM tags ORDER BY name"))

    def tag_values(self, name: str) -> dict[int, str]:
        """A tag's value by tagset."""
        return dict(self.connection.execute("SELECT tagset_id, value FROM tags WHERE name = ?", (name,)))

    def call(self, row_id: int) -> tuple[str, str]:
        """The call id and the session of a row of ``facts``."""
        sql = """SELECT d.call_id, ifnull(t.text, '') FROM facts AS f JOIN details AS d ON d.id = f.id
            LEFT JOIN texts AS t ON t.id = f.session_id WHERE f.id = ?"""
        row = self.connection.execute(sql, (row_id,)).fetchone()
        return (text_of(row[0]), row[1]) if row else ("", "")


def _grouped(cube: Cube, keys: Sequence[str], columns: Sequence[str], source: str, condition: str) -> str:
    names = [*keys, *(f"{'sum' if name in cube.sums else 'max'}({name}) AS {name}" for name in columns)]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join(names)} FROM {source} WHERE {condition}{group}"


def _in(keys: Mapping[str, str], only: tuple[str, Sequence[int]] | None) -> str:
    return "" if only is None else f"{keys[only[0]]} IN ({', '.join(map(str, only[1]))})"


def _and(one: str, other: str) -> str:
    return f"{one} AND {other}" if other else one


def text_of(packed: str | bytes) -> str:
    """A hash or id as text: in the file, hexadecimal ones are bytes."""
    return packed.hex() if isinstance(packed, bytes) else packed
