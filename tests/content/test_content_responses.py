"""The Responses API, whole results."""

from __future__ import annotations

from typing import Any

import pytest
from content_wire import DIALECTS, check_message, check_request

RESPONSES = DIALECTS["responses"][1]


def said(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def test_a_conversation() -> None:
    body = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "Weather?"},
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Look."}]},
            {"type": "reasoning", "id": "rs2", "summary": [], "encrypted_content": "secret"},
            {"type": "function_call", "call_id": "c1", "id": "fc", "name": "get", "arguments": '{"place": "Bern"}'},
            {"type": "custom_tool_call", "call_id": "c2", "name": "sql", "input": "select 1"},
            {"type": "function_call_output", "call_id": "c1", "output": "rainy"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "1"}]},
            {
                "type": "message",
                "id": "msg",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "It rains.", "annotations": []}],
            },
            {"role": "assistant", "content": "Another turn."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "See"},
                    {"type": "input_image", "image_url": "https://x.test/a.png", "detail": "auto"},
                    {"type": "input_image", "file_id": "file-1"},
                    {"type": "input_file", "file_url": "https://x.test/a.pdf"},
                ],
            },
            {"type": "item_reference", "id": "msg_1"},
            {"type": "compaction", "id": "cmp", "encrypted_content": "secret"},
        ],
        "tools": [
            {"type": "function", "name": "get", "description": None, "parameters": {"type": "object"}, "strict": True},
            {"type": "web_search"},
            {"type": "mcp", "server_label": "docs", "server_url": "https://x.test", "authorization": "secret"},
        ],
    }
    found = RESPONSES.request(body)
    check_request(found)
    assert found == {
        "gen_ai.system_instructions": [said("Be brief.")],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [said("Weather?")]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "Look."},
                    {"type": "tool_call", "id": "c1", "name": "get", "arguments": {"place": "Bern"}},
                    {"type": "tool_call", "id": "c2", "name": "sql", "arguments": "select 1"},
                ],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "rainy"}]},
            {
                "role": "tool",
                "parts": [
                    {"type": "tool_call_response", "id": "c2", "response": [{"type": "input_text", "text": "1"}]}
                ],
            },
            {"role": "assistant", "parts": [said("It rains.")]},
            {"role": "assistant", "parts": [said("Another turn.")]},
            {
                "role": "user",
                "parts": [
                    said("See"),
                    {"type": "uri", "modality": "image", "mime_type": None, "uri": "https://x.test/a.png"},
                    {"type": "file", "modality": "image", "mime_type": None, "file_id": "file-1"},
                    {
                        "type": "uri",
                        "modality": "document",
                        "mime_type": "application/pdf",
                        "uri": "https://x.test/a.pdf",
                    },
                ],
            },
            {"role": "user", "parts": [{"type": "item_reference", "id": "msg_1"}]},
            {"role": "assistant", "parts": [{"type": "compaction", "content": None, "id": "cmp"}]},
        ],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "get", "description": None, "parameters": {"type": "object"}},
            {"type": "web_search", "name": "web_search"},
            {"type": "mcp", "name": "docs"},
        ],
    }


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        (
            {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}},
            [
                {
                    "type": "server_tool_call",
                    "id": "ws",
                    "name": "web_search",
                    "server_tool_call": {
                        "type": "web_search",
                        "status": "completed",
                        "action": {"type": "search", "query": "q"},
                    },
                }
            ],
        ),
        (
            {
                "type": "mcp_call",
                "id": "mc",
                "name": "ask",
                "server_label": "docs",
                "arguments": '{"q": 1}',
                "output": "found",
                "error": None,
            },
            [
                {
                    "type": "server_tool_call",
                    "id": "mc",
                    "name": "ask",
                    "server_tool_call": {"type": "mcp", "server_label": "docs", "arguments": {"q": 1}},
                },
                {
                    "type": "server_tool_call_response",
                    "id": "mc",
                    "server_tool_call_response": {"type": "mcp", "output": "found"},
                },
            ],
        ),
        (
            {
                "type": "image_generation_call",
                "id": "ig",
                "status": "completed",
                "result": "aGk=",
                "output_format": "webp",
            },
            [
                {
                    "type": "server_tool_call",
                    "id": "ig",
                    "name": "image_generation",
                    "server_tool_call": {"type": "image_generation", "status": "completed", "output_format": "webp"},
                },
                {"type": "blob", "modality": "image", "mime_type": "image/webp", "content": "aGk="},
            ],
        ),
        (
            {"type": "tool_search_output", "call_id": "ts", "tools": [], "status": "completed"},
            [
                {
                    "type": "server_tool_call_response",
                    "id": "ts",
                    "server_tool_call_response": {"type": "tool_search", "tools": []},
                }
            ],
        ),
        ({"type": "newest_thing", "x": 1}, [{"type": "newest_thing", "x": 1}]),
    ],
)
def test_server_side_items(item: Any, parts: Any) -> None:
    reply = {"status": "completed", "output": [item]}
    assert RESPONSES.reply(reply) == ({"role": "assistant", "parts": parts, "finish_reason": "stop"},)


@pytest.mark.parametrize(
    ("item", "name", "arguments"),
    [
        (
            {"type": "computer_call", "call_id": "c", "action": {"type": "click"}},
            "computer",
            {"action": {"type": "click"}},
        ),
        (
            {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}},
            "shell",
            {"action": {"commands": ["ls"]}},
        ),
        (
            {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file"}},
            "apply_patch",
            {"operation": {"type": "delete_file"}},
        ),
        (
            {"type": "mcp_approval_request", "id": "c", "name": "ask", "server_label": "docs", "arguments": "{}"},
            "ask",
            {"server_label": "docs", "arguments": {}},
        ),
    ],
)
def test_calls_for_the_caller_to_make(item: Any, name: str, arguments: Any) -> None:
    assert RESPONSES.reply({"status": "completed", "output": [item]}) == (
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c", "name": name, "arguments": arguments}],
            "finish_reason": "tool_call",
        },
    )


def test_approval_given() -> None:
    item = {"type": "mcp_approval_response", "approval_request_id": "c", "approve": True}
    expected = [{"type": "tool_call_response", "id": "c", "response": {"approve": True}}]
    assert RESPONSES.request({"input": [item]})["gen_ai.input.messages"] == [{"role": "tool", "parts": expected}]


MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "failed"}, "error"),
        ({"status": "cancelled"}, "error"),
        ({}, "stop"),
    ],
)
def test_finish_reasons(more: Any, expected: str) -> None:
    reply = {**more, "output": [MESSAGE]}
    told = ({"role": "assistant", "parts": [said("x")], "finish_reason": expected},)
    assert RESPONSES.reply(reply) == told
    if more:
        end = {"type": f"response.{more['status']}", "response": reply}
        assert RESPONSES.stream([{"type": "response.created", "response": {}}, end]) == told


def test_no_output_yet() -> None:
    assert RESPONSES.reply({"status": "queued", "output": []}) == ()
    assert RESPONSES.reply({"error": {"message": "x"}}) == ()
    assert RESPONSES.reply({"status": "completed", "output": []}) == (
        {"role": "assistant", "parts": [], "finish_reason": "stop"},
    )


def test_a_stream_whose_end_repeats_nothing() -> None:
    """Some servers leave the output out of the last event: what was streamed stands."""
    events = [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "he"},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 1, "delta": "wo"},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "llo"},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
    ]
    expected = {"role": "assistant", "parts": [said("hello"), said("wo")], "finish_reason": "stop"}
    assert RESPONSES.stream(events) == (expected,)
    assert RESPONSES.stream(events[:-1]) == ({**expected, "finish_reason": "error"},)


def test_pieces_of_every_kind() -> None:
    def event(kind: str, index: int, delta: str, **more: Any) -> dict[str, Any]:
        return {"type": f"response.{kind}.delta", "output_index": index, "delta": delta, **more}

    def added(index: int, **item: Any) -> dict[str, Any]:
        return {"type": "response.output_item.added", "output_index": index, "item": item}

    events = [
        added(0, type="reasoning", id="rs", summary=[]),
        event("reasoning_summary_text", 0, "sum", summary_index=0),
        event("reasoning_text", 0, "think", content_index=0),
        added(1, type="custom_tool_call", call_id="c1", name="sql", input=""),
        event("custom_tool_call_input", 1, "select"),
        added(2, type="mcp_call", id="mc", name="ask", server_label="docs", arguments=""),
        event("mcp_call_arguments", 2, '{"q"'),
        added(3, type="code_interpreter_call", id="ci", code="", container_id="k"),
        event("code_interpreter_call_code", 3, "print("),
        event("refusal", 4, "no", content_index=0),
        {"type": "error", "message": "cut"},
    ]
    (message,) = RESPONSES.stream(events)
    check_message(message, output=True)
    assert message == {
        "role": "assistant",
        "finish_reason": "error",
        "parts": [
            {"type": "reasoning", "content": "sum"},
            {"type": "reasoning", "content": "think"},
            {"type": "tool_call", "id": "c1", "name": "sql", "arguments": "select"},
            {
                "type": "server_tool_call",
                "id": "mc",
                "name": "ask",
                "server_tool_call": {"type": "mcp", "server_label": "docs", "arguments": '{"q"'},
            },
            {
                "type": "server_tool_call",
                "id": "ci",
                "name": "code_interpreter",
                "server_tool_call": {"type": "code_interpreter", "code": "print(", "container_id": "k"},
            },
            said("no"),
        ],
    }


def test_a_finished_item_stands_for_its_pieces() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**call, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a"'},
        {"type": "response.output_item.done", "output_index": 0, "item": call},
    ]
    part = {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}
    assert RESPONSES.stream(events) == ({"role": "assistant", "parts": [part], "finish_reason": "error"},)
    assert RESPONSES.stream(events[:-1])[0]["parts"] == [{**part, "arguments": '{"a"'}]


def test_reasoning_without_words() -> None:
    item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": ""}], "encrypted_content": "x"}
    assert RESPONSES.reply({"status": "completed", "output": [item, MESSAGE]})[0]["parts"] == [said("x")]
    assert RESPONSES.request({"input": [item]}) == {}
