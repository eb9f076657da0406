"""The running totals of several wrapped clients, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import tokeneff

if TYPE_CHECKING:
    from tokeneff.cli._output import Output
    from tokeneff.totals import Total

_TOKENS = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
_COUNTS = ("calls", "errors", "cut", "retries", "estimated", "unknown", *_TOKENS)


def totals(clients: Sequence[Any]) -> dict[str, Any]:
    """Return the sums over all clients, by model, and each client's own totals with its latencies in seconds."""
    usages = [(type(client).__name__, tokeneff.usage(client)) for client in clients]
    names = dict.fromkeys(name for _, usage in usages for name in usage.models)
    sums = _sum(usage.total for _, usage in usages)
    return {
        "tokens": {name: sums[name] for name in _TOKENS},
        "models": {name: _sum(usage.models[name] for _, usage in usages if name in usage.models) for name in names},
        "clients": [{"client": name, **asdict(usage.total)} for name, usage in usages],
    }


def show_usage(out: Output, clients: Sequence[Any], *tags: str) -> None:
    """Print the table of `tokeneff.usage` for each client; of its tags only those named."""
    from rich.text import Text

    for client in clients:
        usage = tokeneff.usage(client)
        shown = MappingProxyType({name: usage.tags[name] for name in tags if name in usage.tags})
        out.show(Text(f"tokeneff.usage({type(client).__name__} client)", style="bold"))
        out.result.print(str(replace(usage, tags=shown)), "", sep="\n", markup=False, crop=False, overflow="ignore")


def _sum(groups: Iterable[Total]) -> dict[str, int]:
    found = list(groups)
    return {name: sum(getattr(group, name) for group in found) for name in _COUNTS}
