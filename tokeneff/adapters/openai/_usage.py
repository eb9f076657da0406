"""OpenAI's usage objects, with what other servers of the dialect make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._flow import Tokens
from tokeneff.adapters._reading import count, first_count, part


def tokens_of(usage: Mapping[str, Any]) -> Tokens | None:
    """Counts of a usage object of chat completions, responses, embeddings, images or transcriptions."""
    sent = first_count(usage, "prompt_tokens", "input_tokens")
    got = first_count(usage, "completion_tokens", "output_tokens")
    if sent is None and got is None:
        return None
    inputs = part(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    outputs = part(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    reasoning = first_count(outputs, "reasoning_tokens")
    if reasoning is None:
        reasoning = first_count(usage, "reasoning_tokens")
    cached = part(inputs, "cached_tokens_details")
    read = first_count(inputs, "cached_tokens")
    if read is None:
        read = first_count(usage, "cached_tokens", "prompt_cache_hit_tokens")  # Moonshot; DeepSeek
    return Tokens(
        input_tokens=sent,
        output_tokens=_inclusive(usage, sent, got, reasoning),
        cache_read=read,
        cache_write=first_count(inputs, "cache_write_tokens"),
        reasoning=reasoning,
        text_input=count(inputs.get("text_tokens")),
        image_input=count(inputs.get("image_tokens")),
        audio_input=count(inputs.get("audio_tokens")),
        text_output=count(outputs.get("text_tokens")),
        image_output=count(outputs.get("image_tokens")),
        audio_output=count(outputs.get("audio_tokens")),
        text_cache_read=count(cached.get("text_tokens")),
        image_cache_read=count(cached.get("image_tokens")),
        audio_cache_read=count(cached.get("audio_tokens")),
        input_source="unknown" if sent is None else "provider",
        output_source="provider",
    )


def _inclusive(usage: Mapping[str, Any], sent: int | None, got: int | None, reasoning: int | None) -> int | None:
    """The output total with reasoning in it: xAI counts reasoning beside ``completion_tokens``, not within.

    It shows in the total, which is then larger than the two parts by exactly the reasoning.
    """
    total = count(usage.get("total_tokens"))
    if got is not None and reasoning and total is not None and total == (sent or 0) + got + reasoning:
        return got + reasoning
    return got
