"""Which field of a record is kept where: in its own row, or once for all calls that share it."""

from __future__ import annotations

KINDS = (
    "operation",
    "sdk",
    "provider",
    "endpoint",
    "request_model",
    "model",
    "service_tier",
    "stream",
    "ending",
    "error",
    "status",
    "finish",
    "usage_source",
    "encoding",
    "price_source",
    "price_version",
    "price_confidence",
)
"""What takes few values, all of it together in one row of ``kinds``."""

PREFIXES = ("prefix_cause", "prefix_part", "prefix_detail")

TEXTS = {"session": "session_id", "called": "called_id", "system_hash": "system_id", "decisions": "decisions_id"}
"""Fields that are a text of ``texts``, and the column that refers to it."""

JSON_TEXTS = ("called", "decisions")

HASHES = ("call_id", "request_hash", "trim_conversation")
"""Kept as bytes where they are lower-case hexadecimal, in half the space."""

FACTS = (
    "time",
    "cost",
    "input_tokens",
    "output_tokens",
    "cache_read",
    "cache_write",
    "reasoning",
    "duration",
    "first_chunk",
    "retries",
    "chunks",
    "in_system",
    "in_tools",
    "in_user_history",
    "in_assistant_history",
    "in_tool_results",
    "in_attached",
    "in_user",
    "out_text",
    "out_reasoning",
    "out_tool_calls",
    "cost_input",
    "cost_cache_read",
    "cost_cache_write",
    "cost_output",
    "prefix_repeated",
    "prefix_position",
    "prefix_lost",
    "prefix_cost",
    "stale_tokens",
    "request_hash",
)
"""Fields with a column of their own in ``facts``."""

TRIMS = (
    "trim",
    "trim_conversation",
    "trim_edits",
    "trim_texts",
    "trim_tokens",
    "trim_tokens_source",
    "trim_gain",
    "trim_expected",
    "trim_realised",
    "trim_untrimmed",
    "trim_source",
    "trim_baseline",
)
"""Fields with a column of their own in ``trims``, where calls that nobody looked at for trimming have no row."""

UNTRIMMED = {
    "trim": "''",
    "trim_conversation": "''",
    "trim_edits": "'[]'",
    "trim_texts": "0",
    "trim_tokens_source": "''",
    "trim_source": "''",
}
"""What the view says of those of them that such a call has no value of."""

DETAILS = (
    "call_id",
    "response_id",
    "cache_write_1h",
    "image_input",
    "audio_input",
    "audio_output",
    "counted",
    "expected_error",
    "scale",
    "content",
)
"""Fields with a column of their own in ``details``: what is looked at call by call, not summed up."""
