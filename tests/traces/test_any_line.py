"""Whatever a line holds, the reader yields something for it and reads on."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokeneff.traces import BrokenLine, Conversation, read

SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.sampled_from(
    [
        "id",
        "model",
        "format",
        "system",
        "tools",
        "url",
        "body",
        "request",
        "response",
        "params",
        "calls",
        "event",
        "n_messages_in",
        "created",
        "ts",
        "messages",
        "role",
        "content",
        "tool_calls",
        "function",
        "function_call",
        "name",
        "arguments",
        "type",
        "text",
        "thinking",
        "signature",
        "tool_use",
        "input",
        "usage",
        "choices",
        "message",
        "prompt_tokens",
        "completion_tokens",
        "input_tokens",
        "output_tokens",
        "cache_creation",
        "finish_reason",
        "reasoning",
    ]
)
WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "system",
        "tool",
        "openai-chat",
        "anthropic-messages",
        "text",
        "tool_use",
        "tool_result",
        "thinking",
        "claude",
        "/v1/chat/completions",
        "/v1/messages",
        "compact_boundary",
    ]
)
ANY = st.recursive(
    SCALAR | WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(), inner, max_size=6)
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system"]) | ANY, "content": ANY},
    optional={"tool_calls": ANY, "usage": ANY, "model": ANY, "stop_reason": ANY},
)
RECORD = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE | ANY, max_size=5) | ANY},
    optional={"model": st.just("m") | ANY, "format": WORDS | ANY, "calls": ANY, "response": ANY, "url": WORDS | ANY},
)

UNHURRIED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(data: bytes) -> list[Any]:
    items = list(read(io.BytesIO(data), name="in"))
    for item in items:
        if isinstance(item, BrokenLine):
            assert str(item).startswith(f"in:{item.line}: ")
            continue
        assert isinstance(item, Conversation)
        assert item.calls
        for call in item.calls:
            request = call.request
            assert request["messages"], "a request without messages would be refused"
            assert isinstance(request["model"], str)
            json.dumps(request, allow_nan=False, ensure_ascii=False).encode()
    return items


@UNHURRIED
@given(st.lists(ANY | RECORD, max_size=5))
def test_any_json_lines(records: list[Any]) -> None:
    items = check("".join(json.dumps(record) + "\n" for record in records).encode())
    assert len(items) >= sum(not isinstance(record, list) for record in records) or len(records) == 0


@UNHURRIED
@given(st.lists(ANY | RECORD, max_size=5), st.sampled_from([None, 0, 2]))
def test_any_json_array(records: list[Any], indent: int | None) -> None:
    check(json.dumps(records, indent=indent).encode())


@UNHURRIED
@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes(lines: list[bytes]) -> None:
    check(b"\n".join(lines))
