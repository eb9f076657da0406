"""Tool schemas as OpenAI's models are shown them."""

from __future__ import annotations

from typing import Any

import pytest

from tokeneff.tokens import Counter
from tokeneff.tokens._schemas import typescript

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Get the weather.",
    "parameters": {
        "type": "object",
        "properties": {
            "place": {"type": "string", "description": "City, country"},
            "unit": {"type": "string", "enum": ["c", "f"]},
            "days": {"type": "array", "items": {"type": "integer"}},
            "deep": {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "kinds": {"type": ["number", "null"]},
            "free": {},
        },
        "required": ["place"],
    },
}


def test_the_rendering() -> None:
    assert typescript(WEATHER) == (
        "// Get the weather.\n"
        "type get_weather = (_: {\n"
        "// City, country\n"
        "place: string,\n"
        'unit?: "c" | "f",\n'
        "days?: number[],\n"
        "deep?: {\n"
        "  yes: boolean,\n"
        "},\n"
        "either?: string | null,\n"
        "kinds?: number | null,\n"
        "free?: any,\n"
        "}) => any;\n\n"
    )


def test_a_schema_that_holds_itself_ends() -> None:
    loop: dict[str, Any] = {"type": "object", "properties": {}}
    loop["properties"]["again"] = loop
    assert "any" in typescript({"name": "f", "parameters": loop})


def test_the_count_that_openai_reported() -> None:
    """A request of the cookbook's `num_tokens_for_tools`, which OpenAI counted as 101 tokens for gpt-4o."""
    pytest.importorskip("quicktok", reason="the offline extra is not installed")
    tool = {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    }
    body = {
        "messages": [
            {
                "role": "system",
                "content": "You are a helpful assistant that can answer to questions about the weather.",
            },
            {"role": "user", "content": "What's the weather like in San Francisco?"},
        ],
        "tools": [{"type": "function", "function": tool}],
    }
    counter = Counter()
    assert counter.await_vocabulary("gpt-4o", 120)
    assert counter.prompt("chat", body, "gpt-4o").tokens == pytest.approx(101, abs=3)
