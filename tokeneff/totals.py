"""Running totals of a wrapped client, kept in bounded memory, with no backend needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any

from tokeneff._flow import UNKNOWN, Call, Outcome

_MOST_GROUPS = 500
"""Models, and tag values, that are told apart; what comes after is counted as ``(other)``."""
OTHER = "(other)"

_GROWTH = 1.05
_LOG_GROWTH = math.log(_GROWTH)
_SMALLEST = 1e-4


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls took: their count, and in seconds the mean, percentiles and maximum.

    Example::

        tokeneff.usage(client).total.latency.p99

    Percentiles are read from buckets 5 % wide, so each is within 2.5 % of the true one.
    """

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Total:
    """What a group of calls has used: all of them, those of a model, or those under one value of a tag.

    Example::

        usage = tokeneff.usage(client)
        usage.total.calls, usage.models["gpt-4.1-mini"].cache_read, usage.tags["feature"]["search"].output_tokens

    Token counts are sums, in tokens; ``cache_read``, ``cache_write`` and ``reasoning`` are contained in the totals.
    """

    calls: int = 0
    errors: int = 0
    cut: int = 0
    """Calls that did not end by themselves: broken off, dropped or cancelled."""
    retries: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    estimated: int = 0
    """Calls among them whose token counts are, at least in part, our estimate."""
    unknown: int = 0
    """Calls of a model whose token counts nobody knows."""
    latency: Latency = Latency()
    """From the call to its end, retries included."""
    first_chunk: Latency = Latency()
    """From the call to the first chunk, of streams."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a wrapped client has used so far; ``print`` it for a table.

    >>> print(tokeneff.usage(client))  # doctest: +SKIP
    model         calls  errors  input  cached  output  reasoning  p50 s  p99 s
    gpt-4.1-mini      3       0    210       0      54          0   0.41   0.62
    total             3       0    210       0      54          0   0.41   0.62
    """

    total: Total = Total()
    models: Mapping[str, Total] = field(default_factory=lambda: MappingProxyType({}))
    """By the model that answered, else the one that was asked for, else the operation."""
    tags: Mapping[str, Mapping[str, Total]] = field(default_factory=lambda: MappingProxyType({}))
    """By tag name, then by tag value."""

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _table("model", {**self.models, "total": self.total})
        for name, values in self.tags.items():
            yield ""
            yield from _table(name, values)
        if self.total.estimated or self.total.unknown:
            yield ""
            yield (
                f"calls whose tokens are estimated (~): {self.total.estimated}, unknown: {self.total.unknown}; "
                "the rest are the provider's counts"
            )


_COLUMNS = ("calls", "errors", "input", "cached", "output", "reasoning", "p50 s", "p99 s")


def _table(title: str, rows: Mapping[str, Total]) -> Iterator[str]:
    cells = [[title, *_COLUMNS]]
    cells += [[_short(name), *_cells(total)] for name, total in rows.items()]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        first = row[0].ljust(widths[0])
        yield "  ".join([first, *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))])


def _cells(total: Total) -> list[str]:
    mark = "~" if total.estimated else ""
    return [
        f"{total.calls:,}",
        f"{total.errors:,}",
        f"{mark}{total.input_tokens:,}",
        f"{total.cache_read:,}",
        f"{mark}{total.output_tokens:,}",
        f"{total.reasoning:,}",
        f"{total.latency.p50:.2f}",
        f"{total.latency.p99:.2f}",
    ]


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"


class _Histogram:
    """Durations in buckets that grow by 5 %: at most a few hundred integers, whatever comes."""

    __slots__ = ("buckets", "count", "max", "sum")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.sum = 0.0
        self.max = 0.0

    def add(self, seconds: float) -> None:
        index = int(math.log(seconds / _SMALLEST) / _LOG_GROWTH) if seconds > _SMALLEST else 0
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.sum += seconds
        if seconds > self.max:
            self.max = seconds

    def merge(self, other: _Histogram) -> None:
        for index, number in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + number
        self.count += other.count
        self.sum += other.sum
        self.max = max(self.max, other.max)

    def frozen(self) -> Latency:
        if not self.count:
            return Latency()
        ordered = sorted(self.buckets.items())
        p50, p90, p99 = (self._at(ordered, share) for share in (0.5, 0.9, 0.99))
        return Latency(self.count, self.sum / self.count, p50, p90, p99, self.max)

    def _at(self, ordered: list[tuple[int, int]], share: float) -> float:
        left = math.ceil(share * self.count)
        for index, number in ordered:
            left -= number
            if left <= 0:
                return min(_SMALLEST * _GROWTH ** (index + 0.5), self.max)
        return self.max


_FIELDS = (
    "calls",
    "errors",
    "cut",
    "retries",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "reasoning",
    "estimated",
    "unknown",
)


def _row(model: bool, outcome: Outcome) -> tuple[int, ...]:
    """What one call adds to each of ``_FIELDS``."""
    ending, tokens = outcome.ending, outcome.tokens
    source = tokens.source if model else "provider"
    known = model and tokens is not UNKNOWN
    return (
        1,
        ending == "failed" or ending == "refused",
        ending != "read" and ending != "failed" and ending != "refused",
        len(outcome.attempts),
        (tokens.input_tokens or 0) if known else 0,
        (tokens.output_tokens or 0) if known else 0,
        (tokens.cache_read or 0) if known else 0,
        (tokens.cache_write or 0) if known else 0,
        (tokens.reasoning or 0) if known else 0,
        source == "estimated",
        source == "unknown",
    )


class _Group:
    """A Total in the making."""

    __slots__ = ("counts", "first", "latency")

    def __init__(self) -> None:
        self.counts: list[int] = [0] * len(_FIELDS)
        self.latency = _Histogram()
        self.first = _Histogram()

    def add(self, row: tuple[int, ...], outcome: Outcome) -> None:
        counts = self.counts
        for index, value in enumerate(row):
            if value:
                counts[index] += value
        self.latency.add(outcome.ended - outcome.started)
        if outcome.first_chunk is not None:
            self.first.add(outcome.first_chunk - outcome.started)

    def merge(self, other: _Group) -> None:
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.latency.merge(other.latency)
        self.first.merge(other.first)

    def frozen(self) -> Total:
        counts = dict(zip(_FIELDS, self.counts, strict=True))
        return Total(**counts, latency=self.latency.frozen(), first_chunk=self.first.frozen())


class Totals:
    """Counts every call of one wrapping."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._models: dict[str, _Group] = {}
        self._tags: dict[str, dict[str, _Group]] = {}
        self._values = 0

    def add(self, call: Call, outcome: Outcome) -> None:
        """Count a call that is over."""
        name = outcome.facts.model
        if name is None:
            asked = call.body.get("model")
            name = asked if isinstance(asked, str) else call.endpoint.operation
        row = _row(call.endpoint.model, outcome)
        with self._lock:
            group = self._models.get(name)
            if group is None:
                group = self._group(self._models, name, len(self._models))
            group.add(row, outcome)
            if call.tags:
                self._tagged(call.tags, row, outcome)

    def _tagged(self, tags: Mapping[str, Any], row: tuple[int, ...], outcome: Outcome) -> None:
        for key, value in tags.items():
            values = self._tags.get(key)
            if values is None:
                if len(self._tags) >= _MOST_GROUPS:
                    continue
                values = self._tags[key] = {}
            known = len(values)
            self._group(values, str(value), self._values).add(row, outcome)
            self._values += len(values) - known

    def _group(self, groups: dict[str, _Group], name: str, known: int) -> _Group:
        group = groups.get(name)
        if group is None:
            name = OTHER if known >= _MOST_GROUPS else name
            group = groups.setdefault(name, _Group())
        return group

    def frozen(self) -> Usage:
        """The totals now."""
        total = _Group()
        with self._lock:
            for group in self._models.values():
                total.merge(group)
            models = {name: group.frozen() for name, group in self._models.items()}
            tags = {
                key: MappingProxyType({name: group.frozen() for name, group in values.items()})
                for key, values in self._tags.items()
            }
        return Usage(total.frozen(), MappingProxyType(models), MappingProxyType(tags))
