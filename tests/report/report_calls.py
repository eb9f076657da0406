"""Calls as a ledger holds them, for reports to be made on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tokeneff.ledger import CallRecord
from tokeneff.report import Report, Sums, Table

DAY = 86_400_000_000
START = 1_700_000_000_000_000 // DAY * DAY
"""A midnight."""
RATES = {"input": 3_000, "cache_read": 300, "cache_write": 3_750, "output": 15_000}
"""Nano-dollars a token in these tests."""

Reported = Callable[..., Report]
Run = Callable[..., tuple[int, str, str]]
_numbers: Iterator[int] = iter(range(1 << 60))


def call(**told: Any) -> CallRecord:
    """A call that was answered, with its costs at RATES unless ``cost`` is told."""
    told = {
        "call_id": f"{next(_numbers):032x}",
        "time": START,
        "provider": "openai",
        "endpoint": "api.openai.com",
        "model": "gpt-4o",
        "usage_source": "provider",
        "input_tokens": 1_000,
        "output_tokens": 100,
        **told,
    }
    told.setdefault("request_hash", told["call_id"])
    if "cost" not in told and told["input_tokens"] is not None:
        read, write = told.get("cache_read") or 0, told.get("cache_write") or 0
        counts = (told["input_tokens"] - read - write, read, write, told["output_tokens"])
        costs = [count * rate for count, rate in zip(counts, RATES.values(), strict=True)]
        told |= dict(zip(("cost_input", "cost_cache_read", "cost_cache_write", "cost_output"), costs, strict=True))
        told["cost"] = sum(costs)
    return CallRecord(**told)


def sum_of(table: Table) -> Sums:
    """What a table's rows come to."""
    total = Sums()
    for row in table.rows:
        total += row.sums
    return total
