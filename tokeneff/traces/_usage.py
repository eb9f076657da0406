"""Usage objects of either provider, and of recordings, to one form."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from tokeneff._plain import count

from ._values import RecordedUsage


def read_usage(raw: Any) -> RecordedUsage | None:
    """Return the counts of a provider's usage object (or a recorder's own), or None where it has none."""
    if not isinstance(raw, dict):
        return None
    usage = cast("dict[str, Any]", raw)
    if count(usage.get("prompt_tokens")) is not None or count(usage.get("completion_tokens")) is not None:
        return _openai(usage)
    if count(usage.get("input_tokens")) is None and count(usage.get("output_tokens")) is None:
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
    total = count(usage.get("prompt_tokens")) or 0
    output = count(usage.get("completion_tokens")) or 0
    cached = count(usage.get("cached_tokens")) or count(prompt.get("cached_tokens")) or 0
    reasoning = count(usage.get("reasoning_tokens")) or count(completion.get("reasoning_tokens")) or 0
    # Some endpoints count reasoning, or what was cached, beside the total; a part never exceeds its whole.
    return RecordedUsage(total, output, min(cached, total), 0, 0, min(reasoning, output))


def _anthropic(usage: dict[str, Any]) -> RecordedUsage:
    if "input_tokens_details" in usage:  # the responses shape: its input is inclusive already
        cached = count(_part(usage, "input_tokens_details").get("cached_tokens")) or 0
        reasoning = count(_part(usage, "output_tokens_details").get("reasoning_tokens")) or 0
        total = count(usage.get("input_tokens")) or 0
        output = count(usage.get("output_tokens")) or 0
        return RecordedUsage(total, output, min(cached, total), 0, 0, min(reasoning, output))
    created = _part(usage, "cache_creation")
    hour = count(created.get("ephemeral_1h_input_tokens")) or 0
    read = count(usage.get("cache_read_input_tokens")) or 0
    write = count(usage.get("cache_creation_input_tokens"))
    if write is None:
        write = hour + (count(created.get("ephemeral_5m_input_tokens")) or 0)
    total = (count(usage.get("input_tokens")) or 0) + read + write
    return RecordedUsage(total, count(usage.get("output_tokens")) or 0, read, write, min(hour, write), 0)


def _part(usage: dict[str, Any], key: str) -> dict[str, Any]:
    value = usage.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
