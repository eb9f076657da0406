"""Counting a request by its front door."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_lab import with_vocabulary, without_vocabulary

from tokeneff.accounts import InputParts
from tokeneff.tokens import TokenCount, count
from tokeneff.tokens._count import dialect_of

CHAT: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "be very brief"},
        {"role": "user", "content": "what is the weather"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny and warm all day"},
        {"role": "user", "content": [{"type": "text", "text": "and tomorrow then"}]},
    ],
}


def test_a_chat_request_by_part() -> None:
    # system 4 + 3 words; user 4 + 4, 4 + 3; assistant 4 and a call of 3 + 1 + 2; tool 4 + 5; reply 3, shared out.
    found = count(CHAT, by=with_vocabulary())
    assert found == TokenCount(
        input_tokens=44,
        parts=InputParts(system=7, tools=0, user_history=9, assistant_history=11, tool_results=10, attached=0, user=7),
        encoding="o200k_base",
        source="counted",
        expected_error=found.expected_error,
    )
    assert 0 < found.expected_error < 0.1


def test_an_anthropic_request_by_part() -> None:
    request: dict[str, Any] = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "ls", "description": "lists", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "list it"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "ls", "input": {"path": "."}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a b c"}]},
        ],
    }
    counter = with_vocabulary()
    prompt = counter.prompt("messages", request, request["model"])
    assert [(piece.kind, piece.contents) for piece in prompt.pieces] == [
        ("tools", (("schema", 7),)),
        ("system", (("text", 2),)),
        ("user", (("text", 4 + 2),)),
        ("assistant", (("text", 4), ("tool_call", 30 + 8 + 1 + 2))),
        ("tool", (("tool_result", 4 + 25 + 3),)),
    ]
    assert prompt.tokens == sum(piece.tokens for piece in prompt.pieces) + 3 + 346
    assert [piece.marked for piece in prompt.pieces] == [False, True, False, False, False]
    assert not prompt.exact


def test_a_responses_request_by_part() -> None:
    request: dict[str, Any] = {
        "model": "gpt-5",
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "list it"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "think"}], "encrypted_content": "x"},
            {"type": "function_call", "call_id": "c", "name": "ls", "arguments": "{} {}"},
            {"type": "function_call_output", "call_id": "c", "output": "a b c"},
            {"type": "item_reference", "id": "msg_1"},
        ],
        "previous_response_id": "resp_1",
    }
    prompt = with_vocabulary().prompt("responses", request, "gpt-5")
    assert [(piece.kind, piece.contents) for piece in prompt.pieces] == [
        ("system", (("text", 4 + 2),)),
        ("user", (("text", 4 + 2),)),
        ("assistant", (("reasoning", 1),)),
        ("assistant", (("tool_call", 3 + 1 + 2),)),
        ("tool", (("tool_result", 4 + 3),)),
        ("assistant", ()),
    ]
    assert prompt.unknown == ("encrypted reasoning", "item reference", "previous_response_id")


def test_no_words_are_no_guess() -> None:
    parts: list[Any] = [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]
    found = count({"model": "gpt-4o", "messages": [{"role": "user", "content": parts}]}, by=with_vocabulary())
    assert found.unknown == ("audio", "file", "image size")
    assert found.parts == InputParts(attached=found.parts.attached, user=found.parts.user)
    assert found.parts.attached >= 765  # of 1,024 by 1,024 pixels, and a share of the frame


@pytest.mark.parametrize(
    ("request_", "dialect"),
    [
        (CHAT, "chat"),
        ({"model": "gpt-4o", "input": "hi"}, "responses"),
        ({"model": "gpt-5", "previous_response_id": "r"}, "responses"),
        ({"model": "gpt-5", "prompt": {"id": "p"}}, "responses"),
        ({"model": "text-embedding-3-small", "input": ["hi"]}, "embeddings"),
        ({"model": "mine", "input": ["hi"], "dimensions": 3}, "embeddings"),
        ({"model": "gpt-3.5-turbo-instruct", "prompt": "hi"}, "completions"),
        ({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]}, "messages"),
        ({"model": "m", "system": "s", "messages": [{"role": "user", "content": "hi"}]}, "messages"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages"),
        ({"model": "m", "messages": [{"role": "system", "content": "hi"}]}, "chat"),
        ({"model": "claude-x", "messages": [{"role": "user", "content": "h"}], "response_format": {}}, "chat"),
        ({"model": "anthropic/claude-x", "messages": [{"role": "user", "content": "h"}]}, "chat"),
    ],
)
def test_the_dialect_shows(request_: dict[str, Any], dialect: str) -> None:
    assert dialect_of(request_, request_["model"]) == dialect


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        ({"messages": []}, TypeError, "needs a model"),
        ({"model": "gpt-4o"}, ValueError, "none of them"),
        ([], TypeError, "not list"),
    ],
)
def test_what_is_no_request_is_said_to_be_none(request_: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        count(request_)


def test_a_model_is_named_by_text() -> None:
    with pytest.raises(TypeError, match="needs a model"):
        count(CHAT, model=cast(Any, 5))


def test_it_prints() -> None:
    text = str(count({**CHAT, "model": "mistral-large"}, by=with_vocabulary()))
    assert text.splitlines()[0] == "44 input tokens, estimated by o200k_base, within about 26 %"
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["system", "7"],
        ["user_history", "9"],
        ["assistant_history", "11"],
        ["tool_results", "10"],
        ["user", "7"],
    ]


def test_without_a_vocabulary_it_is_an_estimate() -> None:
    found = count(CHAT, by=without_vocabulary())
    assert (found.source, found.encoding) == ("estimated", "estimator")
    assert found.expected_error > 0.1


def test_an_iterator_is_not_consumed() -> None:
    messages = iter([{"role": "user", "content": "hi"}])
    found = count({"model": "gpt-4o", "messages": messages}, by=with_vocabulary())
    assert found.unknown == ("iterator",)
    assert list(messages)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("hi", "messages are a list, .* not a value of type str"),
        ({"role": "user", "content": "hi"}, "messages are a list, .* not a value of type dict"),
        (5, "messages are a list, .* not a value of type int"),
        ([{"role": "user", "content": "hi"}, "hi"], r"messages\[1\] is a mapping .* not a value of type str"),
    ],
)
def test_what_are_no_messages_is_told(messages: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        count({"model": "gpt-4o", "messages": messages}, by=with_vocabulary())


@pytest.mark.parametrize("name", ["input", "prompt"])
def test_what_is_no_text_is_told(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is a text or a list, not a value of type int"):
        count({"model": "gpt-4o", name: 5}, by=with_vocabulary())


def test_the_sdks_own_values_count_as_their_data() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Message(pydantic.BaseModel):  # type: ignore[name-defined, misc]
        role: str
        content: str

    data = {"model": "gpt-4o", "messages": [{"role": "user", "content": "one two three"}]}
    values = {"model": "gpt-4o", "messages": [Message(role="user", content="one two three")]}
    counter = with_vocabulary()
    assert counter.prompt("chat", values, "gpt-4o") == counter.prompt("chat", data, "gpt-4o")


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "name", "input", "function", "source", "tool_calls", "x"]
            )
            | st.text(max_size=4),
            inner
            | st.sampled_from(["text", "image", "tool_use", "tool_result", "document", "function_call", "thinking"]),
            max_size=4,
        )
    ),
    max_leaves=25,
)
BODIES = st.dictionaries(
    st.sampled_from(
        ["messages", "input", "prompt", "system", "tools", "instructions", "text", "response_format", "tool_choice"]
    ),
    NESTED,
)


@settings(deadline=None, max_examples=50)
@given(BODIES, st.sampled_from(["chat", "responses", "messages", "completions", "embeddings"]))
def test_any_request_has_a_count(body: dict[str, Any], dialect: str) -> None:
    counter = with_vocabulary()
    prompt = counter.prompt(dialect, body, "gpt-4o")
    assert prompt.encoding == "o200k_base", "the whole could not be counted"
    assert all(piece.tokens == sum(tokens for _, tokens in piece.contents) for piece in prompt.pieces)
    assert prompt.tokens >= sum(piece.tokens for piece in prompt.pieces) - 4
    assert counter.prompt(dialect, body, "gpt-4o") == prompt
    tokens, error = counter.expected(prompt, "gpt-4o", "openai")
    assert tokens >= 0
    assert error > 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=40)), max_size=8))
def test_the_parts_sum_to_the_whole(said: list[tuple[str, str]]) -> None:
    request = {"model": "gpt-4o", "messages": [{"role": role, "content": text} for role, text in said]}
    for counter in (with_vocabulary(), without_vocabulary()):
        found = count(request, by=counter)
        assert sum(found.parts) == found.input_tokens
        assert min(found.parts) >= 0
