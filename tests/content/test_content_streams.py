"""A stream folded into messages equals the reply that came in one piece; a stream that was cut tells what was heard."""

from __future__ import annotations

import pytest
from content_wire import DIALECTS, check_message, events, whole

from tokeneff.testing import FakeProvider, Reply, ToolCall

CALLS = (
    ToolCall(name="search", arguments={"query": "Zürich 🏔", "limit": 3, "deep": [{"a": None}]}, id="c1"),
    ToolCall(name="now", arguments={}, id="c2"),
)
REPLIES = {
    "text": Reply(text="Hello there, how are you?"),
    "unicode": Reply(chunks=["Grüße", " 🏔", "\n\t", "終"]),
    "tools": Reply(tool_calls=CALLS),
    "text and tools": Reply(text="Let me see.", tool_calls=CALLS),
    "reasoning": Reply(text="42", reasoning="What is six times seven?"),
    "reasoning and tools": Reply(reasoning="I must search.", tool_calls=CALLS[:1]),
    "refusal": Reply(refusal="I cannot help with that."),
    "length": Reply(text="It was a dark and", finish_reason="length"),
    "filtered": Reply(text="It", finish_reason="content_filter"),
    "empty": Reply(text=""),
}
CHAT = ("chat", "responses", "messages")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", REPLIES)
def test_stream_equals_whole(provider: FakeProvider, dialect: str, name: str) -> None:
    content = DIALECTS[dialect][1]
    told = content.reply(whole(provider, dialect, REPLIES[name]))
    assert content.stream(events(provider, dialect, REPLIES[name])) == told
    assert len(told) == 1
    check_message(told[0], output=True)


@pytest.mark.parametrize("dialect", ["chat", "completion"])
def test_choices(provider: FakeProvider, dialect: str) -> None:
    reply = Reply(text="first one", choices=("second two", "third three"))
    content = DIALECTS[dialect][1]
    expected = tuple(
        {"role": "assistant", "parts": [{"type": "text", "content": said}], "finish_reason": "stop"}
        for said in ("first one", "second two", "third three")
    )
    assert content.reply(whole(provider, dialect, reply, n=3)) == expected
    streamed = events(provider, dialect, reply, n=3)
    assert content.stream(streamed) == expected
    # Choices may come in any order, mixed.
    assert content.stream(streamed[::2][::-1] + streamed[1::2][::-1])[2]["role"] == "assistant"


@pytest.mark.parametrize("dialect", CHAT)
@pytest.mark.parametrize("name", ["text", "text and tools", "reasoning and tools", "refusal"])
def test_every_cut(provider: FakeProvider, dialect: str, name: str) -> None:
    content = DIALECTS[dialect][1]
    all_events = events(provider, dialect, REPLIES[name])
    full = content.stream(all_events)
    ended = 0
    for end in range(len(all_events)):
        found = content.stream(all_events[:end])
        assert len(found) <= 1
        for message in found:
            check_message(message, output=True)
            assert message["role"] == "assistant"
            if message["finish_reason"] != "error":
                ended += 1
                continue
            for heard, part in zip(message["parts"], full[0]["parts"], strict=False):
                assert heard["type"] == part["type"]
                if "content" in part:
                    assert part["content"].startswith(heard["content"])
    # The finish reason comes with one of the last events, never before.
    assert ended <= 2
    assert full[0]["finish_reason"] != "error"


def test_cut_inside_tool_arguments(provider: FakeProvider) -> None:
    for dialect in CHAT:
        content = DIALECTS[dialect][1]
        all_events = events(provider, dialect, Reply(tool_calls=(ToolCall("f", {"text": "x" * 40}, id="c1"),)))
        cuts = [content.stream(all_events[:end]) for end in range(len(all_events))]
        calls = [part for found in cuts for message in found for part in message["parts"]]
        texts = {part["arguments"] for part in calls if isinstance(part["arguments"], str)}
        assert '{"text":"xxx' in texts, dialect
        assert {part["name"] for part in calls} == {"f"}
        assert {part["id"] for part in calls} == {"c1"}


def test_nothing_heard() -> None:
    for _, content, _ in DIALECTS.values():
        assert content.stream([]) == ()
        assert content.stream([None, 1, "x", {}]) == ()
    usage = {"id": "c", "choices": [], "usage": {"prompt_tokens": 3}}
    assert DIALECTS["chat"][1].stream([usage]) == ()
    assert DIALECTS["messages"][1].stream([{"type": "ping"}]) == ()
