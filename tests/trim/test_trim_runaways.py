"""Streams that say the same over and over: cut, charged for what had come, and told to their caller."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from trim_clients import FLAVOURS, Clients, each, ready

import tokeneff
from tokeneff.stores.memory import MemoryStore
from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage, faults

GPT, CLAUDE = "gpt-4.1-mini", "claude-sonnet-4-6"
UNIT = "and so on and "
WORDS = "Once upon a time there was a fox that could count to three and no further. "
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Tell me a story."}]
STOPS = tokeneff.Output(stop_repetition=1_000)
RUNAWAY = Reply(chunks=[WORDS] + [UNIT * 4] * 80, usage=Usage(input_tokens=20, output_tokens=9_999))
SLOW = faults.slow_chunks(0.002, Reply(chunks=[WORDS] + [UNIT * 4] * 1_500, usage=Usage(20, 99_999)))
"""Long enough that the provider is still speaking when it is cut."""


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(SLOW) as made:
        yield made


@pytest.fixture
def wrapped(bare: Clients) -> Callable[..., Any]:
    def make(sdk: str, flavour: str, output: tokeneff.Output = STOPS, **more: Any) -> Any:
        return tokeneff.wrap(bare(sdk, flavour), trim=tokeneff.Trim(output=output), **more)

    return make


async def _chat(client: Any, **more: Any) -> Any:
    return await ready(client.chat.completions.create(model=GPT, messages=ASKED, stream=True, **more))


async def _responses(client: Any, **more: Any) -> Any:
    return await ready(client.responses.create(model=GPT, input="Tell me a story.", stream=True, **more))


async def _messages(client: Any, **more: Any) -> Any:
    return await ready(client.messages.create(model=CLAUDE, messages=ASKED, max_tokens=8_000, stream=True, **more))


WAYS = [
    pytest.param("openai", _chat, id="chat"),
    pytest.param("openai", _responses, id="responses"),
    pytest.param("anthropic", _messages, id="messages"),
]


async def _within(manager: Any) -> None:
    """Read what a context manager of either flavour opens."""
    if hasattr(manager, "__aenter__"):
        async with manager as stream:
            await _read(stream)
    else:
        with manager as stream:
            await _read(stream)


async def _read(stream: Any) -> int:
    count = 0
    async for _ in each(stream):
        count += 1
    return count


def _is_cut(raised: Any, where: str = "text", unit: str = UNIT) -> Any:
    error = raised.value
    assert error.where == where
    assert (len(error.unit), error.unit * 2) == (len(unit), error.unit + error.unit)
    assert error.unit in unit * 2
    assert 1_000 - len(unit) < len(error.unit) * error.times <= 1_000
    return error


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("sdk", "ask"), WAYS)
async def test_a_runaway_is_cut_and_charged_for_what_had_come(
    provider: FakeProvider, wrapped: Any, sdk: str, ask: Any, flavour: str
) -> None:
    store = MemoryStore()
    client = wrapped(sdk, flavour, budget=tokeneff.Budget(tokens=50_000), store=store)
    stream = await ask(client)
    with pytest.raises(tokeneff.RunawayRepetition) as raised:
        await _read(stream)
    error = _is_cut(raised)
    assert error.partial.text.startswith(WORDS)
    assert 1_000 <= len(error.partial.text) - len(WORDS) <= 1_000 + 256 + 2 * len(UNIT * 4)
    provider.wait_for(lambda p: p.disconnects == 1)
    last = tokeneff.last(client)
    assert (last.ending, last.failure.type) == ("broken_off", "tokeneff.errors.RunawayRepetition")
    assert store.holds() == []
    (state,) = store.states()
    assert 250 < state.balance.spent.tokens < 450, "what had come, and not what the provider would have said"


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("sdk", "ask"), WAYS)
async def test_reasoning_and_tool_calls_are_watched_as_well(
    provider: FakeProvider, wrapped: Any, sdk: str, ask: Any, flavour: str
) -> None:
    client = wrapped(sdk, flavour)
    arguments = json.dumps({"text": "ab" * 2_000})
    provider.queue(Reply(text="x", tool_calls=(ToolCall("write", arguments),)), Reply(text="x", reasoning=UNIT * 300))
    with pytest.raises(tokeneff.RunawayRepetition) as raised:
        await _read(await ask(client))
    assert raised.value.where == "tool call"
    assert raised.value.partial.tool_calls[0][0] == "write"
    with pytest.raises(tokeneff.RunawayRepetition) as raised:
        await _read(await ask(client))
    _is_cut(raised, "reasoning")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("sdk", "ask"), WAYS)
async def test_what_ends_by_itself_is_left_alone(
    provider: FakeProvider, wrapped: Any, sdk: str, ask: Any, flavour: str
) -> None:
    provider.default = Reply(text=WORDS * 13)
    assert await _read(await ask(wrapped(sdk, flavour))) > 10
    provider.default = RUNAWAY
    whole = await _read(await ask(wrapped(sdk, flavour, tokeneff.Output(max_tokens=9_000))))
    with tokeneff.override(trim=False):
        assert await _read(await ask(wrapped(sdk, flavour))) == whole > 80
    by_tag = wrapped(
        sdk, flavour, tokeneff.Output(stop_repetition=1_000, by={"job": {7: tokeneff.Output(stop_repetition=False)}})
    )
    with tokeneff.tag(job="7"):
        assert await _read(await ask(by_tag)) == whole
    with tokeneff.tag(job=8), pytest.raises(tokeneff.RunawayRepetition):
        await _read(await ask(by_tag))


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_stream_helpers_raise_it_from_their_loop(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    openai, anthropic = wrapped("openai", flavour), wrapped("anthropic", flavour)
    for manager in (
        anthropic.messages.stream(model=CLAUDE, messages=ASKED, max_tokens=8_000),
        openai.chat.completions.stream(model=GPT, messages=ASKED)
        if hasattr(openai.chat.completions, "stream")
        else openai.beta.chat.completions.stream(model=GPT, messages=ASKED),
        openai.responses.stream(model=GPT, input="Tell me a story."),
    ):
        with pytest.raises(tokeneff.RunawayRepetition) as raised:
            await _within(manager)
        _is_cut(raised)


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_raw_stream_is_cut_as_its_bytes_are_read(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    client = wrapped("openai", flavour)
    raw = await ready(client.chat.completions.with_raw_response.create(model=GPT, messages=ASKED, stream=True))
    with pytest.raises(tokeneff.RunawayRepetition) as raised:
        await _read(await ready(raw.parse()))
    _is_cut(raised)
    await asyncio.to_thread(provider.wait_for, lambda p: p.disconnects == 1)
    create = client.chat.completions.with_streaming_response.create(model=GPT, messages=ASKED, stream=True)
    async with contextlib.AsyncExitStack() as stack:
        response = stack.enter_context(create) if flavour == "sync" else await stack.enter_async_context(create)
        with pytest.raises(tokeneff.RunawayRepetition) as raised:
            await _read(response.iter_lines())
        await asyncio.to_thread(provider.wait_for, lambda p: p.disconnects == 2)  # while the response is open
    _is_cut(raised)
    assert tokeneff.last(client).ending == "broken_off"


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_budget_and_the_watch_each_cut_their_own(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    poor = wrapped("openai", flavour, budget=tokeneff.Budget(tokens=200), store=MemoryStore())
    with pytest.raises(tokeneff.BudgetExceeded):
        await _read(await _chat(poor))
    assert tokeneff.last(poor).failure.type == "tokeneff.errors.BudgetExceeded"


async def test_those_who_read_along_are_cut_off_as_well(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("openai", "async", cache=tokeneff.Cache(store="memory://runaways", when="always"))

    async def one() -> str:
        try:
            await _read(await _chat(client))
        except Exception as error:  # noqa: BLE001 - whichever it is
            return type(error).__name__
        return "read"

    first = asyncio.create_task(one())
    await asyncio.to_thread(provider.wait_for, lambda p: p.request_count == 1)
    ended = await asyncio.wait_for(asyncio.gather(one(), first), 5)
    assert "RunawayRepetition" in ended
    assert "read" not in ended
    await asyncio.to_thread(provider.wait_for, lambda p: p.disconnects == 1)
    with pytest.raises(tokeneff.RunawayRepetition):
        await _read(await _chat(client))  # nothing of it was kept


async def test_nothing_holds_on_to_a_stream_that_was_cut(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("openai", "sync")
    stream = await _chat(client)
    held = weakref.ref(stream.response)
    with contextlib.suppress(tokeneff.RunawayRepetition):
        await _read(stream)
    del stream
    gc.collect()
    assert held() is None
