"""What totals say, and how they print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


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
    hits: int = 0
    """Calls that a cache has answered: nothing was used for them."""
    saved_nano_usd: int = 0
    """What these would have cost, where that is known, in billionths of a US dollar."""
    nano_usd: int = 0
    """Cost of the calls whose cost is known, in billionths of a US dollar."""
    unpriced: int = 0
    """Calls of a model whose cost is not known, because its price or its tokens are not."""
    latency: Latency = Latency()
    """From the call to its end, retries included."""
    first_chunk: Latency = Latency()
    """From the call to the first chunk, of streams."""

    @property
    def usd(self) -> float:
        """``nano_usd`` in US dollars, to be shown."""
        return self.nano_usd / 1e9

    @property
    def saved_usd(self) -> float:
        """``saved_nano_usd`` in US dollars, to be shown."""
        return self.saved_nano_usd / 1e9


@dataclass(frozen=True, slots=True)
class Usage:
    """What a wrapped client has used so far; ``print`` it for a table.

    >>> print(tokeneff.usage(client))  # doctest: +SKIP
    model         calls  errors  input  cached  output  reasoning   cost $  p50 s  p99 s
    gpt-4.1-mini      3       0    210       0      54          0  0.00017   0.41   0.62
    total             3       0    210       0      54          0  0.00017   0.41   0.62
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
        if self.total.unpriced:
            yield ""
            yield f"calls whose cost is not known, and not in the sum: {self.total.unpriced}"
        if self.total.hits:
            yield ""
            saved = _money(self.total.saved_usd) if self.total.saved_nano_usd else "0"
            yield f"calls answered from the cache: {self.total.hits:,}, which saved $ {saved}"


_COLUMNS = ("calls", "errors", "input", "cached", "output", "reasoning", "cost $", "p50 s", "p99 s")


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
        dollars(total),
        f"{total.latency.p50:.2f}",
        f"{total.latency.p99:.2f}",
    ]


def dollars(total: Total) -> str:
    """The cost, to three digits that say something; ``?`` after it if some calls' cost is not known."""
    if not total.nano_usd:
        return "?" if total.unpriced else "0"
    return _money(total.usd) + ("+?" if total.unpriced else "")


def _money(usd: float) -> str:
    digits = min(max(2 - math.floor(math.log10(usd)), 2), 9)
    return f"{usd:,.{digits}f}"


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"
