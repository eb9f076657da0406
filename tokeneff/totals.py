"""Running totals of a wrapped client, kept in bounded memory, with no backend needed."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any

from tokeneff._flow import Call, Effect, Outcome, Tokens, forward

_MOST_GROUPS = 500
"""Models, and tag values, that are told apart; what comes after is counted as ``(other)``."""
OTHER = "(other)"

_GROWTH = 1.05
_LOG_GROWTH = math.log(_GROWTH)
_SMALLEST = 1e-4


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that calls took. Percentiles are read from buckets 5 % wide, so each is within 2.5 % of the true one."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Total:
    """Counts of a group of calls. Token counts are sums; the parts (cache, reasoning) are contained in the totals."""

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
    first_chunk: Latency = Latency()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a wrapped client has used so far; ``print`` it for a table.

    >>> print(tokeneff.usage(client))  # doctest: +SKIP
    model         calls  errors  input  cached  output  reasoning  p50 s  p99 s
    gpt-4.1-mini      3       0    210       0      54          0   0.41   0.62
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
                f"tokens of {self.total.estimated} calls are estimated (~) and of {self.total.unknown} unknown; "
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
        index = int(math.log(max(seconds, _SMALLEST) / _SMALLEST) / _LOG_GROWTH)
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.sum += seconds
        self.max = max(self.max, seconds)

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


_SUMS = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")


class _Group:
    """A Total in the making."""

    __slots__ = ("counts", "first", "latency")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.latency = _Histogram()
        self.first = _Histogram()

    def add(self, model: bool, outcome: Outcome) -> None:
        counts = self.counts
        counts["calls"] = counts.get("calls", 0) + 1
        if outcome.ending in ("failed", "refused"):
            counts["errors"] = counts.get("errors", 0) + 1
        elif outcome.ending != "read":
            counts["cut"] = counts.get("cut", 0) + 1
        if outcome.attempts:
            counts["retries"] = counts.get("retries", 0) + len(outcome.attempts)
        if model:
            self._tokens(outcome.tokens)
        self.latency.add(outcome.seconds)
        if outcome.first_chunk is not None:
            self.first.add(outcome.first_chunk - outcome.started)

    def _tokens(self, tokens: Tokens) -> None:
        counts = self.counts
        if tokens.source != "provider":
            counts[tokens.source] = counts.get(tokens.source, 0) + 1
        for name in _SUMS:
            value = getattr(tokens, name)
            if value:
                counts[name] = counts.get(name, 0) + value

    def frozen(self) -> Total:
        return Total(**self.counts, latency=self.latency.frozen(), first_chunk=self.first.frozen())


class Totals:
    """Counts every call of one wrapping. As a policy it only looks on."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._total = _Group()
        self._models: dict[str, _Group] = {}
        self._tags: dict[str, dict[str, _Group]] = {}
        self._values = 0

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """The policy."""
        outcome = yield from forward(call)
        self.add(call, outcome)
        return outcome

    def add(self, call: Call, outcome: Outcome) -> None:
        """Count a call that is over."""
        asked = call.body.get("model")
        name = outcome.facts.model or (asked if isinstance(asked, str) else None) or call.endpoint.operation
        model = call.endpoint.model
        with self._lock:
            self._total.add(model, outcome)
            self._group(self._models, name, len(self._models)).add(model, outcome)
            for key, value in call.tags.items():
                values = self._tags.get(key)
                if values is None:
                    if len(self._tags) >= _MOST_GROUPS:
                        continue
                    values = self._tags[key] = {}
                known = len(values)
                self._group(values, str(value), self._values).add(model, outcome)
                self._values += len(values) - known

    def _group(self, groups: dict[str, _Group], name: str, known: int) -> _Group:
        group = groups.get(name)
        if group is None:
            name = OTHER if known >= _MOST_GROUPS else name
            group = groups.setdefault(name, _Group())
        return group

    def frozen(self) -> Usage:
        """The totals now."""
        with self._lock:
            total = self._total.frozen()
            models = {name: group.frozen() for name, group in self._models.items()}
            tags = {
                key: MappingProxyType({name: group.frozen() for name, group in values.items()})
                for key, values in self._tags.items()
            }
        return Usage(total, MappingProxyType(models), MappingProxyType(tags))
