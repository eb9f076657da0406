"""Request parameters as attributes of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tokeneff._plain import sound
from tokeneff.adapters import Attributes
from tokeneff.adapters._reading import part, text

_NUMBERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "top_k": "gen_ai.request.top_k",
    "seed": "gen_ai.request.seed",
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_output_tokens": "gen_ai.request.max_tokens",
    "max_tokens_to_sample": "gen_ai.request.max_tokens",
}


def numbers(body: Mapping[str, Any]) -> Attributes:
    """The sampling parameters that are plain numbers, in every dialect."""
    found: Attributes = {}
    for key, name in _NUMBERS.items():
        if key in body and type(body[key]) in (int, float):
            found[name] = body[key]
    return found


def strings(value: object) -> list[str] | None:
    """One string or several as a list of strings."""
    if isinstance(value, str):
        return [sound(value)]
    if isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        if items and all(isinstance(item, str) for item in items):
            return [sound(item) for item in cast("list[str]", items)]
    return None


def request_attributes(body: Mapping[str, Any]) -> Attributes:
    """The attributes of a chat, completion or responses request."""
    found = numbers(body)
    stop = strings(body.get("stop"))
    if stop is not None:
        found["gen_ai.request.stop_sequences"] = stop
    choices = body.get("n")
    if type(choices) is int and choices != 1:
        found["gen_ai.request.choice.count"] = choices
    effort = text(body.get("reasoning_effort")) or text(part(body, "reasoning").get("effort"))
    if effort is not None:
        found["gen_ai.request.reasoning.level"] = effort
    tier = text(body.get("service_tier"))
    if tier is not None and tier != "auto":
        found["openai.request.service_tier"] = tier
    form = text(part(body, "response_format").get("type")) or text(part(part(body, "text"), "format").get("type"))
    if form is not None:
        found["gen_ai.output.type"] = "json" if form.startswith("json") else "text"
    return found
