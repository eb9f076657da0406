"""A history sent again is the same request, byte for byte, whatever the client remembers of it."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokeneff
from tokeneff._memory import Memory
from tokeneff._settings import memory_of
from tokeneff.testing import FakeProvider

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "developer", "other"])},
    optional={
        "content": st.text() | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": st.text()})) | JSON,
        "tool_calls": JSON,
        "name": SCALARS,
        "extra": JSON,
    },
)
TOOL = st.fixed_dictionaries({"type": st.just("function"), "function": JSON})


def clients(provider: FakeProvider) -> tuple[openai.OpenAI, openai.OpenAI]:
    bare = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)
    return bare, tokeneff.wrap(bare)


def bodies(provider: FakeProvider) -> list[bytes]:
    return [request.body for request in provider.requests]


@pytest.fixture(scope="module")
def provider() -> Any:
    with FakeProvider() as fake:
        yield fake


@settings(max_examples=60, deadline=None)
@given(history=st.lists(MESSAGE, min_size=3, max_size=6), more=MESSAGE, tools=st.lists(TOOL, min_size=3, max_size=4))
def test_every_turn_sends_the_bytes_of_the_bare_client(
    provider: FakeProvider, history: Any, more: Any, tools: Any
) -> None:
    bare, wrapped = clients(provider)
    for messages in (history, [*history, more], history):
        given_messages, given_tools = copy.deepcopy(messages), copy.deepcopy(tools)
        before = len(bodies(provider))
        for client in (bare, wrapped):
            client.chat.completions.create(model="m", messages=given_messages, tools=given_tools)
        theirs, ours = bodies(provider)[before:]
        assert ours == theirs
        assert given_messages == messages
        assert given_tools == tools


def test_what_only_looks_equal_is_not_taken_for_it(provider: FakeProvider) -> None:
    bare, wrapped = clients(provider)
    turns: list[Any] = [
        [{"role": "user", "content": "a"}, {"role": "user", "n": 1}, {"role": "user", "n": 0.0}],
        [{"content": "a", "role": "user"}, {"role": "user", "n": True}, {"role": "user", "n": -0.0}],
        [{"role": "user", "content": "a"}, {"role": "user", "n": 1.0}, {"role": "user", "n": 0}],
        ({"role": "user", "content": "a"}, {"role": "user", "n": 1}, {"role": "user", "n": False}),
    ]
    for messages in turns:
        before = len(bodies(provider))
        for client in (bare, wrapped):
            client.chat.completions.create(model="m", messages=messages)
        theirs, ours = bodies(provider)[before:]
        assert ours == theirs


def test_models_and_iterators_go_the_way_of_the_sdk(provider: FakeProvider) -> None:
    bare, wrapped = clients(provider)
    reply = bare.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    history: list[Any] = [
        {"role": "user", "content": "hi"},
        reply.choices[0].message,
        {"role": "user", "content": "and"},
    ]
    before = len(bodies(provider))
    for client in (bare, wrapped, wrapped):
        client.chat.completions.create(model="m", messages=history)
        client.chat.completions.create(model="m", messages=iter(history))
    sent = bodies(provider)[before:]
    assert len(set(sent)) == 1


def test_a_message_changed_in_place_is_sent_as_it_is_now(provider: FakeProvider) -> None:
    _, wrapped = clients(provider)
    history: list[Any] = [{"role": "user", "content": str(number)} for number in range(4)]
    wrapped.chat.completions.create(model="m", messages=history)
    history[1]["content"] = "changed"
    wrapped.chat.completions.create(model="m", messages=history)
    sent = json.loads(bodies(provider)[-1])
    assert [message["content"] for message in sent["messages"]] == ["0", "changed", "2", "3"]


def test_responses_and_the_asynchronous_client(provider: FakeProvider) -> None:
    bare, wrapped = clients(provider)
    turns: list[Any] = [{"role": "user", "content": str(number)} for number in range(4)]
    before = len(bodies(provider))
    for client in (bare, wrapped, wrapped):
        client.responses.create(model="m", input=turns)

    async def also() -> None:
        async with openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k") as other:
            await tokeneff.wrap(other).responses.create(model="m", input=turns)

    asyncio.run(also())
    assert len(set(bodies(provider)[before:])) == 1


def test_it_is_switched_off_by_name(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    monkeypatch.setattr(Memory, "transformed", lambda *given: looked.append(given))
    bare, wrapped = clients(provider)
    history: list[Any] = [{"role": "user", "content": str(number)} for number in range(4)]
    tokeneff.wrap(bare, remember_messages=False).chat.completions.create(model="m", messages=history)
    assert not looked
    wrapped.chat.completions.create(model="m", messages=history)
    assert len(looked) == 1


def test_what_somebody_else_put_between_sees_the_messages(provider: FakeProvider) -> None:
    class Logging(openai.OpenAI):
        def post(self, path: str, **arguments: Any) -> Any:
            seen.append(arguments["body"]["messages"])
            return super().post(path, **arguments)

    seen: list[Any] = []
    history: list[Any] = [{"role": "user", "content": str(number)} for number in range(4)]
    client = tokeneff.wrap(Logging(base_url=provider.openai_url, api_key="k"))
    client.chat.completions.create(model="m", messages=history)
    assert seen == [history]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, provider: FakeProvider) -> None:
    monkeypatch.setattr("tokeneff._memory._MOST_BYTES", 2000)
    _, wrapped = clients(provider)
    memory = memory_of(wrapped)
    assert memory is not None
    for start in range(20):
        history: list[Any] = [{"role": "user", "content": f"{start + number} " * 50} for number in range(4)]
        wrapped.chat.completions.create(model="m", messages=history)
        assert 0 < memory.size <= 2000
