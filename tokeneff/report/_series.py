"""The calls of a report over time: what its charts draw."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from math import ceil
from sqlite3 import Connection
from typing import Any, NamedTuple

from tokeneff.report._cubes import CALLS, DAY, DURATIONS, FIRSTS, INPUT_PARTS, OUTPUT_PARTS, TIMES, Cube
from tokeneff.report._reading import Kind, Reading
from tokeneff.report._sums import FAILED

_SECOND = 1_000_000
_STEPS = (
    *(seconds * _SECOND for seconds in (60, 300, 900, 3600, 3 * 3600)),
    *(days * DAY for days in (1, 7, 28, 364)),
)
_MOST = 90
"""Buckets at most; bars of more would be too thin to point at on a telephone."""
_MONDAY = 4 * DAY
"""Weeks begin on Mondays; 1970 began on a Thursday."""
_FIRST = -(1 << 63)
_TOP = 7
OTHER = "(other)"
UNSPLIT = "unknown"
"""Tokens of calls that were counted as a whole only."""

_Values = tuple[int | None, ...]


class Model(NamedTuple):
    """One model's calls over time, a value for each bucket."""

    name: str
    cost: _Values
    """Nano-dollars; ``None`` where there were calls and the cost of none is known."""
    calls: _Values
    tokens: _Values
    """Input and output; ``None`` where there were calls and nobody knows the tokens of any."""


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
    """Input tokens by part, as in `InputParts`, then ``unknown``; parts that never occur are left out."""
    output: Mapping[str, _Values]
    input_tokens: _Values
    cache_read: _Values
    """Of ``input_tokens``."""
    lost: _Values
    """Tokens that an earlier request had sent and that were not read from the cache."""
    duration: Mapping[str, _Values]
    """``p50``, ``p90``, ``p99``, microseconds, within 2.5 % (or half a millisecond); ``None``: no call was timed."""
    first_chunk: Mapping[str, _Values]
    """``p50`` and ``p90``, of streams."""
    durations: tuple[tuple[int, int, int], ...]
    """How durations are spread over the whole time: from, to (microseconds), calls; edges are sharp within 2.5 %."""
    confidence: Mapping[str, tuple[int, int]]
    """How far costs can be trusted, over the whole time: `Confidence` to calls and their cost."""


def series(source: Connection | Reading, since: int | None = None) -> Series | None:
    """The calls of a ledger over time, or ``None`` if there are none.

    Example::

        series(connection, since=1_760_000_000_000_000)

    Args:
        source: a connection to a ledger, or a report's own view of it. since: microseconds since 1970; earlier calls
            are left out.

    Buckets are the shortest of 1, 5, 15 minutes, 1, 3 hours, 1, 7, 28, 364 days of which at most 90 are needed.
    """
    reading = source if isinstance(source, Reading) else Reading(source, since)
    # One value each: an index answers that, where both together would read every row.
    ends = f"SELECT (SELECT {{}}(time) FROM facts AS f WHERE {reading.condition})"
    first, last = (reading.connection.execute(ends.format(end)).fetchone()[0] for end in ("min", "max"))
    if first is None:
        return None
    axis = _axis(first, last)
    counted = _Counted(axis, reading)
    column = counted.column
    durations, firsts = _Timed(axis, reading, TIMES), _Timed(axis, reading, FIRSTS)
    return Series(
        *axis,
        *(column(name) for name in ("calls", "errors", "unpriced", "uncounted")),
        models=counted.top(),
        input=_parts({name: column(f"in_{name}") for name in (*INPUT_PARTS, UNSPLIT)}),
        output=_parts({name: column(f"out_{name}") for name in (*OUTPUT_PARTS, UNSPLIT)}),
        **{name: column(name) for name in ("input_tokens", "cache_read", "lost")},
        duration={f"p{share}": durations.percentile(share) for share in (50, 90, 99)},
        first_chunk={f"p{share}": firsts.percentile(share) for share in (50, 90)},
        durations=durations.spread(),
        confidence=counted.confidence,
    )


class _Axis(NamedTuple):
    start: int
    step: int
    buckets: int

    def cells(self, reading: Reading, cube: Cube, key: str, columns: Sequence[str]) -> Iterator[Any]:
        """Rows of a cube: the bucket of time, another key, columns; several for a bucket that is of several days."""
        if self.step % DAY:
            cube = cube._replace(keys={**cube.keys, "day": f"(f.time - {self.start}) / {self.step}"})
            yield from reading.cells(cube, ("day", key), columns)
            return
        for day, *rest in reading.cells(cube, ("day", key), columns):
            yield (day * DAY - self.start) // self.step, *rest


def _axis(first: int, last: int) -> _Axis:
    for step in _STEPS:
        offset = _MONDAY if step >= 7 * DAY else 0
        start = first - (first - offset) % step
        if step < DAY:
            start = max(start, _FIRST)  # SQLite subtracts it from times, in 64 bits
        buckets = (last - start) // step + 1
        if buckets <= _MOST:
            return _Axis(start, step, buckets)
    start = first - first % DAY  # clocks that were centuries apart
    step = ceil((last - start + 1) / _MOST / DAY) * DAY
    return _Axis(start, step, (last - start) // step + 1)


_SUMMED = (
    *("calls", "unpriced", "cost", "input_tokens", "output_tokens", "cache_read", "lost"),
    *(f"in_{name}" for name in (*INPUT_PARTS, UNSPLIT)),
    *(f"out_{name}" for name in (*OUTPUT_PARTS, UNSPLIT)),
)
_COLUMNS = (*_SUMMED, "errors", "uncounted")


class _Counted:
    """Sums by bucket and model."""

    def __init__(self, axis: _Axis, reading: Reading) -> None:
        self._axis = axis
        self._models: dict[str, dict[str, list[int]]] = {}
        self.confidence: dict[str, tuple[int, int]] = {}
        for bucket, kind_id, *values in axis.cells(reading, CALLS, "kind_id", _SUMMED):
            self._add(bucket, reading.kinds[kind_id], dict(zip(_SUMMED, values, strict=True)))

    def _add(self, bucket: int, kind: Kind, values: dict[str, int]) -> None:
        calls = values["calls"]
        values["errors"] = calls if kind.ending in FAILED else 0
        values["uncounted"] = calls if kind.usage_source not in ("provider", "estimated") else 0
        sums = self._models.setdefault(kind.name, {name: [0] * self._axis.buckets for name in _COLUMNS})
        for name, value in values.items():
            sums[name][bucket] += value
        known = self.confidence.get(kind.price_confidence, (0, 0))
        self.confidence[kind.price_confidence] = (known[0] + calls, known[1] + values["cost"])

    def column(self, name: str, models: Iterable[str] | None = None) -> tuple[int, ...]:
        """Sums over models, all of them if not told which."""
        found = [self._models[model][name] for model in (self._models if models is None else models)]
        return tuple(sum(values) for values in zip(*found, strict=True))

    def top(self) -> tuple[Model, ...]:
        """The models that cost most, then the rest as one; those without a price by their calls."""
        names = sorted(self._models, key=self._rank)
        cut = len(names) if len(names) <= _TOP + 1 else _TOP
        rest = [self._model(OTHER, names[cut:])] if names[cut:] else []
        return (*(self._model(name, [name]) for name in names[:cut]), *rest)

    def _rank(self, model: str) -> tuple[int, int, str]:
        sums = self._models[model]
        return -sum(sums["cost"]), -sum(sums["calls"]), model

    def _model(self, name: str, models: Sequence[str]) -> Model:
        calls = self.column("calls", models)

        def known(values: Iterable[int], without: str) -> _Values:
            gaps = zip(values, calls, self.column(without, models), strict=True)
            return tuple(None if number and number == missing else value for value, number, missing in gaps)

        sides = zip(self.column("input_tokens", models), self.column("output_tokens", models), strict=True)
        tokens = known((sent + written for sent, written in sides), "uncounted")
        return Model(name, known(self.column("cost", models), "unpriced"), calls, tokens)


class _Timed:
    """Durations by bucket of time and class of length."""

    def __init__(self, axis: _Axis, reading: Reading, cube: Cube) -> None:
        self._groups: list[dict[int, tuple[int, int]]] = [{} for _ in range(axis.buckets)]
        cells: Iterator[tuple[int, int, int, int]] = axis.cells(reading, cube, "bucket", ("calls", "longest"))
        for bucket, length, calls, longest in cells:
            known = self._groups[bucket].get(length, (0, 0))
            self._groups[bucket][length] = (known[0] + calls, max(known[1], longest))

    def percentile(self, share: int) -> _Values:
        return tuple(_at(group, share) for group in self._groups)

    def spread(self) -> tuple[tuple[int, int, int], ...]:
        """Calls between 1, 1.5, 2, 3, 5, 7, 10, 15 … milliseconds; classes between are there if empty, others not."""
        counts: dict[int, int] = {}
        for group in self._groups:
            for length, (calls, longest) in group.items():
                place = bisect_right(_EDGES, _middle(length, longest)) - 1
                counts[place] = counts.get(place, 0) + calls
        if not counts:
            return ()
        return tuple((_EDGES[at], _EDGES[at + 1], counts.get(at, 0)) for at in range(min(counts), max(counts) + 1))


def _edges() -> Iterator[int]:
    yield 0
    for power in count(3):
        yield from (int(step * 10**power) for step in (1, 1.5, 2, 3, 5, 7))


_EDGES = tuple(edge for edge, _ in zip(_edges(), range(100), strict=False))


def _middle(length: int, longest: int) -> int:
    """The middle of a class of lengths, of which the longest is known."""
    return min((DURATIONS[length] + DURATIONS[length + 1]) // 2, longest) if length + 1 < len(DURATIONS) else longest


def _at(group: Mapping[int, tuple[int, int]], share: int) -> int | None:
    rank = -(-share * sum(calls for calls, _ in group.values()) // 100)
    for length, (calls, longest) in sorted(group.items()):
        rank -= calls
        if rank <= 0:
            return _middle(length, longest)
    return None


def _parts(columns: Mapping[str, _Values]) -> Mapping[str, _Values]:
    return {name: values for name, values in columns.items() if any(values)}
