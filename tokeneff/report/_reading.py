"""The ledger as a report reads it: cubes, and what the ids in them stand for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tokeneff.report._cubes import REPEATED_TOKENS, UNSORTED, Cube

if TYPE_CHECKING:
    from tokeneff.report._fast import Calls

T = TypeVar("T")

FEWEST = 20_000
"""Calls, below which SQLite has summed up before numpy is there."""
_AT_ONCE = 500
_LARGE = ("calls", "sessions")
"""Cubes of so many columns that only those are summed up which are asked for."""
_MOST_KNOWN = 50_000


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
        upto: rows written after this one are left out; those written from now on unless told. So all sums are of the
            same calls, though others go on writing and nothing is locked.
    """

    def __init__(self, connection: sqlite3.Connection, since: int | None = None, upto: int | None = None) -> None:
        self.connection = connection
        self.since = since
        self.upto: int = (
            connection.execute("SELECT ifnull(max(id), 0) FROM facts").fetchone()[0] if upto is None else upto
        )
        self._known: dict[str, list[tuple[int, ...]]] = {}

    @property
    def condition(self) -> str:
        """SQL for the calls of the period, of ``facts AS f``."""
        until = f"f.id <= {self.upto}"
        return until if self.since is None else f"f.time >= {self.since} AND +{until}"  # plus: by the index of times

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
        columns = columns or (*cube.sums, *cube.peaks)
        if tuple(keys) in ((), ("kind_id",)) and only is None and not UNSORTED.issuperset(columns):
            return self._by_kind(cube, keys, columns)
        # All of a small cube's columns at once: others will ask for the rest of them.
        every = columns if cube.name in _LARGE else (*cube.sums, *cube.peaks)
        places = [*range(len(keys)), *(len(keys) + every.index(name) for name in columns)]
        rows = self._read(cube, keys, every, only)
        return iter(rows) if every == columns else (tuple([row[place] for place in places]) for row in rows)

    def _by_kind(self, cube: Cube, keys: Sequence[str], columns: Sequence[str]) -> Iterator[Any]:
        """From one pass over all calls, which everything that asks for sums by kind shares."""
        every = tuple(name for name in (*cube.sums, *cube.peaks) if name not in UNSORTED)
        rows = self._read(cube, ("kind_id",), every)
        places = [every.index(name) + 1 for name in columns]
        if keys:
            return ((row[0], *(row[place] for place in places)) for row in rows)
        how = (sum if name in cube.sums else max for name in columns)
        whole = (merged(row[place] for row in rows) for merged, place in zip(how, places, strict=True))
        return iter([tuple(whole)] if rows else [])

    def _read(
        self, cube: Cube, keys: Sequence[str], columns: Sequence[str], only: tuple[str, Sequence[int]] | None = None
    ) -> list[tuple[int, ...]]:
        """All rows; a short answer is remembered, since several findings ask the same."""
        condition = self.condition
        if only is not None:
            condition = f"{condition} AND {cube.keys[only[0]]} IN ({', '.join(map(str, only[1]))})"
        sql = cube.sql(keys, columns, condition)
        known = self._known.get(sql)
        if known is None:
            known = self._fast(lambda calls: calls.cells(cube, keys, columns, only))
            if known is None:
                known = [tuple(value or 0 for value in row) for row in self.connection.execute(sql)]
            if len(known) <= _MOST_KNOWN:
                self._known[sql] = known
        return known

    def _fast(self, work: Callable[[Calls], T]) -> T | None:
        """What numpy makes of the calls; None where it is for SQLite to do."""
        calls = self.calls
        if calls is None:
            return None
        from tokeneff.report._fast import TooLarge

        try:
            return work(calls)
        except TooLarge:
            self.calls = None
            return None

    @cached_property
    def calls(self) -> Calls | None:
        """All calls as arrays, where there are many, and numpy is installed."""
        if self.upto < FEWEST:
            return None
        try:
            from tokeneff.report._fast import Calls, TooLarge
        except ImportError:
            return None
        try:
            return Calls(self.connection, self.since, self.upto)
        except TooLarge:
            return None

    def slowest(self, most: int) -> list[int]:
        """The rows of the calls that took longest, of equals the earliest row; longest first."""
        found = self._fast(lambda calls: calls.slowest(most))
        if found is None:
            sql = f"""SELECT f.id FROM facts AS f WHERE {self.condition} AND f.duration IS NOT NULL
                ORDER BY f.duration DESC, f.id LIMIT {most}"""
            found = [row_id for (row_id,) in self.connection.execute(sql)]
        return found

    def repeated(self, kinds: Sequence[int]) -> tuple[int, ...] | None:
        """Of requests made more than once, at a cost: how many, their calls, cost, what all but the dearest call of
        each cost, their tokens but for the most of one call, and the last call of the request where that is most.

        Args:
            kinds: of the calls that count.
        """
        if self.calls is not None:
            found = self._fast(lambda calls: (calls.repeated(kinds),))
            if found is not None:
                return found[0]
        answered = f"{self.condition} AND f.request_hash <> '' AND f.kind_id IN ({', '.join(map(str, kinds))})"
        # In two passes: the first one sorts nothing but hashes.
        sql = f"""SELECT count(*) OVER (), sum(calls) OVER (), sum(cost) OVER (), sum(saves) OVER (),
                sum(tokens) OVER (), id
            FROM (SELECT count(*) AS calls, sum(f.cost) AS cost, sum(f.cost) - max(f.cost) AS saves, max(f.id) AS id,
                sum({REPEATED_TOKENS}) - max({REPEATED_TOKENS}) AS tokens
            FROM facts AS f WHERE {answered} AND f.request_hash IN (SELECT f.request_hash FROM facts AS f
                WHERE {answered} GROUP BY f.request_hash HAVING count(*) > 1)
            GROUP BY f.request_hash) WHERE saves > 0 ORDER BY saves DESC, id DESC LIMIT 1"""
        return self.connection.execute(sql).fetchone()

    @cached_property
    def kinds(self) -> dict[int, Kind]:
        """All kinds of calls by id."""
        rows = self.connection.execute(f"SELECT id, {', '.join(Kind._fields)} FROM kinds")
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
    def any_calls(self) -> bool:
        """Whether the ledger has any, of whatever time."""
        return self.connection.execute("SELECT 1 FROM facts LIMIT 1").fetchone() is not None

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


def seal(connection: sqlite3.Connection, url: str) -> None:
    """Seal what no writer has sealed, as far as the file can be written now; only if a report will read it.

    Args:
        connection: to the ledger that the URL names.
    """
    from tokeneff.ledger._blocks import SIZE, seal_file
    from tokeneff.ledger._url import file_of

    rows: int = connection.execute("SELECT ifnull(max(id), 0) FROM facts").fetchone()[0]
    sealed: int = connection.execute("SELECT count(*) FROM blocks").fetchone()[0]
    path = file_of(url)
    if path is not None and rows >= FEWEST and sealed < rows // SIZE and find_spec("numpy") is not None:
        seal_file(path)


def text_of(packed: str | bytes) -> str:
    """A hash or id as text: in the file, hexadecimal ones are bytes."""
    return packed.hex() if isinstance(packed, bytes) else packed
