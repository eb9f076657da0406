"""Calls that are trimmed on their way: what is sent, what stays, and what happens when a provider refuses it."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import openai
import pytest
from trim_clients import FLAVOURS, Clients, ready

import tokeneff
from tokeneff import context
from tokeneff.testing import FakeProvider, Reply, Usage, faults

GPT, CLAUDE = "gpt-4.1-mini", "claude-sonnet-4-6"
ROWS = json.dumps([{"id": f"item-{n}", "name": f"thing number {n}", "price": n * 1.5} for n in range(60)], indent=4)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(Reply(text="done", usage=Usage(input_tokens=900, output_tokens=5))) as made:
        yield made


@pytest.fixture
def wrapped(bare: Clients) -> Callable[..., Any]:
    """Makes wrapped clients on the provider."""

    def make(sdk: str, flavour: str, **more: Any) -> Any:
        more.setdefault("trim", tokeneff.Trim(store=f"memory://{uuid.uuid4().hex}"))
        return tokeneff.wrap(bare(sdk, flavour), **more)

    return make


def chat(turns: int) -> dict[str, Any]:
    """A conversation in which a tool was called so many times."""
    messages: list[Any] = [
        {"role": "system", "content": "You keep a shop."},
        {"role": "user", "content": "What is there?"},
    ]
    for turn in range(turns):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "list", "arguments": f'{{"page": {turn}}}'}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{turn}", "content": ROWS.replace("item", f"item{turn}")})
    return {"model": GPT, "messages": messages}


def messages(turns: int) -> dict[str, Any]:
    found: list[Any] = [{"role": "user", "content": "What is there?"}]
    for turn in range(turns):
        call = {"type": "tool_use", "id": f"c{turn}", "name": "list", "input": {"page": turn}}
        result = {"type": "tool_result", "tool_use_id": f"c{turn}", "content": ROWS.replace("item", f"item{turn}")}
        found += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return {"model": CLAUDE, "max_tokens": 100, "system": "You keep a shop.", "messages": found}


WAYS = [
    pytest.param("openai", lambda client: client.chat.completions.create, chat, id="chat"),
    pytest.param("anthropic", lambda client: client.messages.create, messages, id="messages"),
]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("sdk", "create", "body"), WAYS)
async def test_results_are_shorter_and_stay_as_they_were_sent(
    provider: FakeProvider, wrapped: Any, sdk: str, create: Any, body: Any, flavour: str
) -> None:
    client = wrapped(sdk, flavour)
    for turns in range(1, 5):
        asked = body(turns)
        before = copy.deepcopy(asked)
        await ready(create(client)(**asked))
        assert asked == before, "the caller's own is not touched"
    sent = [request.json["messages"] for request in provider.requests]
    sizes = [(len(json.dumps(one)), len(json.dumps(body(turns)["messages"]))) for turns, one in enumerate(sent, 1)]
    assert all(size < 0.8 * whole for size, whole in sizes[1:])
    for earlier, later in pairwise(sent):
        assert later[: len(earlier)] == earlier


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_needs_no_trimming_is_sent_byte_for_byte(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    body = {"model": GPT, "messages": [{"role": "user", "content": "Say  hello.   \n\n\n"}]}
    for trim in (None, True):
        client = wrapped("openai", flavour, trim=trim)
        await ready(client.chat.completions.create(**body))
    assert provider.requests[0].body == provider.requests[1].body


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_is_refused_is_sent_as_it_was_and_left_alone_from_then_on(
    provider: FakeProvider, wrapped: Any, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = wrapped("openai", flavour)
    whole = json.dumps(chat(3)["messages"][-1]["content"])
    provider.default = lambda request: (
        Reply(text="fine") if whole in json.dumps(request.json) else faults.bad_request("messages: no")
    )
    for turns in (3, 4):
        reply = await ready(client.chat.completions.create(**chat(turns)))
        assert reply.choices[0].message.content == "fine"
    assert [
        request.json["messages"] == chat(turns)["messages"]
        for request, turns in zip(provider.requests, (3, 3, 4), strict=True)
    ] == [False, True, True]
    assert "refused a trimmed request" in caplog.text


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_what_is_refused_for_another_reason_changes_nothing(
    provider: FakeProvider, wrapped: Any, flavour: str
) -> None:
    client = wrapped("openai", flavour)
    provider.default = lambda request: (
        faults.bad_request("temperature: no") if request.json.get("temperature") else Reply(text="fine")
    )
    for sent in ({}, {"temperature": 9}, {}):
        if sent:
            with pytest.raises(openai.BadRequestError, match="temperature"):
                await ready(client.chat.completions.create(**chat(3), **sent))
        else:
            await ready(client.chat.completions.create(**chat(3)))
    first, trimmed, original, last = (request.json["messages"] for request in provider.requests)
    assert first == trimmed == last != original == chat(3)["messages"]


async def test_one_tenants_refusal_is_not_anothers(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("openai", "sync", trim=tokeneff.Trim(by="tenant", store=f"memory://{uuid.uuid4().hex}"))
    whole = json.dumps(chat(3)["messages"][-1]["content"])
    provider.default = lambda request: (
        Reply(text="fine") if whole in json.dumps(request.json) else faults.bad_request("messages: no")
    )
    with tokeneff.tag(tenant="a"):
        client.chat.completions.create(**chat(3))
    provider.default = Reply(text="fine")
    for tenant, model in (("a", GPT), ("b", GPT), ("a", "gpt-4o-mini")):
        with tokeneff.tag(tenant=tenant):
            client.chat.completions.create(**{**chat(3), "model": model})
    found = [request.json["messages"] == chat(3)["messages"] for request in provider.requests]
    assert found == [False, True, True, False, False]


@pytest.mark.parametrize("alone", ["held out", "given up"])
async def test_a_limit_holds_for_conversations_that_are_left_alone(
    provider: FakeProvider, wrapped: Any, alone: str
) -> None:
    held = alone == "held out"
    trim = tokeneff.Trim(
        max_input_tokens=9_000, holdout=float(held), store=f"memory://{uuid.uuid4().hex}", history=False
    )
    client = wrapped("openai", "sync", trim=trim)
    if not held:
        whole = json.dumps(chat(3)["messages"][-1]["content"])
        provider.default = lambda request: (
            Reply(text="fine") if whole in json.dumps(request.json) else faults.bad_request("messages: no")
        )
    turns = [3, 4, 8, 9, 10]
    for turn in turns:
        if turn > 3:
            provider.default = Reply(text="fine")
        client.chat.completions.create(**chat(turn))
    sent = [request.json for request in provider.requests][not held :]
    assert [one["messages"] == chat(turn)["messages"] for one, turn in zip(sent, turns, strict=True)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert all(tokeneff.count(one).input_tokens <= 9_000 for one in sent)
    assert sent[3]["messages"][: len(sent[2]["messages"])] == sent[2]["messages"]  # once cut, it goes on from there


async def test_what_is_longer_than_allowed_is_not_sent_even_where_less_was_refused(
    provider: FakeProvider, wrapped: Any
) -> None:
    client = wrapped("openai", "sync", trim=tokeneff.Trim(max_input_tokens=6_000))
    provider.default = faults.bad_request("messages: no")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**chat(8))
    assert [tokeneff.count(request.json).input_tokens <= 6_000 for request in provider.requests] == [True]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_limit_is_met_or_what_stands_in_the_way_is_said(
    provider: FakeProvider, wrapped: Any, flavour: str
) -> None:
    trim = tokeneff.Trim(max_input_tokens=6_000, store=f"memory://{uuid.uuid4().hex}")
    client = wrapped("openai", flavour, trim=trim)
    await ready(client.chat.completions.create(**chat(8)))
    sent = provider.requests[0].json
    assert tokeneff.count(sent).input_tokens <= 6_000 < tokeneff.count(chat(8)).input_tokens
    with pytest.raises(tokeneff.ContextTooLong, match="newest user turn"):
        await ready(client.chat.completions.create(model=GPT, messages=[{"role": "user", "content": ROWS * 10}]))
    assert len(provider.requests) == 1


async def test_conversations_that_are_held_out_are_sent_as_they_are(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("openai", "sync", trim=tokeneff.Trim(holdout=1.0))
    client.chat.completions.create(**chat(3))
    assert provider.requests[0].json["messages"] == chat(3)["messages"]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"max_input_tokens": 0}, ValueError, "120_000"),
        ({"lossy": "everything"}, ValueError, "is no kind"),
        ({"holdout": 2}, ValueError, "from 0 to 1"),
        ({"keep_tools": 3}, TypeError, "keep_tools="),
        ({"store": ""}, ValueError, "sqlite:///"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(given: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tokeneff.Trim(**given)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_inside_a_block_requests_are_sent_as_they_are_written(
    provider: FakeProvider, wrapped: Any, flavour: str
) -> None:
    client = wrapped("openai", flavour)
    whole = chat(3)["messages"]
    with tokeneff.override(trim=False):
        await ready(client.chat.completions.create(**chat(3)))
        with tokeneff.override(cache="bypass"):  # says nothing of trimming
            await ready(client.chat.completions.create(**chat(3)))
        with tokeneff.override(trim=None):
            await ready(client.chat.completions.create(**chat(3)))
    await ready(client.chat.completions.create(**chat(3)))
    assert [request.json["messages"] == whole for request in provider.requests] == [True, True, False, False]
    assert provider.requests[2].body == provider.requests[3].body


def test_an_override_says_something() -> None:
    with pytest.raises(TypeError, match="says nothing"):
        tokeneff.override()
    for wrong in (True, 0, "never"):
        with pytest.raises(ValueError, match=r"override\(trim=.*write False, or None"):
            tokeneff.override(trim=wrong)  # pyright: ignore[reportArgumentType]
    with tokeneff.override(cache="only", trim=False), tokeneff.override(trim=None):
        assert context.current_overrides() == ("only", None)
