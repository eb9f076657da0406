"""A history sent again is the same request, byte for byte, whatever the client remembers of it."""

from __future__ import annotations

import asyncio
import copy
import json
import re
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


@settings(max_examples=25, deadline=None)
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


OMITTED: Any = getattr(openai, "omit", openai.NOT_GIVEN)
ODD = st.sampled_from([0, 0.0, 1, 0.5, True, False, None, "a", "", OMITTED, ["x"], {"type": "text"}])
HELLO: list[Any] = [{"role": "user", "content": "hi"}]
CHAT = st.fixed_dictionaries(
    {"messages": st.just(HELLO) | st.just(tuple(HELLO)), "model": st.sampled_from(["m", "gpt-4.1"])},
    optional={
        **dict.fromkeys(("temperature", "seed", "user", "max_tokens", "top_p", "store", "metadata", "stop"), ODD),
        "tools": st.just([{"type": "function", "function": {"name": "f"}}]) | st.just(OMITTED),
        "extra_body": st.sampled_from([None, {}, {"temperature": 2, "own": 1}, {"messages": []}]),
        "extra_headers": st.just({"x-own": "1"}),
        "stream": st.sampled_from([False, OMITTED]),
        "timeout": st.just(20.0),
    },
)
RESPONSES = st.fixed_dictionaries(
    {"input": st.just(HELLO) | st.just("hi"), "model": st.just("m")},
    optional={
        **dict.fromkeys(("temperature", "instructions", "store", "truncation", "user", "metadata"), ODD),
        "extra_body": st.sampled_from([None, {"own": 1}]),
    },
)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(data=st.data(), chat=st.booleans())
def test_whatever_arguments_are_given_the_bytes_are_those_of_the_bare_client(
    provider: FakeProvider, data: st.DataObject, chat: bool
) -> None:
    bare, wrapped = clients(provider)
    drawn = data.draw(CHAT if chat else RESPONSES)
    names = data.draw(st.permutations(list(drawn)))
    values = [{name: drawn[name] for name in names}, {**drawn, **data.draw(CHAT if chat else RESPONSES)}]
    for arguments in (*values, *values):
        given_before, before = copy.copy(arguments), len(bodies(provider))
        for client in (bare, wrapped):
            (client.chat.completions if chat else client.responses).create(**arguments)
        theirs, ours = bodies(provider)[before:]
        assert ours == theirs
        assert arguments == given_before


def test_an_argument_that_the_sdk_looks_at_goes_its_way() -> None:
    from tokeneff.adapters.openai._carrying import Carrier

    omitted: Any = openai.NOT_GIVEN

    def create(*, model: str, user: Any = omitted, seed: Any = omitted, n: Any = omitted, **more: Any) -> Any:
        if user == "secret":
            raise ValueError(user)
        return {"user": user, "renamed": n, "model": model, "seed": seed}, more["extra_body"]

    carrier = Carrier(create, ())
    asked: dict[str, Any] = {"seed": 1, "user": "u", "model": "m", "n": 2}
    body, extra = create(**carrier.arguments(asked, {}))
    extra.learn(body)
    body, extra = create(**carrier.arguments(asked, {}))
    assert (body["user"], body["renamed"]) == ("u", 2)
    assert extra.held == {"seed": 1, "model": "m"}
    assert extra.order == ("user", "renamed", "model", "seed")


def test_what_is_logged_of_a_call_is_as_it_was(provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    bare, wrapped = clients(provider)
    told: list[list[str]] = []
    for client in (bare, wrapped, wrapped):
        caplog.clear()
        with caplog.at_level("DEBUG", logger="openai"):
            client.chat.completions.create(model="m", messages=HELLO, temperature=0)
        told.append([re.sub("retry-[-0-9a-f]+", "", line) for line in caplog.messages if "options" in line])
    assert told == [told[0]] * 3
