"""Replies that are served again and again: each time another object, in nothing different from what the SDK makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cache_lab import ASKED, CLAUDE, FLAVOURS, GPT, WAYS, Lab, Way, ready
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tokeneff
from tokeneff.cache import _serve
from tokeneff.cache._place import settled
from tokeneff.cache._serve import http_of
from tokeneff.testing import Reply, ToolCall

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": GPT,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Once",
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                "annotations": [],
            },
            "finish_reason": "tool_calls",
            "logprobs": {"content": [{"token": "Once", "bytes": [79], "logprob": -0.5, "top_logprobs": []}]},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "prompt_tokens_details": {"x": [1]}},
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": CLAUDE,
    "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "text", "text": "Once", "citations": None},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"deep": [{"er": [1, 2]}]}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
WHOLES = {"openai": CHAT, "anthropic": MESSAGE}


def state(value: Any) -> Any:
    """All that a reply consists of."""
    if hasattr(type(value), "__pydantic_fields_set__"):
        parts = (value.__pydantic_extra__, value.__pydantic_private__)
        return type(value), state(vars(value)), sorted(value.__pydantic_fields_set__), *map(state, parts)
    if isinstance(value, dict):
        return type(value), [(name, state(item)) for name, item in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [state(item) for item in value]
    return type(value), value


def things(value: Any) -> Iterator[Any]:
    """All in it that can be changed."""
    if hasattr(type(value), "__pydantic_fields_set__"):
        yield value
        yield value.__pydantic_fields_set__
        for part in (vars(value), value.__pydantic_extra__, value.__pydantic_private__):
            yield from things(part)
    elif isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from things(item)


@pytest.fixture
def recasts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each kept reply that was served was made again from what it consisted of."""
    found: list[bool] = []
    known = _serve.recast

    def recast(call: Any, reply: Any) -> Any:
        sent = known(call, reply)
        found.append(sent is not None)
        return sent

    monkeypatch.setattr(_serve, "recast", recast)
    return found


def asked(client: Any, **more: Any) -> Any:
    if hasattr(client, "chat"):
        return client.chat.completions.create(**{"model": GPT, "messages": ASKED, "temperature": 0, **more})
    return client.messages.create(**{"model": CLAUDE, "messages": ASKED, "max_tokens": 9, **more})


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_each_caller_has_an_object_of_their_own(lab: Lab, way: Way, flavour: str, recasts: list[bool]) -> None:
    lab.provider.default = Reply(text="Once", tool_calls=(ToolCall("look", {"where": ["here"]}),))
    client = lab.client(way.sdk, flavour)
    live = await ready(way.ask(client))
    settled()
    hits = [await ready(way.ask(client)) for _ in range(3)]
    assert recasts == [False, True, True]
    assert [state(hit) for hit in hits] == [state(live)] * 3
    held = [id(thing) for hit in (live, *hits) for thing in things(hit)]
    assert len(held) == len(set(held))
    for thing in things(hits[2]):
        if isinstance(thing, (dict, list, set)):
            thing.clear()
    assert state(await ready(way.ask(client))) == state(live)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 1 << 70) | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def odd(draw: st.DrawFn, whole: dict[str, Any]) -> dict[str, Any]:
    """A reply with a few members taken out, or put in the place of others, or added."""
    made = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(0, 4))):
        places = [thing for thing in things(made) if thing]
        place = draw(st.sampled_from(places))
        name = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        action = draw(st.sampled_from(("drop", "put", "add")))
        if action == "put":
            place[name] = draw(JSON)
        elif isinstance(place, dict) and action == "add":
            place["more_" + draw(st.text(max_size=3))] = draw(JSON)
        elif isinstance(place, dict):
            del place[name]
    made.pop("error", None)
    return made


@pytest.mark.property
@pytest.mark.parametrize("sdk", WHOLES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_reply_says(sdk: str, lab: Lab, recasts: list[bool], data: st.DataObject) -> None:
    body = json.dumps(data.draw(odd(WHOLES[sdk]))).encode()
    http = http_of(lab.bare(sdk, "sync")).module
    headers = {"content-type": "application/json", "request-id": "r1", "x-request-id": "r2"}

    def respond(request: Any) -> Any:
        return http.Response(200, headers=headers, content=body)

    def client() -> Any:
        return lab.bare(sdk, "sync", http_client=http.Client(transport=http.MockTransport(respond)))

    bare = asked(client())
    wrapped = tokeneff.wrap(client(), cache=tokeneff.Cache(f"memory://{id(body)}", when="always"))
    recasts.clear()
    for _ in range(4):
        assert state(asked(wrapped)) == state(bare)
        settled()
    assert recasts in ([False, True, True], [])  # what is not whole is not kept


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_what_others_have_a_hand_in_goes_the_sdks_way(
    lab: Lab, way: Way, flavour: str, recasts: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = lab.client(way.sdk, flavour)
    for _ in range(3):
        await ready(way.ask(client))
        settled()
    assert recasts == [False, True]
    kind = tokeneff.unwrap(client).__class__
    known, told = kind._process_response_data, []

    def noting(self: Any, **given: Any) -> Any:
        told.append(given["data"])
        return known(self, **given)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "_process_response_data", noting)
        await ready(way.ask(client))
    await ready(way.ask(client))
    assert (len(told), recasts[2:], lab.sent) == (1, [False, True], 1)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("sdk", WHOLES)
async def test_a_raw_reply_has_its_response(lab: Lab, sdk: str, flavour: str, recasts: list[bool]) -> None:
    client = lab.client(sdk, flavour, {"when": "always"})
    for _ in range(3):
        await ready(asked(client))
        settled()
    raw = await ready(asked(client, extra_headers={"X-Stainless-Raw-Response": "true"}))
    assert raw.headers["content-type"] == "application/json"
    assert (recasts, lab.sent) == ([False, True, False], 1)
