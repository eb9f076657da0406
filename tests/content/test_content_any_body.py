"""Whatever a body, a reply or a stream holds: nothing raises, nothing is logged, and what is told can be sent."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from content_wire import DIALECTS, check_message, check_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokeneff.telemetry.content import to_json

# fmt: off
WORDS = [
    "type", "role", "content", "text", "name", "id", "messages", "input", "output", "tools", "function",
    "arguments", "tool_calls", "function_call", "custom", "index", "delta", "choices", "message",
    "finish_reason", "image_url", "url", "input_audio", "data", "format", "file", "file_id", "file_data",
    "source", "media_type", "system", "instructions", "prompt", "summary", "thinking", "tool_use_id",
    "output_index", "content_index", "summary_index", "item", "response", "status", "incomplete_details",
    "reason", "content_block", "partial_json", "stop_reason", "audio", "images", "refusal", "reasoning_content",
]
# fmt: on
# fmt: off
VALUES = [
    "text", "user", "assistant", "tool", "function", "image_url", "input_audio", "file", "refusal", "tool_use",
    "tool_result", "thinking", "image", "document", "base64", "url", "compaction", "server_tool_use",
    "mcp_tool_use", "web_search_tool_result", "message", "reasoning", "function_call", "mcp_call",
    "function_call_output", "image_generation_call", "web_search_call", "completed", "incomplete",
    "response.completed", "response.output_item.added", "response.output_item.done",
    "response.output_text.delta", "response.created", "message_start", "content_block_start",
    "content_block_delta", "message_delta", "data:image/png;base64,AAAA", "data:", "stop", "tool_calls",
]
# fmt: on

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=8)
    | st.sampled_from(VALUES)
)
keys = st.sampled_from(WORDS) | st.text(max_size=4)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)
objects = st.dictionaries(keys, trees, max_size=6)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(objects, max_size=4) | trees,
        "input": st.lists(objects, max_size=4) | trees,
        "prompt": trees,
        "system": trees,
        "instructions": trees,
        "tools": st.lists(objects, max_size=3) | trees,
        "functions": trees,
    },
)
replies = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(objects, max_size=3) | trees,
        "output": st.lists(objects, max_size=3) | trees,
        "content": st.lists(objects, max_size=3) | trees,
        "status": trees,
        "stop_reason": trees,
        "role": trees,
    },
)


def sendable(value: Any) -> None:
    """The JSON of a value is JSON, in UTF-8."""
    written = to_json(value)
    written.encode()
    json.loads(written, parse_constant=lambda name: pytest.fail(name))


@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=bodies, reply=replies, events=st.lists(objects | replies | trees, max_size=5))
def test_any_json(body: Any, reply: Any, events: Any) -> None:
    before = repr((body, reply, events))
    faults = _Faults()
    logging.getLogger("tokeneff").addHandler(faults)
    try:
        for _, content, _ in DIALECTS.values():
            asked = content.request(body)
            told, streamed = content.reply(reply), content.stream(events)
            check_request(asked)
            for message in (*told, *streamed):
                check_message(message, output=True)
            sendable([asked, told, streamed])
    finally:
        logging.getLogger("tokeneff").removeHandler(faults)
    assert faults.records == []
    assert repr((body, reply, events)) == before


@settings(max_examples=60, deadline=None)
@given(trees)
def test_any_value_is_json(value: Any) -> None:
    sendable(value)


class _Faults(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage() + str(record.exc_info))
