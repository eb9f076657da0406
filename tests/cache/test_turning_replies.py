"""Whole replies turned into streams and back, against the fake provider's own two forms and the SDKs' own reading."""

from __future__ import annotations

import http.client
import inspect
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokeneff._sse import events as read_events
from tokeneff.adapters._turning import Event, Turning
from tokeneff.adapters.anthropic._turn_messages import TURNING as MESSAGES
from tokeneff.adapters.openai._turn_chat import TURNING as CHAT
from tokeneff.adapters.openai._turn_completions import TURNING as COMPLETIONS
from tokeneff.adapters.openai._turn_responses import TURNING as RESPONSES
from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SAID = st.text(st.sampled_from('a b\n é😀.,{}"\\'), min_size=1, max_size=40)
CALLS = st.lists(
    st.builds(ToolCall, st.sampled_from(["search", "stop"]), st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=3)),
    max_size=3,
)
USAGE = st.builds(
    Usage,
    input_tokens=st.integers(10, 10**6),
    output_tokens=st.integers(1, 10**5),
    cache_read=st.integers(0, 10),
    reasoning=st.integers(0, 1),
)


def replies(reasoning: bool = True) -> st.SearchStrategy[Reply]:
    """Replies of the fake provider that say something."""
    return st.builds(
        Reply,
        text=SAID,
        tool_calls=CALLS.map(tuple),
        usage=USAGE,
        reasoning=st.none() | SAID if reasoning else st.none(),
        id=st.just("id_of_it"),
    )


@pytest.fixture(scope="module")
def wire() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


def asked(provider: FakeProvider, path: str, reply: Reply, body: dict[str, Any]) -> bytes:
    """The bytes that the provider answers with."""
    provider.queue(reply)
    connection = http.client.HTTPConnection("127.0.0.1", provider.port)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json", "x-api-key": "k"})
    answer = connection.getresponse().read()
    connection.close()
    return answer


def both(provider: FakeProvider, path: str, reply: Reply, body: dict[str, Any], **beside: Any) -> tuple[Any, Any]:
    """One reply whole, and as the events of a stream."""
    whole = json.loads(asked(provider, path, reply, body))
    return whole, list(read_events(asked(provider, path, reply, {**body, "stream": True, **beside})))


def data(events: list[Event] | None) -> list[Any]:
    """What the SDK gets of these events."""
    assert events is not None
    return [json.loads(json.dumps(said)) for _, said in events if said != "[DONE]"]


def normal(whole: Any) -> Any:
    """The same without what may be said in two ways: the texts of ids that the provider numbers by request."""
    return json.loads(json.dumps(whole, sort_keys=True))


EVERY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CHAT_BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
WITH_USAGE = {"stream_options": {"include_usage": True}}


@EVERY
@given(reply=replies(), n=st.integers(1, 2), logprobs=st.booleans())
def test_chat_both_ways(wire: FakeProvider, reply: Reply, n: int, logprobs: bool) -> None:
    body = {**CHAT_BODY, "n": n, "logprobs": logprobs}
    reply = named(reply)
    whole, chunks = both(wire, "/v1/chat/completions", reply, body, **WITH_USAGE)
    streamed = CHAT.whole(chunks)
    assert streamed is not None
    assert normal(streamed) == normal(whole)
    again = CHAT.events(whole, {**body, **WITH_USAGE})
    assert normal(CHAT.whole(data(again))) == normal(whole)
    assert normal(read_by_openai(data(again))) == normal(read_by_openai(chunks))


@EVERY
@given(reply=replies())
def test_responses_both_ways(wire: FakeProvider, reply: Reply) -> None:
    body = {"model": "m", "input": "hello", "store": False}
    whole, events = both(wire, "/v1/responses", named(reply), body)
    assert [event["type"] for event in same_part(data(RESPONSES.events(whole, body)))] == [
        event["type"] for event in same_part(events)
    ]
    assert without_ids(RESPONSES.whole(events)) == without_ids(whole)
    assert RESPONSES.whole(data(RESPONSES.events(whole, body))) == whole
    joined, meant = joined_deltas(data(RESPONSES.events(whole, body))), joined_deltas(events)
    assert joined == meant


@EVERY
@given(reply=replies())
def test_messages_both_ways(wire: FakeProvider, reply: Reply) -> None:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
    whole, events = both(wire, "/v1/messages", named(reply), body)
    streamed = MESSAGES.whole(events)
    assert streamed is not None
    assert {**streamed, "usage": None} == {**whole, "usage": None}
    assert streamed["usage"].items() >= whole["usage"].items()
    again = data(MESSAGES.events(whole, body))
    assert MESSAGES.whole(again) == whole
    assert read_by_anthropic(again) == anthropic.types.Message.model_validate(whole).to_dict()


@EVERY
@given(reply=replies(reasoning=False), n=st.integers(1, 2))
def test_completions_both_ways(wire: FakeProvider, reply: Reply, n: int) -> None:
    body = {"model": "m", "prompt": "hello", "n": n}
    reply = Reply(text=reply.text, usage=reply.usage, id="id_of_it")
    whole, chunks = both(wire, "/v1/completions", reply, body, **WITH_USAGE)
    assert COMPLETIONS.whole(chunks) == whole
    assert COMPLETIONS.whole(data(COMPLETIONS.events(whole, {**body, **WITH_USAGE}))) == whole
    assert not any("usage" in said for said in data(COMPLETIONS.events(whole, body)))


@pytest.mark.parametrize("turning", [CHAT, COMPLETIONS])
def test_usage_is_streamed_to_who_asks_for_it(wire: FakeProvider, turning: Turning) -> None:
    path = "/v1/chat/completions" if turning is CHAT else "/v1/completions"
    body = CHAT_BODY if turning is CHAT else {"model": "m", "prompt": "hello"}
    whole, plain = both(wire, path, Reply(text="hi there", id="i"), body)
    assert not any("usage" in chunk for chunk in data(turning.events(whole, body)))
    with_usage = data(turning.events(whole, {**body, **WITH_USAGE}))
    assert [chunk["usage"] for chunk in with_usage] == [None] * (len(with_usage) - 1) + [whole["usage"]]
    assert turning.whole(plain) is None  # what it used is not known


def cut(turning: Turning, events: list[Any]) -> None:
    for length in range(len(events)):
        found = turning.whole(events[:length])
        assert found is None or found == turning.whole(events)


def test_a_stream_that_was_cut_off_is_no_whole(wire: FakeProvider) -> None:
    reply = named(Reply(text="hi there you", tool_calls=(ToolCall("a", {"b": 1}),), reasoning="well then"))
    _, chunks = both(wire, "/v1/chat/completions", reply, CHAT_BODY, **WITH_USAGE)
    cut(CHAT, chunks)
    _, events = both(wire, "/v1/responses", reply, {"model": "m", "input": "hello"})
    cut(RESPONSES, events)
    _, events = both(wire, "/v1/messages", reply, {**CHAT_BODY, "max_tokens": 9})
    cut(MESSAGES, events)


WHOLES: dict[str, tuple[Turning, dict[str, Any]]] = {
    "chat: a field of the reply": (CHAT, {"choices": [{"index": 0, "message": {}, "finish_reason": "stop"}], "odd": 1}),
    "chat: a field of the message": (
        CHAT,
        {"choices": [{"index": 0, "message": {"content": "a", "images": [1]}, "finish_reason": "stop"}]},
    ),
    "chat: speech": (
        CHAT,
        {"choices": [{"index": 0, "message": {"content": None, "audio": {"id": "a"}}, "finish_reason": "stop"}]},
    ),
    "chat: tokens that are no text": (
        CHAT,
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"content": "é"},
                    "logprobs": {"content": [{"token": "\\xc3"}, {"token": "\\xa9"}]},
                    "finish_reason": "stop",
                }
            ]
        },
    ),
    "chat: none": (CHAT, {"choices": []}),
    "responses: another item": (RESPONSES, {"status": "completed", "output": [{"type": "web_search_call"}]}),
    "responses: incomplete": (RESPONSES, {"status": "incomplete", "output": []}),
    "messages: another block": (
        MESSAGES,
        {"content": [{"type": "compaction"}], "usage": {"output_tokens": 1}, "stop_reason": "end_turn"},
    ),
    "messages: no end": (MESSAGES, {"content": [], "usage": {}, "stop_reason": None}),
    "completions: log-probabilities": (
        COMPLETIONS,
        {"choices": [{"index": 0, "text": "a", "logprobs": {"tokens": ["a"]}, "finish_reason": "stop"}]},
    ),
}


@pytest.mark.parametrize("name", WHOLES)
def test_what_is_not_known_is_not_turned(name: str) -> None:
    turning, whole = WHOLES[name]
    assert turning.events(whole, {}) is None


def test_an_unknown_delta_is_not_turned(wire: FakeProvider) -> None:
    _, chunks = both(wire, "/v1/chat/completions", Reply(text="hi there"), CHAT_BODY, **WITH_USAGE)
    assert CHAT.whole(chunks) is not None
    chunks[1]["choices"][0]["delta"]["images"] = ["x"]
    assert CHAT.whole(chunks) is None
    _, events = both(wire, "/v1/messages", Reply(text="hi there"), {**CHAT_BODY, "max_tokens": 9})
    assert MESSAGES.whole(events) is not None
    next(event for event in events if event["type"] == "content_block_delta")["delta"]["type"] = "odd_delta"
    assert MESSAGES.whole(events) is None


def named(reply: Reply) -> Reply:
    """Its tool calls with ids of their own: the provider's are numbered by the request."""
    calls = tuple(ToolCall(call.name, call.arguments, id=f"call_{i}") for i, call in enumerate(reply.tool_calls))
    fields = {name: getattr(reply, name) for name in ("text", "usage", "reasoning")}
    return Reply(**fields, tool_calls=calls, id="id_of_it")


def read_by_openai(chunks: list[Any]) -> Any:
    """What the SDK's own helper makes of a stream."""
    from openai.lib.streaming.chat import ChatCompletionStreamState

    state = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(openai.types.chat.ChatCompletionChunk.model_validate(chunk))
    return state.current_completion_snapshot.to_dict()


def read_by_anthropic(events: list[Any]) -> Any:
    """What the SDK's own helper makes of a stream."""
    from anthropic._models import construct_type
    from anthropic.lib.streaming._messages import accumulate_event

    snapshot: Any = None
    beside = {"json_bufs": {}} if "json_bufs" in inspect.signature(accumulate_event).parameters else {}
    for event in events:
        made: Any = construct_type(type_=anthropic.types.RawMessageStreamEvent, value=event)
        snapshot = accumulate_event(event=made, current_snapshot=snapshot, **beside)
    assert snapshot is not None
    return {key: value for key, value in snapshot.to_dict().items() if value is not None or key != "stop_details"}


def same_part(events: list[Any]) -> list[Any]:
    """Events, of several deltas of one text the first."""
    found: list[Any] = []
    for event in events:
        if not (found and event["type"].endswith(".delta") and found[-1]["type"] == event["type"]):
            found.append(event)
    return found


def joined_deltas(events: list[Any]) -> dict[Any, str]:
    """The texts that deltas add up to, by where they belong."""
    found: dict[Any, str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            where = (event["type"], event["output_index"], event.get("content_index"), event.get("summary_index"))
            found[where] = found.get(where, "") + event["delta"]
    return found


def without_ids(whole: Any) -> Any:
    items = [{key: value for key, value in item.items() if key != "id"} for item in whole["output"]]
    return {**whole, "output": items}
