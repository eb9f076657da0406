"""Anthropic messages, whole results."""

from __future__ import annotations

from typing import Any

import pytest
from content_wire import DIALECTS, check_message, check_request

MESSAGES = DIALECTS["messages"][1]


def said(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def test_a_conversation() -> None:
    body = {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Look.", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "secret"},
                    {"type": "text", "text": "One moment."},
                    {"type": "tool_use", "id": "t1", "name": "get", "input": {"place": "Bern"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rainy"}]},
                    {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
                    {"type": "text", "text": "And?"},
                ],
            },
        ],
        "tools": [
            {"name": "get", "description": "Weather.", "input_schema": {"type": "object"}},
            {"type": "custom", "name": "bare", "input_schema": {"type": "object"}},
            {"type": "web_search_20260318", "name": "web_search", "max_uses": 3},
            {"type": "mcp_toolset", "mcp_server_name": "docs"},
        ],
        "mcp_servers": [{"name": "docs", "authorization_token": "secret"}],
    }
    found = MESSAGES.request(body)
    check_request(found)
    assert found == {
        "gen_ai.system_instructions": [said("Be brief.")],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [said("Weather?")]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "Look."},
                    {"type": "reasoning", "content": ""},
                    said("One moment."),
                    {"type": "tool_call", "id": "t1", "name": "get", "arguments": {"place": "Bern"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"type": "tool_call_response", "id": "t1", "response": [{"type": "text", "text": "rainy"}]},
                    {"type": "tool_call_response", "id": "t2", "response": None},
                    said("And?"),
                ],
            },
        ],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "get", "description": "Weather.", "parameters": {"type": "object"}},
            {"type": "function", "name": "bare", "description": None, "parameters": {"type": "object"}},
            {"type": "web_search_20260318", "name": "web_search"},
            {"type": "mcp_toolset", "name": "docs"},
        ],
    }
    assert MESSAGES.request({"system": "Be brief."}) == {"gen_ai.system_instructions": [said("Be brief.")]}


def sourced(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": kind, "source": source}


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        (
            sourced("image", type="base64", media_type="image/png", data="aGk="),
            [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="}],
        ),
        (
            sourced("image", type="base64", media_type="image/png", data=b"hi"),
            [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="}],
        ),
        (
            sourced("image", type="url", url="https://x.test/a.png"),
            [{"type": "uri", "modality": "image", "mime_type": None, "uri": "https://x.test/a.png"}],
        ),
        (
            sourced("image", type="file", file_id="f1"),
            [{"type": "file", "modality": "image", "mime_type": None, "file_id": "f1"}],
        ),
        (
            sourced("document", type="base64", media_type="application/pdf", data="aGk="),
            [{"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "aGk="}],
        ),
        (sourced("document", type="text", media_type="text/plain", data="words"), [said("words")]),
        (
            sourced("document", type="content", content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
            [said("a"), said("b")],
        ),
        (
            {"type": "container_upload", "file_id": "f1"},
            [{"type": "file", "modality": "document", "mime_type": None, "file_id": "f1"}],
        ),
        (
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
            [
                {
                    "type": "server_tool_call",
                    "id": "s1",
                    "name": "web_search",
                    "server_tool_call": {"type": "web_search", "input": {"query": "q"}},
                }
            ],
        ),
        (
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result"}]},
            [
                {
                    "type": "server_tool_call_response",
                    "id": "s1",
                    "server_tool_call_response": {"type": "web_search", "content": [{"type": "web_search_result"}]},
                }
            ],
        ),
        (
            {"type": "mcp_tool_use", "id": "m1", "name": "ask", "server_name": "docs", "input": {"q": 1}},
            [
                {
                    "type": "server_tool_call",
                    "id": "m1",
                    "name": "ask",
                    "server_tool_call": {"type": "mcp", "server_name": "docs", "input": {"q": 1}},
                }
            ],
        ),
        (
            {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": True, "content": "no"},
            [
                {
                    "type": "server_tool_call_response",
                    "id": "m1",
                    "server_tool_call_response": {"type": "mcp", "content": "no", "is_error": True},
                }
            ],
        ),
        (
            {"type": "compaction", "content": "So far.", "encrypted_content": "x"},
            [{"type": "compaction", "content": "So far."}],
        ),
        ({"type": "search_result", "title": "T"}, [{"type": "search_result", "title": "T"}]),
    ],
)
def test_blocks(block: Any, parts: Any) -> None:
    expected = {"role": "user", "parts": parts}
    assert MESSAGES.request({"messages": [{"role": "user", "content": [block]}]}) == {
        "gen_ai.input.messages": [expected]
    }
    reply = {"role": "assistant", "content": [block], "stop_reason": "end_turn"}
    assert MESSAGES.reply(reply) == ({"role": "assistant", "parts": parts, "finish_reason": "stop"},)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_call"),
        ("refusal", "content_filter"),
        ("compaction", "compaction"),
    ],
)
def test_finish_reasons(reason: str, expected: str) -> None:
    told = ({"role": "assistant", "parts": [said("x")], "finish_reason": expected},)
    content = [{"type": "text", "text": "x"}]
    assert MESSAGES.reply({"role": "assistant", "content": content, "stop_reason": reason}) == told
    events = [
        {"type": "message_start", "message": {"role": "assistant", "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "message_delta", "delta": {"stop_reason": reason}},
    ]
    assert MESSAGES.stream(events) == told
    assert MESSAGES.stream(events[:-1]) == ({**told[0], "finish_reason": "error"},)


def test_a_stream_without_its_starts() -> None:
    """Some servers send deltas only."""
    deltas = [
        (0, {"type": "thinking_delta", "thinking": "hm"}),
        (1, {"type": "text_delta", "text": "a"}),
        (1, {"type": "text_delta", "text": "b"}),
        (2, {"type": "compaction_delta", "content": "so far"}),
    ]
    events = [{"type": "content_block_delta", "index": index, "delta": delta} for index, delta in deltas]
    (message,) = MESSAGES.stream(events)
    check_message(message, output=True)
    assert message["parts"] == [
        {"type": "reasoning", "content": "hm"},
        said("ab"),
        {"type": "compaction", "content": "so far"},
    ]


def test_server_tools_streamed() -> None:
    use = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
    events = [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": use},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"query"'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ': "q"}'}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": result},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ]
    whole = {"role": "assistant", "content": [{**use, "input": {"query": "q"}}, result], "stop_reason": "end_turn"}
    assert MESSAGES.stream(events) == MESSAGES.reply(whole)


def test_not_a_reply() -> None:
    assert MESSAGES.reply({}) == ()
    assert MESSAGES.reply({"type": "error", "error": {"message": "x"}}) == ()
    assert MESSAGES.request({}) == {}


def test_a_block_that_starts_with_words_and_a_late_usage() -> None:
    events = [
        {"type": "message_start", "message": {"role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": {"output_tokens": 2}},
    ]
    assert MESSAGES.stream(events) == ({"role": "assistant", "parts": [said("ab")], "finish_reason": "length"},)
