"""What a reply answers, in every form that one is kept in, and which answers are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokeneff.cache import Reply
from tokeneff.cache.semantic import Answer, equal
from tokeneff.cache.semantic._answers import answer_of

TOOL = ("get_weather", '{"city": "Oslo"}')
FUNCTION = {"name": TOOL[0], "arguments": TOOL[1]}


def whole(body: dict[str, Any]) -> Reply:
    return Reply("json", (), json.dumps(body).encode())


def stream(*events: dict[str, Any]) -> Reply:
    return Reply("sse", (), b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events))


def chat(message: dict[str, Any]) -> Reply:
    return whole({"choices": [{"index": 0, "message": {"role": "assistant", **message}}]})


def chunks(*deltas: dict[str, Any]) -> Reply:
    return stream(*[{"choices": [{"index": 0, "delta": delta}]} for delta in deltas], {"choices": []})


BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "text", "text": "Let me see."},
    {"type": "tool_use", "id": "t", "name": TOOL[0], "input": {"city": "Oslo"}},
]
ITEMS = [
    {"type": "reasoning", "id": "r", "summary": []},
    {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "Let me see."}]},
    {"type": "function_call", "call_id": "c", **FUNCTION},
]
BOTH = Answer("Let me see.", (TOOL,))

REPLIES = {
    "chat": (chat({"content": "Paris."}), Answer("Paris.")),
    "chat with a tool": (
        chat({"content": "Let me see.", "tool_calls": [{"id": "c", "type": "function", "function": FUNCTION}]}),
        BOTH,
    ),
    "chat stream": (
        chunks({"role": "assistant", "content": ""}, {"content": "Par"}, {"content": "is."}),
        Answer("Paris."),
    ),
    "chat stream with a tool": (
        chunks(
            {"content": "Let me see."},
            {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "get_weather", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]},
        ),
        BOTH,
    ),
    "completion": (whole({"choices": [{"index": 0, "text": "Paris."}]}), Answer("Paris.")),
    "responses": (whole({"output": ITEMS}), BOTH),
    "responses stream": (
        stream({"type": "response.created"}, {"type": "response.completed", "response": {"output": ITEMS}}),
        BOTH,
    ),
    "messages": (whole({"type": "message", "content": BLOCKS}), BOTH),
    "messages stream": (
        stream(
            {"type": "message_start", "message": {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Let me"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " see."}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "id": "t", "name": TOOL[0], "input": {}},
            },
            {
                "type": "content_block_delta",
                "index": 1,
                "delta": {"type": "input_json_delta", "partial_json": TOOL[1]},
            },
            {"type": "message_stop"},
        ),
        BOTH,
    ),
    "two choices": (whole({"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}), None),
    "sound": (chat({"content": None, "audio": {"id": "a"}}), None),
    "an item that is not known": (whole({"output": [{"type": "image_generation_call"}]}), None),
    "a block that is not known": (whole({"content": [{"type": "server_tool_use"}]}), None),
    "nothing said": (chat({"content": ""}), None),
    "speech": (Reply("bytes", (), b"RIFF"), None),
    "no JSON": (Reply("json", (), b"{"), None),
    "another JSON": (whole({"data": []}), None),
}


@pytest.mark.parametrize("name", REPLIES)
def test_what_a_reply_says_is_read(name: str) -> None:
    reply, answer = REPLIES[name]
    found = answer_of(reply)

    if answer is None or found is None:
        assert found == answer
    else:
        assert found.text == answer.text
        assert [(tool, json.loads(given)) for tool, given in found.tool_calls] == [
            (tool, json.loads(given)) for tool, given in answer.tool_calls
        ]


def test_a_stream_and_the_whole_reply_are_the_same_answer() -> None:
    streamed, together = (answer_of(REPLIES[name][0]) for name in ("messages stream", "messages"))

    assert streamed is not None
    assert together is not None
    assert equal(streamed, together)


LONG = (
    "To change the code of a card, open the app, choose the card from the list at the top, touch settings, and then"
    " choose a new code that nobody else knows and that is easy for anyone to remember without paper."
)
PAIRS = [
    ("Paris.", "paris", True),
    ("Paris.", "It is Paris.", False),
    ("It takes 5 days.", "It takes five days", True),
    ("It takes 5 days.", "It takes 6 days.", False),
    (LONG, LONG.replace("anyone", "everyone"), True),
    (LONG, LONG.replace("the app", "the 2 apps"), False),
    (LONG, LONG.replace("without paper", "with paper"), False),
    (LONG, LONG.replace("open the app", "do not open the app"), False),
    (LONG, LONG + " Run `reset()`.", False),
    (
        LONG,
        "Something entirely else, of as many words, but of which no one would say that they mean the same thing.",
        False,
    ),
]


@pytest.mark.parametrize(("one", "other", "same"), PAIRS)
def test_answers_are_the_same_only_where_rules_can_tell(one: str, other: str, same: bool) -> None:
    assert equal(Answer(one), Answer(other)) is same
    assert equal(Answer(other), Answer(one)) is same


def test_tools_are_part_of_an_answer() -> None:
    order = Answer(LONG, (("f", '{"a": 1, "b": [2]}'),))

    assert equal(order, Answer(LONG, (("f", '{"b":[2],"a":1}'),)))
    assert not equal(order, Answer(LONG, (("f", '{"a": 1, "b": [3]}'),)))
    assert not equal(order, Answer(LONG, (("g", '{"a": 1, "b": [2]}'),)))
    assert not equal(order, Answer(LONG))


@given(st.text(max_size=300), st.text(max_size=300))
def test_an_answer_is_the_same_as_itself_and_it_makes_no_difference_which_was_first(one: str, other: str) -> None:
    assert equal(Answer(one), Answer(one))
    assert equal(Answer(one), Answer(other)) == equal(Answer(other), Answer(one))


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 30))
def test_another_number_is_another_answer(one: int, other: int, at: int) -> None:
    assume(one != other)
    words = LONG.split()
    texts = [" ".join([*words[:at], str(number), *words[at:]]) for number in (one, other)]

    assert not equal(Answer(texts[0]), Answer(texts[1]))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("choices", "output", "content", "type", "text", "message", "delta", "index", "name")),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_reply_is_too_strange_to_be_looked_at(body: Any) -> None:
    data = json.dumps(body).encode()

    answer_of(Reply("json", (), data))
    answer_of(Reply("sse", (), b"data: " + data + b"\n\n"))
