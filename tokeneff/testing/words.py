"""Finish reasons and usage objects in each dialect's words."""

from __future__ import annotations

from tokeneff.testing.answers import Json
from tokeneff.testing.replies import Reply, Usage
from tokeneff.testing.turn import Turn, oddly

_TO_OPENAI = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_TO_ANTHROPIC = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def openai_finish(reply: Reply) -> str:
    """OpenAI's finish reason: the reply's own, translated, or derived."""
    if reply.finish_reason is not None:
        return _TO_OPENAI.get(reply.finish_reason, reply.finish_reason)
    return "tool_calls" if reply.tool_calls else "stop"


def anthropic_finish(reply: Reply) -> str:
    """Anthropic's stop reason: the reply's own, translated, or derived."""
    if reply.finish_reason is not None:
        return _TO_ANTHROPIC.get(reply.finish_reason, reply.finish_reason)
    if reply.refusal is not None:
        return "refusal"
    return "tool_use" if reply.tool_calls else "end_turn"


def chat_usage(turn: Turn, usage: Usage) -> Json:
    """`usage` of chat completions and legacy completions."""
    prompt: Json = {"cached_tokens": usage.cache_read, "audio_tokens": usage.audio_input}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    if usage.image_input:
        prompt["image_tokens"] = usage.image_input
    body: Json = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    return oddly(body, turn.usage_style)


def responses_usage(turn: Turn, usage: Usage) -> Json:
    """`usage` of the Responses API."""
    body: Json = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    return oddly(body, turn.usage_style)


def anthropic_usage(turn: Turn, usage: Usage, output_tokens: int | None = None, *, final: bool = False) -> Json:
    """`usage` of a message; `final` for the shorter one of `message_delta`."""
    body: Json = {
        "input_tokens": usage.input_tokens - usage.cache_read - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output_tokens if output_tokens is None else output_tokens,
    }
    if not final:
        body["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_1h,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
        body["service_tier"] = turn.reply.service_tier or "standard"
    if usage.reasoning and output_tokens is None:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.web_searches and output_tokens is None:
        body["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    return oddly(body, turn.usage_style)
