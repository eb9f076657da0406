"""OpenAI's usage objects, with what other servers of the dialect make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tokeneff._flow import Tokens
from tokeneff._plain import MOST_TOKENS, count

_TOTALS = {
    "prompt_tokens": "input_tokens",
    "input_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "output_tokens": "output_tokens",
    # Said beside the totals by: Moonshot; DeepSeek; Perplexity and others.
    "cached_tokens": "cache_read",
    "prompt_cache_hit_tokens": "cache_read",
    "reasoning_tokens": "reasoning",
}
_INPUTS = {
    "cached_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "text_tokens": "text_input",
    "image_tokens": "image_input",
    "audio_tokens": "audio_input",
}
_OUTPUTS = {
    "reasoning_tokens": "reasoning",
    "text_tokens": "text_output",
    "image_tokens": "image_output",
    "audio_tokens": "audio_output",
}
_CACHED = {"text_tokens": "text_cache_read", "image_tokens": "image_cache_read", "audio_tokens": "audio_cache_read"}
_DETAILS = {
    "prompt_tokens_details": _INPUTS,
    "input_tokens_details": _INPUTS,
    "input_token_details": _INPUTS,
    "completion_tokens_details": _OUTPUTS,
    "output_tokens_details": _OUTPUTS,
    "output_token_details": _OUTPUTS,
    "cached_tokens_details": _CACHED,
}


def tokens_of(usage: Mapping[str, Any]) -> Tokens | None:
    """Counts of a usage object of chat completions, responses, embeddings, images or transcriptions."""
    found: dict[str, Any] = {}
    _collect(usage, _TOTALS, found)
    if "input_tokens" not in found and "output_tokens" not in found:
        return None
    got = found.get("output_tokens")
    if found.get("reasoning"):
        found["output_tokens"] = _inclusive(usage, found)
    found["input_source"] = "provider" if "input_tokens" in found else "unknown"
    found["output_source"] = "provider" if got is not None or not _generates(usage) else "unknown"
    return Tokens(**found)


def _collect(counts: Mapping[str, Any], fields: Mapping[str, str], found: dict[str, Any]) -> None:
    """Every count of an object that has a name in ``fields``, and those of its details."""
    details: list[tuple[Mapping[str, Any], Mapping[str, str]]] = []
    for key, value in counts.items():
        if type(value) is int and 0 <= value < MOST_TOKENS:
            if key in fields:
                found[fields[key]] = value
        elif value is not None and key in fields:
            number = count(value)
            if number is not None:
                found[fields[key]] = number
        elif type(value) is dict and key in _DETAILS:
            details.append((cast("Mapping[str, Any]", value), _DETAILS[key]))
    for value, names in details:
        _collect(value, names, found)  # after the totals, for what details say wins


def _generates(usage: Mapping[str, Any]) -> bool:
    """Whether the reply is one that has output to count: an embedding's usage has an input and a total only."""
    return usage.get("total_tokens") != usage.get("prompt_tokens") or "completion_tokens" in usage


def _inclusive(usage: Mapping[str, Any], found: Mapping[str, Any]) -> int | None:
    """The output total with reasoning in it: xAI counts reasoning beside ``completion_tokens``, not within.

    It shows in the total, which is then larger than the two parts by exactly the reasoning.
    """
    got = found.get("output_tokens")
    reasoning = found["reasoning"]
    if got is not None and count(usage.get("total_tokens")) == found.get("input_tokens", 0) + got + reasoning:
        return got + reasoning
    return got
