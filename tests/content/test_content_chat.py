"""Chat completions and legacy completions, whole results."""

from __future__ import annotations

from typing import Any

import pytest
from content_wire import DIALECTS, check_message, check_request

CHAT = DIALECTS["chat"][1]
COMPLETION = DIALECTS["completion"][1]


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def said(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def test_a_conversation() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Weather?", "name": "ann"},
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "I must look.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "get", "arguments": '{"place": "Bern"}'}},
                    {"id": "c2", "type": "function", "function": {"name": "get", "arguments": '{"pla'}},
                    {"id": "c3", "type": "custom", "custom": {"name": "sql", "input": "select 1"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "rainy"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "no"}]},
            {"role": "assistant", "content": "It rains.", "refusal": "No more."},
            {"role": "assistant", "content": "", "function_call": {"name": "old", "arguments": "{}"}},
            {"role": "function", "name": "old", "content": "done"},
            {"role": "user", "content": [{"type": "text", "text": "And?"}, "plain"]},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "get",
                    "description": "Weather.",
                    "parameters": {"type": "object"},
                    "strict": True,
                },
            },
            {"type": "function", "function": {"name": "bare"}},
            {"type": "custom", "custom": {"name": "sql", "description": "Query."}},
        ],
        "functions": [{"name": "old", "parameters": {"type": "object"}}],
    }
    found = CHAT.request(body)
    check_request(found)
    assert found == {
        "gen_ai.input.messages": [
            {"role": "developer", "parts": [said("Be brief.")]},
            {"role": "user", "parts": [said("Weather?")], "name": "ann"},
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "I must look."},
                    {"type": "tool_call", "id": "c1", "name": "get", "arguments": {"place": "Bern"}},
                    {"type": "tool_call", "id": "c2", "name": "get", "arguments": '{"pla'},
                    {"type": "tool_call", "id": "c3", "name": "sql", "arguments": "select 1"},
                ],
            },
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "rainy"}]},
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "c2", "response": [{"type": "text", "text": "no"}]}],
            },
            {"role": "assistant", "parts": [said("It rains."), said("No more.")]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": None, "name": "old", "arguments": {}}]},
            {
                "role": "function",
                "parts": [{"type": "tool_call_response", "id": None, "response": "done"}],
                "name": "old",
            },
            user(said("And?"), said("plain")),
        ],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "get", "description": "Weather.", "parameters": {"type": "object"}},
            {"type": "function", "name": "bare", "description": None, "parameters": None},
            {"type": "custom", "name": "sql", "description": "Query."},
            {"type": "function", "name": "old", "description": None, "parameters": {"type": "object"}},
        ],
    }


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png", "detail": "low"}},
            {"type": "uri", "modality": "image", "mime_type": None, "uri": "https://x.test/a.png"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%3E"}},
            {"type": "blob", "modality": "image", "mime_type": "image/svg+xml", "content": "PHN2Zz4="},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/mpeg", "content": "aGk="},
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "modality": "document", "mime_type": None, "file_id": "file-1"},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
            {"type": "blob", "modality": "document", "mime_type": "application/pdf", "content": "aGk="},
        ),
        (
            {"type": "file", "file": {"filename": "a.CSV", "file_data": "aGk="}},
            {"type": "blob", "modality": "document", "mime_type": "text/csv", "content": "aGk="},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}},
            {"type": "uri", "modality": "video", "mime_type": None, "uri": "https://x.test/a.mp4"},
        ),
        ({"type": "refusal", "refusal": "no"}, {"type": "text", "content": "no"}),
        ({"type": "newest", "data": (1, 2)}, {"type": "newest", "data": [1, 2]}),
        ({"text": "untyped"}, {"type": "text", "content": "untyped"}),
        ({"type": "text"}, {"type": "text"}),
    ],
)
def test_blocks(block: Any, part: Any) -> None:
    body = {"messages": [{"role": "user", "content": [block]}]}
    assert CHAT.request(body) == {"gen_ai.input.messages": [user(part)]}


def test_a_reply_with_sound_and_images() -> None:
    message = {
        "role": "assistant",
        "content": None,
        "audio": {"id": "a1", "data": "aGk=", "transcript": "hi", "expires_at": 1},
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
    }
    expected = {
        "role": "assistant",
        "parts": [
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
            {"type": "blob", "modality": "audio", "mime_type": None, "content": "aGk=", "transcript": "hi"},
        ],
        "finish_reason": "stop",
    }
    assert CHAT.reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}) == (expected,)
    deltas = [
        {"role": "assistant", "content": None},
        {"audio": {"id": "a1", "transcript": "h"}},
        {"audio": {"transcript": "i"}},
        {"audio": {"data": "aA=="}},
        {"audio": {"data": "aQ=="}},
        {"images": message["images"]},
        {},
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    assert CHAT.stream(chunks) == (expected,)
    again = CHAT.request({"messages": [{"role": "assistant", "audio": {"id": "a1"}}]})
    assert again["gen_ai.input.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "file", "modality": "audio", "mime_type": None, "file_id": "a1"}],
        }
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_call"),
        ("function_call", "tool_call"),
        ("error", "error"),
        ("insufficient_system_resource", "insufficient_system_resource"),
        (None, "stop"),
    ],
)
def test_finish_reasons(reason: str | None, expected: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": reason}
    assert CHAT.reply({"choices": [choice]}) == (
        {"role": "assistant", "parts": [said("x")], "finish_reason": expected},
    )
    chunk = {"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": reason}]}
    assert CHAT.stream([chunk])[0]["finish_reason"] == ("error" if reason is None else expected)


def call_chunk(**piece: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}]}


def test_tool_calls_of_odd_servers() -> None:
    """No index; the same index for every call; the id and name in every piece; arguments as an object."""
    two = [("a", "f", '{"x": 1}'), ("b", "g", '{"y": 2}')]

    def parts(chunks: list[Any]) -> Any:
        return [(part["id"], part["name"], part["arguments"]) for part in CHAT.stream(chunks)[0]["parts"]]

    expected = [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]
    whole = [call_chunk(id=i, function={"name": n, "arguments": a}) for i, n, a in two]
    assert parts(whole) == expected
    assert parts([call_chunk(index=0, id=i, function={"name": n, "arguments": a}) for i, n, a in two]) == expected
    pieces = [
        call_chunk(index=0, id=i, function={"name": n, "arguments": half}) for i, n, a in two for half in (a[:3], a[3:])
    ]
    assert parts(pieces) == expected
    unnumbered = [
        call_chunk(id="a", function={"name": "f", "arguments": '{"x"'}),
        call_chunk(function={"arguments": ": 1}"}),
    ]
    assert parts(unnumbered) == expected[:1]
    assert parts([call_chunk(index=0, id="a", function={"name": "f", "arguments": {"x": 1}})]) == expected[:1]
    custom = [
        call_chunk(index=0, id="a", type="custom", custom={"name": "sql", "input": "select"}),
        call_chunk(index=0, custom={"input": " 1"}),
    ]
    assert parts(custom) == [("a", "sql", "select 1")]


def test_reasoning_in_blocks() -> None:
    blocks = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "yes"},
    ]
    expected = [{"type": "reasoning", "content": "hm"}, said("yes")]
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": blocks}, "finish_reason": "stop"}]}
    assert CHAT.reply(whole)[0]["parts"] == expected
    chunk = {"choices": [{"index": 0, "delta": {"content": blocks}, "finish_reason": "stop"}]}
    assert CHAT.stream([chunk])[0]["parts"] == expected


def test_legacy_function_call_streamed() -> None:
    deltas = [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    assert CHAT.stream(chunks)[0] == {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": None, "name": "f", "arguments": {}}],
        "finish_reason": "error",
    }


def test_choices_in_order_and_no_arguments() -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]
    choices = [
        {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"},
        {"index": 0, "message": {"role": "assistant", "tool_calls": calls}, "finish_reason": None},
    ]
    assert CHAT.reply({"choices": choices}) == (
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": ""}],
            "finish_reason": "tool_call",
        },
        {"role": "assistant", "parts": [said("b")], "finish_reason": "stop"},
    )


def test_prompts() -> None:
    assert COMPLETION.request({"prompt": "a"}) == {"gen_ai.input.messages": [user(said("a"))]}
    assert COMPLETION.request({"prompt": ["a", "b"]}) == {"gen_ai.input.messages": [user(said("a")), user(said("b"))]}
    assert COMPLETION.request({"prompt": [1, 2, 3]}) == {}
    reply = {"choices": [{"index": 0, "text": "b", "finish_reason": "length"}]}
    assert COMPLETION.reply(reply) == ({"role": "assistant", "parts": [said("b")], "finish_reason": "length"},)


def test_not_a_reply() -> None:
    for data in ({}, {"error": {"message": "x"}}, {"choices": None}, {"choices": [None, 1]}):
        assert CHAT.reply(data) == ()
        assert COMPLETION.reply(data) == ()
    check_message(CHAT.reply({"choices": [{}]})[0], output=True)
