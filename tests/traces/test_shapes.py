"""Every shape of recording, read as the requests that were sent and the replies that came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tokeneff.traces import BrokenLine, Conversation, RecordedReply, RecordedToolCall, RecordedUsage, read, tools_beside


def write(path: Path, *records: Any) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records), encoding="utf-8")
    return path


def only(path: Path) -> Conversation:
    items = list(read(path))
    assert len(items) == 1
    assert isinstance(items[0], Conversation), items[0]
    return items[0]


CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "a"}'}}
SYSTEM = {"role": "system", "content": "be brief"}
ASKED = {"role": "user", "content": "hi"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
FOUND = {"role": "tool", "tool_call_id": "c1", "name": "find", "content": "it"}
SAID = {"role": "assistant", "content": "done"}


def test_openai_conversation(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 9, "cached_tokens": 4, "completion_tokens": 5, "reasoning_tokens": 2}
    found = only(
        write(
            tmp_path / "t.jsonl",
            {
                "id": "s1",
                "model": "gpt-4o",
                "format": "openai-chat",
                "messages": [SYSTEM, ASKED, CALLED, FOUND, SAID],
                "calls": [{"n_messages_in": 4, "created": 1763511492, **usage}],
                "unknown": {"field": 1},
            },
        )
    )
    assert (found.id, found.model, found.dialect, found.line) == ("s1", "gpt-4o", "openai", 1)
    first, second = found.calls
    assert first.request == {"model": "gpt-4o", "messages": [SYSTEM, ASKED]}
    assert first.reply == RecordedReply(tool_calls=(RecordedToolCall("c1", "find", '{"q": "a"}'),), model="gpt-4o")
    assert (first.usage, first.time) == (None, None)
    assert second.request == {"model": "gpt-4o", "messages": [SYSTEM, ASKED, CALLED, FOUND]}
    assert second.reply == RecordedReply(text="done", model="gpt-4o")
    assert (second.usage, second.time) == (RecordedUsage(9, 5, cache_read=4, reasoning=2), 1763511492.0)


def test_anthropic_conversation_with_compaction(tmp_path: Path) -> None:
    counts = {"input_tokens": 3, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 7, "output_tokens": 6}
    tool = {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": 1}}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": None}]}
    found = only(
        write(
            tmp_path / "t.jsonl",
            {
                "id": "s2",
                "model": "claude-a/claude-b",
                "format": "anthropic-messages",
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": " \n"}]},
                    {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, tool]},
                    result,
                    {"role": "assistant", "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"},
                ],
                "calls": [
                    {
                        "n_messages_in": 2,
                        "ts": "2026-02-11T20:36:47.925Z",
                        "model": "claude-b",
                        **counts,
                        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5},
                    },
                    {"event": "compact_boundary", "n_messages_in": 4},
                    {"n_messages_in": 4, "model": "claude-a", "input_tokens": 1, "output_tokens": None},
                ],
            },
        )
    )
    user = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    params = {"max_tokens": 4096, "system": "be brief"}
    assert (found.dialect, found.model, found.compactions) == ("anthropic", "claude-b", (3,))
    first, second = found.calls
    assert first.request == {"model": "claude-b", "messages": [user], **params}
    assert first.usage == RecordedUsage(20, 6, cache_read=10, cache_write=7, cache_write_1h=5)
    assert first.time == 1770842207.925
    assert first.reply == RecordedReply(
        tool_calls=(RecordedToolCall("t1", "find", '{"q": 1}'),), reasoning="hm", model="claude-b"
    )
    assert second.request["messages"] == [
        user,
        {"role": "assistant", "content": [tool]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1"}]},
    ]
    assert second.usage == RecordedUsage(1, 0)
    assert second.reply == RecordedReply(text="done", finish_reason="end_turn", model="claude-a")


def test_consecutive_assistants_nulls_and_a_greeting(tmp_path: Path) -> None:
    greeting, empty = {"role": "assistant", "content": "hello"}, {"role": "assistant", "content": None}
    found = only(write(tmp_path / "t.jsonl", {"model": "m", "messages": [greeting, ASKED, empty, SAID]}))
    assert [call.request["messages"] for call in found.calls] == [
        [greeting, ASKED],
        [greeting, ASKED, {"role": "assistant", "content": ""}],
    ]
    assert [call.reply for call in found.calls] == [
        RecordedReply(model="m"),
        RecordedReply(text="done", model="m"),
    ]


def test_messages_lose_what_a_provider_would_refuse(tmp_path: Path) -> None:
    flat = {"id": "", "name": "find", "arguments": {"q": 1}}
    messages = [
        {"role": "user", "content": {"odd": 1}, "timestamp": 5, "name": None},
        {"role": "assistant", "tool_calls": [flat, 7], "extra": {"response": {}}},
        {"type": "compact_boundary"},
        None,
        SAID,
    ]
    found = only(write(tmp_path / "t.jsonl", {"model": "m", "messages": messages}))
    sent = {"id": "call_0", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}}
    assert found.calls[1].request["messages"] == [
        {"role": "user", "content": '{"odd": 1}'},
        {"role": "assistant", "tool_calls": [sent], "content": None},
    ]


BODY = {"model": "gpt-4o", "messages": [SYSTEM, ASKED], "temperature": 0, "stop": None}
SENT = {"model": "gpt-4o", "messages": [SYSTEM, ASKED], "temperature": 0}
CHAT_REPLY = {
    "model": "gpt-4o-1",
    "created": 7,
    "choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": None,
    },
}


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (BODY, "t:1"),
        ({"id": 7, **BODY}, "7"),
        ({"custom_id": "b1", "method": "POST", "url": "/v1/chat/completions", "body": BODY}, "b1"),
        ({"custom_id": "b2", "params": BODY}, "b2"),
    ],
)
def test_plain_requests(tmp_path: Path, record: dict[str, Any], name: str) -> None:
    found = only(write(tmp_path / "t.jsonl", record))
    assert (found.id, len(found.calls)) == (name, 1)
    assert found.calls[0].request == SENT
    assert (found.calls[0].reply, found.calls[0].usage) == (None, None)


@pytest.mark.parametrize(
    "record",
    [
        {"request": BODY, "response": CHAT_REPLY},
        {
            "request": {"url": "/v1/chat/completions", "body": BODY},
            "response": {"status_code": 200, "body": CHAT_REPLY},
        },
        {**BODY, "response": CHAT_REPLY},
    ],
)
def test_request_and_response(tmp_path: Path, record: dict[str, Any]) -> None:
    call = only(write(tmp_path / "t.jsonl", record)).calls[0]
    assert call.request == SENT
    assert call.reply == RecordedReply(text="yes", finish_reason="stop", model="gpt-4o-1")
    assert (call.usage, call.time) == (RecordedUsage(3, 2, cache_read=1), 7.0)


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"model": "claude-x"}, "anthropic"),
        ({"model": "us.anthropic.claude-x"}, "anthropic"),
        ({"model": "anthropic/claude-x"}, "openai"),
        ({"model": "m"}, "openai"),
        ({"model": "m", "system": "s"}, "anthropic"),
        ({"model": "m", "tools": [{"name": "t", "input_schema": {}}]}, "anthropic"),
        ({"model": "claude-x", "tools": [{"type": "function", "function": {"name": "t"}}]}, "openai"),
        ({"model": "claude-x", "messages": [SYSTEM, ASKED]}, "openai"),
        ({"model": "m", "messages": [SYSTEM, {"role": "user", "content": [{"type": "document"}]}]}, "anthropic"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "openai"),
        ({"model": "m", "format": "anthropic-messages"}, "anthropic"),
    ],
)
def test_whose_request_it_is(tmp_path: Path, body: dict[str, Any], dialect: str) -> None:
    assert only(write(tmp_path / "t.jsonl", {"messages": [ASKED], **body})).dialect == dialect


def test_anthropic_request_and_response(tmp_path: Path) -> None:
    body = {"model": "claude-x", "max_tokens": 9, "system": "s", "messages": [{"role": "user", "content": "hi"}]}
    response = {
        "model": "claude-x-1",
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 2, "output_tokens": 3},
    }
    found = only(write(tmp_path / "t.jsonl", {"request": body, "response": response}))
    assert found.dialect == "anthropic"
    assert found.calls[0].request == body
    assert found.calls[0].reply == RecordedReply(text="yes", finish_reason="end_turn", model="claude-x-1")
    assert found.calls[0].usage == RecordedUsage(3, 3, cache_read=2)


def test_a_request_that_ends_with_a_question_is_one_request(tmp_path: Path) -> None:
    found = only(write(tmp_path / "t.jsonl", {"model": "m", "messages": [ASKED, SAID, ASKED]}))
    assert [len(call.request["messages"]) for call in found.calls] == [3]


@pytest.mark.parametrize("indent", [None, 2])
def test_json_array(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([BODY, {"model": "m"}, {**BODY, "id": "z"}], indent=indent), encoding="utf-8")
    first, second, third = read(path)
    assert isinstance(first, Conversation)
    assert isinstance(third, Conversation)
    assert first.calls[0].request == third.calls[0].request == SENT
    line = 1 if indent is None else path.read_text().splitlines().index("  },") + 2
    assert second == BrokenLine(str(path), line, "no messages")
    assert third.id == "z"


def test_a_long_pretty_array_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    many = [{"model": "m", "messages": [{"role": "user", "content": "é" * 30_000}]} for _ in range(40)]
    path.write_text(json.dumps(many, indent=1, ensure_ascii=False), encoding="utf-8")
    items = list(read(path))
    assert [item.line for item in items] == [2 + 9 * i for i in range(40)]
    assert all(
        isinstance(i, Conversation) and len(i.calls[0].request["messages"][0]["content"]) == 30_000 for i in items
    )


def test_a_broken_array_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(f"[\n{json.dumps(BODY)},\n{{oops}},\n{json.dumps(BODY)}\n]", encoding="utf-8")
    first, second = read(path)
    assert isinstance(first, Conversation)
    assert isinstance(second, BrokenLine)
    assert str(second).startswith(f"{path}:3: not JSON: Expecting property name enclosed in double quotes (column 2)")


def test_broken_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines: list[tuple[bytes, str | None]] = [
        (json.dumps(BODY).encode(), None),
        (b"", ""),
        (b'  {"model": ', "not JSON: Expecting value (column 12)"),
        (b'{"a": "\xff"}', "not UTF-8 (byte 8 of the line)"),
        (b"{} {}", "not JSON: more text after the value (column 3)"),
        (b'{"a": NaN}', "not JSON: NaN is not JSON"),
        (b"[" * 100_000, "not usable: nested too deeply"),
        (b"7", "not a conversation or request: expected an object, found a number"),
        (b"{}", "no messages"),
        (b'{"messages": null}', "no messages"),
        (b'{"messages": "hi"}', "messages is a text, not a list"),
        (b'{"messages": []}', "messages is empty"),
        (b'{"messages": [1]}', "messages holds no message with a role"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "a request without a model"),
        (
            b'{"format": "x", "messages": [{"role": "assistant", "content": "x"}]}',
            "no assistant message that answers a request",
        ),
        (b'{"model": "claude", "messages": [{"role": "user", "content": " "}]}', "no message that could be sent"),
        (b'{"url": "/v1/chat/completions", "body": 1}', "a batch line whose body is not an object"),
        (
            b'{"url": "/v1/embeddings", "body": {"model": "m", "messages": [{"role": "user"}]}}',
            "a request for /v1/embeddings; only chat completions and messages can be replayed",
        ),
        (json.dumps(BODY).encode(), None),
    ]
    path.write_bytes(b"".join(line + b"\n" for line, _ in lines))
    items = list(read(path))
    want = [BrokenLine(str(path), n, why) for n, (_, why) in enumerate(lines, start=1) if why]
    assert [item for item in items if isinstance(item, BrokenLine)] == want
    assert [item.line for item in items if isinstance(item, Conversation)] == [1, len(lines)]


def test_text_that_no_client_could_send_is_made_sendable(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.jsonl", r'{"model": "m", "messages": [{"role": "user", "content": "a\ud83d \ud83d\ude00"}]}'
    )
    assert only(path).calls[0].request["messages"][0]["content"] == "a\ufffd \U0001f600"


def test_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(BODY).encode() + b"\r\n\r\n   \n")
    assert only(path).calls[0].request == SENT


def test_an_open_file_is_read_and_left_open(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", BODY, "{")
    with path.open("rb") as stream:
        items = list(read(stream, name="in"))
        assert not stream.closed
    assert items[1] == BrokenLine("in", 2, "not JSON: Expecting property name enclosed in double quotes (column 2)")


def test_tools_are_sent_with_openai_conversations_that_keep_none(tmp_path: Path) -> None:
    trace = write(tmp_path / "shop_gpt.jsonl", {"messages": [ASKED, SAID]}, {"tools": [2], "messages": [ASKED, SAID]})
    beside = write(tmp_path / "shop_tools.json", [1])
    write(tmp_path / "other_tools.json", [3])
    assert tools_beside(trace) == beside
    assert tools_beside(write(tmp_path / "none.jsonl")) is None
    items = list(read(trace, tools=[{"type": "function"}]))
    assert [item.calls[0].request["tools"] for item in items if isinstance(item, Conversation)] == [
        [{"type": "function"}],
        [2],
    ]


def test_memory_does_not_grow_with_the_square_of_a_conversation(tmp_path: Path) -> None:
    found = only(write(tmp_path / "t.jsonl", {"model": "m", "messages": [ASKED, SAID] * 500}))
    assert len({id(call.messages) for call in found.calls}) == 1
    assert len(found.calls[-1].request["messages"]) == 999
