"""Streams are metered as they come: cut at the limit, settled on what was received, whoever ends them."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest
from budget_lab import ASKED, CLAUDE, FLAVOURS, GPT, Lab, each, ready

import tokeneff
from tokeneff.budgets import Budget
from tokeneff.errors import BudgetExceeded
from tokeneff.stores import Amounts
from tokeneff.testing import Reply, ToolCall, Usage, faults

SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
IN_FULL = {"chat": ("sync",), "responses": ("async",), "messages": ("sync",)}
"""Shapes, and flavours, of which thousands of tokens are read; unless there is time, then of both."""
by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
PIECE = " token"


async def _chat(client: Any) -> AsyncIterator[Any]:
    async for event in each(await ready(client.chat.completions.create(model=GPT, messages=ASKED, stream=True))):
        yield event


async def _chat_helper(client: Any) -> AsyncIterator[Any]:
    async for event in _managed(client.chat.completions.stream(model=GPT, messages=ASKED)):
        yield event


async def _chat_streaming(client: Any) -> AsyncIterator[Any]:
    made = client.chat.completions.with_streaming_response.create(model=GPT, messages=ASKED, stream=True)
    async for event in _managed(made, lambda reply: reply.iter_lines()):
        yield event


async def _chat_raw(client: Any) -> AsyncIterator[Any]:
    reply = await ready(client.chat.completions.with_raw_response.create(model=GPT, messages=ASKED, stream=True))
    async for event in each(reply.parse()):
        yield event


async def _responses(client: Any) -> AsyncIterator[Any]:
    async for event in each(await ready(client.responses.create(model=GPT, input="A story!", stream=True))):
        yield event


async def _messages(client: Any) -> AsyncIterator[Any]:
    made = client.messages.create(model=CLAUDE, messages=ASKED, max_tokens=5000, stream=True)
    async for event in each(await ready(made)):
        yield event


async def _messages_helper(client: Any) -> AsyncIterator[Any]:
    async for event in _managed(client.messages.stream(model=CLAUDE, messages=ASKED, max_tokens=5000)):
        yield event


async def _messages_streaming(client: Any) -> AsyncIterator[Any]:
    made = client.messages.with_streaming_response.create(model=CLAUDE, messages=ASKED, max_tokens=5000, stream=True)
    async for event in _managed(made, lambda reply: reply.iter_bytes()):
        yield event


async def _managed(manager: Any, read: Callable[[Any], Any] = lambda stream: stream) -> AsyncIterator[Any]:
    if hasattr(manager, "__aenter__"):
        async with manager as stream:
            async for event in each(read(stream)):
                yield event
    else:
        with manager as stream:
            for event in read(stream):
                yield event


class Shape(NamedTuple):
    name: str
    sdk: str
    read: Callable[[Any], AsyncIterator[Any]]

    def __str__(self) -> str:
        return self.name


SHAPES = (
    Shape("chat", "openai", _chat),
    Shape("chat.stream helper", "openai", _chat_helper),
    Shape("chat streaming response, lines", "openai", _chat_streaming),
    Shape("chat raw, parsed", "openai", _chat_raw),
    Shape("responses", "openai", _responses),
    Shape("messages", "anthropic", _messages),
    Shape("messages.stream helper", "anthropic", _messages_helper),
    Shape("messages streaming response, bytes", "anthropic", _messages_streaming),
)
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


async def read(shape: Shape, client: Any, events: list[Any], most: int | None = None) -> None:
    stream = shape.read(client)
    try:
        async for event in stream:
            events.append(event)
            if len(events) == most:
                break
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


async def let_go(lab: Lab) -> None:
    """Until the collector has found what was dropped, and its end was told."""
    for _ in range(200):
        gc.collect()
        if not lab.store.holds():
            return
        await asyncio.sleep(0.01)


def long_reply(pause: float = 0.002, pieces: int = 1) -> Any:
    """More than any budget here has room for, slowly enough for a disconnect to be seen; so many pieces in a chunk."""
    usage = Usage(input_tokens=30, output_tokens=3000)
    return faults.slow_chunks(pause, Reply(chunks=[PIECE * pieces] * (3000 // pieces), usage=usage))


@by_flavour
@by_shape
async def test_a_stream_is_cut_at_the_limit(lab: Lab, shape: Shape, flavour: str) -> None:
    lab.provider.queue(long_reply(0.0005, pieces=2))
    events: list[Any] = []

    with pytest.raises(BudgetExceeded) as raised:
        await read(shape, lab.client(shape.sdk, flavour, Budget(tokens=700, name="small")), events)

    error = raised.value
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.disconnects == 1)
    assert error.partial is not None
    received = len(error.partial.text) // len(PIECE)
    assert error.partial.text == PIECE * received
    assert len(events) > 200
    spent = lab.spent()
    assert spent.tokens <= 700
    if shape.sdk == "openai":
        assert received > 0.9 * 700
        assert spent.tokens - received < 40  # the input
    else:
        # Of a vocabulary that is not Anthropic's own, a count is taken for 1.17 times as many.
        assert spent.tokens > 0.97 * 700
    assert (error.budget, error.unit, error.guard.action) == ("small", "tokens", "cut")
    assert lab.steps()[0] == "reserve"
    assert lab.steps()[-1] == "settle"


@pytest.mark.parametrize(
    ("shape", "flavour"),
    [
        (shape, flavour)
        for shape in SHAPES
        for flavour in FLAVOURS
        if flavour in IN_FULL.get(shape.name, ()) or (SOAK and shape.name in IN_FULL)
    ],
    ids=str,
)
async def test_what_a_cut_stream_is_charged_is_what_the_provider_counted(lab: Lab, shape: Shape, flavour: str) -> None:
    """Within 2 %, once a few calls have shown how the provider counts: here each piece is a token, as for OpenAI's."""
    budgets = [Budget(tokens=2500, by="user")]
    client = lab.client(shape.sdk, flavour, budgets)
    for number in range(5):
        lab.provider.queue(Reply(text=PIECE * 100, usage=Usage(input_tokens=30 + number, output_tokens=100)))
        resource = client.chat.completions if shape.sdk == "openai" else client.messages
        await ready(resource.create(model=GPT if shape.sdk == "openai" else CLAUDE, messages=ASKED, max_tokens=110))
    lab.provider.queue(long_reply(0.0002))

    with tokeneff.tag(user="small"), pytest.raises(BudgetExceeded) as raised:
        await read(shape, client, [])

    assert raised.value.partial is not None
    truth = 30 + len(raised.value.partial.text) // len(PIECE)
    spent = next(state.balance.spent.tokens for state in lab.store.states() if state.scope == "user=small")
    assert spent == pytest.approx(truth, rel=0.02)


@by_flavour
@by_shape
async def test_a_stream_that_fits_is_read_to_its_end(lab: Lab, shape: Shape, flavour: str) -> None:
    reply = Reply(chunks=[PIECE * 2] * 450, usage=Usage(input_tokens=30, output_tokens=900))
    lab.provider.queue(reply)
    events: list[Any] = []

    await read(shape, lab.client(shape.sdk, flavour, Budget(tokens=5000)), events)

    told = not shape.name.startswith("chat")  # completions of this host tell usage only if asked
    assert lab.spent().tokens == (930 if told else pytest.approx(930, abs=25))
    held = [entry.held.tokens for entry in lab.store.journal() if entry.step != "settle"]
    assert held[0] < 400, "only a first step is held at first"
    assert len(held) >= 3
    assert sum(held) < 1600, "never much more than what came"


@by_flavour
@by_shape
async def test_a_stream_that_its_caller_leaves_is_settled_on_what_came(lab: Lab, shape: Shape, flavour: str) -> None:
    lab.provider.queue(long_reply())
    events: list[Any] = []

    await read(shape, lab.client(shape.sdk, flavour, Budget(usd=1)), events, most=200)

    await let_go(lab)
    assert lab.settled()[0].note == "counted"
    least = 60 if "helper" in shape.name else 90  # helpers tell of each chunk in two or three events; lines, too
    assert least < lab.spent().tokens < 320


@by_flavour
async def test_a_dropped_stream_is_settled(lab: Lab, flavour: str) -> None:
    lab.provider.queue(long_reply())
    client = lab.client("openai", flavour, Budget(usd=1))

    stream = await ready(client.chat.completions.create(model=GPT, messages=ASKED, stream=True))
    seen = 0
    async for _ in each(stream):
        seen += 1
        if seen == 100:
            break
    del stream

    await let_go(lab)
    assert 90 < lab.spent().tokens < 160


@by_flavour
async def test_tool_calls_and_reasoning_are_metered_too(lab: Lab, flavour: str) -> None:
    arguments = {"text": "token " * 3000}
    lab.provider.queue(faults.slow_chunks(0.0005, Reply(tool_calls=(ToolCall("write", arguments),))))
    events: list[Any] = []

    with pytest.raises(BudgetExceeded) as raised:
        await read(SHAPES[0], lab.client("openai", flavour, Budget(tokens=600)), events)

    assert raised.value.partial is not None
    assert raised.value.partial.tool_calls[0][0] == "write"
    assert lab.spent().tokens <= 600


@by_flavour
async def test_what_reasons_unseen_is_held_for_in_full(lab: Lab, flavour: str) -> None:
    lab.provider.queue(Reply(text="x", usage=Usage(input_tokens=10, output_tokens=800, reasoning=790)))
    client = lab.client("openai", flavour, Budget(tokens=2000))

    made = client.chat.completions.create(model="gpt-5", messages=ASKED, stream=True, max_completion_tokens=1000)
    events = [event async for event in each(await ready(made))]

    assert events
    assert lab.store.journal()[0].held.tokens > 1000


@by_flavour
async def test_the_providers_count_of_the_input_makes_room(lab: Lab, flavour: str) -> None:
    """Held for at the price of uncached input, and read from the cache."""
    long = [{"role": "user", "content": "fox " * 20_000}]
    usage = Usage(input_tokens=23_000, output_tokens=900, cache_read=22_900)
    lab.provider.queue(Reply(chunks=[PIECE] * 900, usage=usage))
    client = lab.client("anthropic", flavour, Budget(usd="0.135"))

    made = client.messages.create(model=CLAUDE, messages=long, max_tokens=5000, stream=True)
    events = [event async for event in each(await ready(made))]

    assert len(events) > 900
    assert lab.store.journal()[0].held.usd > 0.129e9
    assert lab.spent() == Amounts(100 * 3000 + 22_900 * 300 + 900 * 15_000, 23_900, 1)


@by_flavour
async def test_a_large_chunk_is_not_delivered_beyond_the_limit(lab: Lab, flavour: str) -> None:
    lab.provider.queue(faults.slow_chunks(0.05, Reply(chunks=[PIECE * 200] * 10)))
    events: list[Any] = []

    with pytest.raises(BudgetExceeded):
        await read(SHAPES[0], lab.client("openai", flavour, Budget(tokens=700)), events)

    assert lab.spent().tokens <= 700
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.disconnects == 1)


@by_flavour
async def test_a_stream_that_breaks_is_settled_on_what_came(lab: Lab, flavour: str) -> None:
    lab.provider.queue(faults.cut(300, Reply(chunks=[PIECE] * 500)))
    events: list[Any] = []

    with pytest.raises(Exception, match=r"onnection|closed"):
        await read(SHAPES[0], lab.client("openai", flavour, Budget(usd=1)), events)

    assert 300 <= lab.spent().tokens <= 330


@by_flavour
async def test_a_metered_stream_is_what_it_is_without(lab: Lab, flavour: str) -> None:
    """Byte for byte."""
    reply = Reply(chunks=[PIECE] * 600, usage=Usage(input_tokens=30, output_tokens=600), id="chatcmpl-1", gzip=True)
    lab.provider.queue(reply, reply)
    found: list[bytes] = []
    for client in (lab.bare("openai", flavour), lab.client("openai", flavour, Budget(usd=1))):
        made = client.chat.completions.with_streaming_response.create(model=GPT, messages=ASKED, stream=True)
        chunks = [chunk async for chunk in _managed(made, lambda reply: reply.iter_bytes())]
        found.append(b"".join(chunks))

    bare, metered = found
    assert bare.count(b"data:") == metered.count(b"data:")
    assert len(bare) == len(metered)
    assert len(lab.steps()) >= 4
