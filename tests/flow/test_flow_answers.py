"""A call that a policy answers: nobody below it sees the call, everybody above it the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import openai
import pytest
from flow_policies import Store, Wire, a_call, over, passing, refusing, reserving

import tokeneff
from tokeneff._adrive import adrive
from tokeneff._drive import drive
from tokeneff._flow import Call, Effect, Forward, Outcome, Run, answer, forward
from tokeneff._settings import settings_of
from tokeneff.cache._reply import Reply
from tokeneff.cache._tape import Tape
from tokeneff.testing import FakeProvider

FLAVOURS = ("sync", "async")
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1","choices":[{"index":0,'
    b'"finish_reason":"stop","message":{"role":"assistant","content":"kept"}}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
)
KEPT = Reply("json", (("content-type", "application/json"), ("x-request-id", "req_kept")), BODY)


def answering(reply: Any) -> Any:
    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        return (yield from answer(call, reply))

    return policy


def test_an_answer_is_the_drivers_to_give() -> None:
    store, call = Store(), a_call()
    run = Run([reserving(store, "outer"), answering(KEPT), refusing], call)
    run.start()

    assert run.resume(None) == Forward(call, KEPT)
    assert run.resume(over("read")) is not None
    assert run.resume(None) is None
    store.assert_even()


def sdk_call(flavour: str, policy: Any, *above: Any) -> tuple[Any, FakeProvider]:
    with FakeProvider() as provider:
        kind = openai.OpenAI if flavour == "sync" else openai.AsyncOpenAI
        client: Any = tokeneff.wrap(kind(api_key="k", base_url=provider.openai_url, max_retries=0))
        settings_of(client).policies = (*above, policy, refusing)

        async def create() -> Any:
            async with client:
                return await client.chat.completions.create(model="gpt-4.1", messages=HELLO)

        if flavour == "async":
            return asyncio.run(create()), provider
        with client:
            return client.chat.completions.create(model="gpt-4.1", messages=HELLO), provider


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_is_sent_and_those_above_are_settled(flavour: str) -> None:
    store, seen = Store(), list[Any]()
    reply, provider = sdk_call(flavour, answering(KEPT), passing, reserving(store, "above", seen))

    assert (reply.choices[0].message.content, reply._request_id) == ("kept", "req_kept")
    assert provider.request_count == 0
    store.assert_even()
    ((_, outcome),) = seen
    assert (outcome.ending, outcome.status, outcome.facts.id) == ("read", 200, "chatcmpl-1")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_tape_of_which_nothing_comes_is_failed_and_the_call_can_be_sent(flavour: str) -> None:
    endings: list[str] = []

    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        tape = Tape(call)
        tape.close()
        endings.append((yield from answer(call, tape)).ending)
        return (yield from answer(call, KEPT))

    reply, _ = sdk_call(flavour, policy)

    assert reply.choices[0].message.content == "kept"
    assert endings == ["failed"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_tape_of_which_nothing_comes_raises_where_nobody_sends_the_call(flavour: str) -> None:
    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        tape = Tape(call)
        tape.close()
        return (yield from answer(call, tape))

    with pytest.raises(openai.APIConnectionError, match="was to be shared"):
        sdk_call(flavour, policy)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_forward_is_sent_as_ever(flavour: str) -> None:
    def policy(call: Call) -> Generator[Effect, Any, Outcome]:
        return (yield from forward(call))

    wire, run = Wire("read"), Run([policy], a_call())

    assert (drive(run, wire.send) if flavour == "sync" else asyncio.run(adrive(run, wire.asend))) == "the reply"
