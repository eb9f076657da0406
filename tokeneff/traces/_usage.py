"""Usage objects of either provider, and of recordings, to one form."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, cast

from ._values import RecordedUsage


def read_usage(raw: Any) -> RecordedUsage | None:
    """Return the counts of a provider's usage object (or a recorder's own), or None where it has none."""
    if not isinstance(raw, dict):
        return None
    usage = cast("dict[str, Any]", raw)
    if _count(usage, "prompt_tokens") is not None or _count(usage, "completion_tokens") is not None:
        return _openai(usage)
    if _count(usage, "input_tokens") is None and _count(usage, "output_tokens") is None:
        return None
    return _anthropic(usage)


def read_time(call: dict[str, Any]) -> float | None:
    """Return the moment of a call in seconds since 1970, from `created` (a number) or `ts` / `timestamp` (ISO)."""
    for key in ("created", "ts", "timestamp", "time"):
        value = call.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
            return float(value)
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value).timestamp()
            except (ValueError, OverflowError, OSError):
                continue
    return None


def _openai(usage: dict[str, Any]) -> RecordedUsage:
    prompt = _part(usage, "prompt_tokens_details")
    completion = _part(usage, "completion_tokens_details")
    total = _count(usage, "prompt_tokens") or 0
    output = _count(usage, "completion_tokens") or 0
    cached = _count(usage, "cached_tokens") or _count(prompt, "cached_tokens") or 0
    reasoning = _count(usage, "reasoning_tokens") or _count(completion, "reasoning_tokens") or 0
    # Some endpoints count reasoning, or what was cached, beside the total; a part never exceeds its whole.
    return RecordedUsage(total, output, min(cached, total), 0, 0, min(reasoning, output))


def _anthropic(usage: dict[str, Any]) -> RecordedUsage:
    if "input_tokens_details" in usage:  # the responses shape: its input is inclusive already
        cached = _count(_part(usage, "input_tokens_details"), "cached_tokens") or 0
        reasoning = _count(_part(usage, "output_tokens_details"), "reasoning_tokens") or 0
        total = _count(usage, "input_tokens") or 0
        output = _count(usage, "output_tokens") or 0
        return RecordedUsage(total, output, min(cached, total), 0, 0, min(reasoning, output))
    created = _part(usage, "cache_creation")
    hour = _count(created, "ephemeral_1h_input_tokens") or 0
    read = _count(usage, "cache_read_input_tokens") or 0
    write = _count(usage, "cache_creation_input_tokens")
    if write is None:
        write = hour + (_count(created, "ephemeral_5m_input_tokens") or 0)
    total = (_count(usage, "input_tokens") or 0) + read + write
    return RecordedUsage(total, _count(usage, "output_tokens") or 0, read, write, min(hour, write), 0)


def _part(usage: dict[str, Any], key: str) -> dict[str, Any]:
    value = usage.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _count(usage: dict[str, Any], key: str) -> int | None:
    value = usage.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or not 0 <= value < 2**53:
        return None
    return int(value)
