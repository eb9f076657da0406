"""The calls of a report over time: what its charts draw."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile
from math import ceil
from typing import Any, NamedTuple, Protocol, cast

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_STEPS = (
    *(seconds * _SECOND for seconds in (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600)),
    *(days * _DAY for days in (1, 7, 28, 364)),
)
_MOST = 90
"""Buckets at most; bars of more would be too thin to point at on a telephone."""
_MONDAY = 4 * _DAY
"""Weeks begin on Mondays; 1970 began on a Thursday."""
_TOP = 7
OTHER = "(other)"

INPUT = ("system", "tools", "user_history", "assistant_history", "tool_results", "attached", "user")
OUTPUT = ("text", "reasoning", "tool_calls")
UNSPLIT = "unknown"
"""Tokens of calls that were counted as a whole only."""

_Values = tuple[int | None, ...]


class Connection(Protocol):
    """A read connection of a ledger, as ``sqlite3`` and DuckDB have it."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...


class Model(NamedTuple):
    """One model's calls over time, a value for each bucket."""

    name: str
    cost: _Values
    """Nano-dollars; ``None`` where there were calls and the cost of none is known."""
    calls: _Values
    tokens: _Values
    """Input and output; ``None`` where there were calls and the count of none is known."""


class Series(NamedTuple):
    """Calls in buckets of equal length; every tuple of values has one for each of ``buckets``.

    Example::

        spent = report.series.models[0].cost

    Times are microseconds: ``start`` since 1970, in UTC. Tokens are counts, money is nano-dollars. ``None`` is "not
    known"; 0 is none.
    """

    start: int
    step: int
    buckets: int
    calls: _Values
    errors: _Values
    unpriced: _Values
    """Calls whose cost is not known."""
    uncounted: _Values
    """Calls whose tokens nobody knows."""
    models: tuple[Model, ...]
    """The seven that cost most, then ``(other)``, if there are more."""
    input: Mapping[str, _Values]
    """Input tokens by part, the names of `INPUT`, then ``unknown``; parts that never occur are left out."""
    output: Mapping[str, _Values]
    cache_read: _Values
    cache_of: _Values
    """Input tokens of the calls that say how many of them were read from the cache."""
    repeated: _Values
    """Input tokens that were sent before in the same session, read from the cache or not."""
    repeated_of: _Values
    """Input tokens of the calls of which that is known."""
    duration: Mapping[str, _Values]
    """``p50``, ``p90``, ``p99`` by nearest rank, microseconds; ``None`` where no call was timed."""
    first_chunk: Mapping[str, _Values]
    """``p50`` and ``p90``, of streams."""
    durations: tuple[tuple[int, int, int], ...]
    """How durations are spread over the whole time: from, to (microseconds), calls."""
    confidence: Mapping[str, tuple[int, int]]
    """How far costs can be trusted, over the whole time: `Confidence` to calls and their cost."""


def series(connection: Connection, since: int | None = None) -> Series | None:
    """The calls of a ledger over time, or ``None`` if there are none.

    Example::

        series(connection, since=1_760_000_000_000_000)

    Args:
        connection: with a view ``calls``, whose columns are the fields of `tokeneff.ledger.CallRecord`.
        since: microseconds since 1970; earlier calls are left out.

    Buckets are the shortest of 1, 5, 15 minutes, 1, 3, 6, 12 hours, 1, 7, 28, 364 days of which at most 90 are needed.
    """
    since = -(1 << 62) if since is None else since
    first, last = connection.execute("SELECT min(time), max(time) FROM calls WHERE time >= ?", (since,)).fetchone()
    if first is None:
        return None
    axis = _axis(int(first), int(last))
    counted = _Counted(axis, connection.execute(_SUMS.format(start=axis.start, step=axis.step), (since,)))
    timed = _Timed(axis, connection.execute(_TIMES.format(start=axis.start, step=axis.step), (since,)))
    column = counted.column
    return Series(
        *axis,
        *(column(name) for name in ("calls", "errors", "unpriced", "uncounted")),
        models=counted.top(),
        input=_parts({**{name: column(f"in_{name}") for name in INPUT}, UNSPLIT: column("in_unsplit")}),
        output=_parts({**{name: column(f"out_{name}") for name in OUTPUT}, UNSPLIT: column("out_unsplit")}),
        **{name: column(name) for name in ("cache_read", "cache_of", "repeated", "repeated_of")},
        duration={f"p{share}": timed.duration(share) for share in (50, 90, 99)},
        first_chunk={f"p{share}": timed.first_chunk(share) for share in (50, 90)},
        durations=timed.spread(),
        confidence={name: (int(calls), int(cost)) for name, calls, cost in connection.execute(_TRUST, (since,))},
    )


class _Axis(NamedTuple):
    start: int
    step: int
    buckets: int


def _axis(first: int, last: int) -> _Axis:
    for step in _STEPS:
        offset = _MONDAY if step >= 7 * _DAY else 0
        start = first - (first - offset) % step
        buckets = (last - start) // step + 1
        if buckets <= _MOST:
            return _Axis(start, step, buckets)
    step = ceil((last - first + 1) / _MOST)  # clocks that were centuries apart
    return _Axis(first, step, (last - first) // step + 1)


_BUCKET = "time - (time - {start}) % {step}"  # no division: SQLite's is of integers, DuckDB's is not
_TOLD: dict[str, str] = {
    "calls": "count(*)",
    "priced": "count(cost)",
    "cost": "sum(cost)",
    "errors": "sum(CASE WHEN ending IN ('failed', 'refused') THEN 1 ELSE 0 END)",
    "uncounted": "sum(CASE WHEN input_tokens IS NULL AND output_tokens IS NULL THEN 1 ELSE 0 END)",
    "tokens": "sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))",
    **{f"in_{name}": f"sum(in_{name})" for name in INPUT},
    "in_unsplit": "sum(CASE WHEN in_user IS NULL THEN input_tokens END)",
    **{f"out_{name}": f"sum(out_{name})" for name in OUTPUT},
    "out_unsplit": "sum(CASE WHEN out_text IS NULL THEN output_tokens END)",
    "cache_read": "sum(CASE WHEN input_tokens IS NOT NULL THEN cache_read END)",
    "cache_of": "sum(CASE WHEN cache_read IS NOT NULL THEN input_tokens END)",
    "repeated": "sum(CASE WHEN input_tokens IS NOT NULL THEN prefix_repeated END)",
    "repeated_of": "sum(CASE WHEN prefix_repeated IS NOT NULL THEN input_tokens END)",
}
_MODEL = "coalesce(nullif(model, ''), nullif(request_model, ''), operation)"
_SUMS = f"SELECT {_BUCKET}, {_MODEL}, {', '.join(_TOLD.values())} FROM calls WHERE time >= ? GROUP BY 1, 2"
_TIMES = f"SELECT {_BUCKET}, duration, first_chunk FROM calls WHERE time >= ? AND duration IS NOT NULL"
_TRUST = """SELECT price_confidence, count(*), coalesce(sum(cost), 0) FROM calls WHERE time >= ?
    GROUP BY price_confidence ORDER BY price_confidence"""
_COUNTS = frozenset(("calls", "priced", "errors", "uncounted"))


class _Counted:
    """Sums by bucket and model."""

    def __init__(self, axis: _Axis, rows: Iterable[Sequence[Any]]) -> None:
        self._axis = axis
        self._models: dict[str, dict[str, list[int | None]]] = {}
        for bucket, model, *values in rows:
            index = (bucket - axis.start) // axis.step
            sums = self._models.setdefault(model, {name: [None] * axis.buckets for name in _TOLD})
            for name, value in zip(_TOLD, values, strict=True):
                sums[name][index] = None if value is None else int(value)

    def column(self, name: str, models: Iterable[str] | None = None) -> _Values:
        """Sums over models, all of them if not told which."""
        if name == "unpriced":
            pairs = zip(self.column("calls"), self.column("priced"), strict=True)
            return tuple((calls or 0) - (priced or 0) for calls, priced in pairs)
        found = [self._models[model][name] for model in (self._models if models is None else models)]
        added = tuple(_add(values) for values in zip(*found, strict=True))
        return tuple(value or 0 for value in added) if name in _COUNTS else added

    def top(self) -> tuple[Model, ...]:
        """The models that cost most, then the rest as one; those without a price by their calls."""
        names = sorted(self._models, key=self._rank)
        cut = len(names) if len(names) <= _TOP + 1 else _TOP
        rest = [self._model(OTHER, names[cut:])] if names[cut:] else []
        return (*(self._model(name, [name]) for name in names[:cut]), *rest)

    def _rank(self, model: str) -> tuple[int, int, str]:
        sums = self._models[model]
        return -(_add(sums["cost"]) or 0), -(_add(sums["calls"]) or 0), model

    def _model(self, name: str, models: Sequence[str]) -> Model:
        calls = self.column("calls", models)
        gaps = {
            kind: tuple(value if number else 0 for value, number in zip(self.column(kind, models), calls, strict=True))
            for kind in ("cost", "tokens", "uncounted")
        }
        tokens = (
            None if number and number == missing else value
            for number, missing, value in zip(calls, gaps["uncounted"], gaps["tokens"], strict=True)
        )
        return Model(name, gaps["cost"], calls, tuple(tokens))


class _Timed:
    """Durations by bucket, all of them kept: eight bytes a call, and exact percentiles on any engine."""

    def __init__(self, axis: _Axis, rows: Any) -> None:
        self._durations: list[array[int]] = [array("q") for _ in range(axis.buckets)]
        self._firsts: list[array[int]] = [array("q") for _ in range(axis.buckets)]
        while batch := cast("Sequence[tuple[int, int, int | None]]", rows.fetchmany(10_000)):
            for bucket, duration, first in batch:
                index = (bucket - axis.start) // axis.step
                self._durations[index].append(duration)
                if first is not None:
                    self._firsts[index].append(first)
        self._durations = [array("q", sorted(values)) for values in self._durations]
        self._firsts = [array("q", sorted(values)) for values in self._firsts]

    def duration(self, share: int) -> _Values:
        return tuple(_nearest(values, share) for values in self._durations)

    def first_chunk(self, share: int) -> _Values:
        return tuple(_nearest(values, share) for values in self._firsts)

    def spread(self) -> tuple[tuple[int, int, int], ...]:
        """Counts between 1, 1.5, 2, 3, 5, 7, 10, 15 … milliseconds; the gaps between are there, those outside not."""
        values = sorted(value for bucket in self._durations for value in bucket)
        if not values:
            return ()
        edges = [0, *takewhile(lambda edge: edge <= values[-1], _edges())]
        edges.append(next(edge for edge in _edges() if edge > values[-1]))
        counts = [0] * (len(edges) - 1)
        place = 0
        for value in values:
            while value >= edges[place + 1]:
                place += 1
            counts[place] += 1
        begin = next(index for index, number in enumerate(counts) if number)
        return tuple(zip(edges[begin:], edges[begin + 1 :], counts[begin:], strict=False))


def _edges() -> Iterator[int]:
    for power in count(3):
        yield from (int(step * 10**power) for step in (1, 1.5, 2, 3, 5, 7))


def _nearest(ordered: Sequence[int], share: int) -> int | None:
    return ordered[-(-share * len(ordered) // 100) - 1] if ordered else None


def _add(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _parts(columns: Mapping[str, _Values]) -> Mapping[str, _Values]:
    return {name: values for name, values in columns.items() if any(values)}
