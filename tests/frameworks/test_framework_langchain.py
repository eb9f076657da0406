"""Budgets in LangChain."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

langchain_openai = pytest.importorskip("langchain_openai", reason="needs langchain-openai: make test-frameworks")
langchain_anthropic = pytest.importorskip("langchain_anthropic", reason="needs langchain-anthropic")

import openai  # noqa: E402
from framework_examples import COST, QUESTION, endless, example  # noqa: E402
from langchain_core.messages import HumanMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402

import tokeneff  # noqa: E402
from tokeneff.testing import FakeProvider, Reply, Usage  # noqa: E402

COSTS = {"chat": COST, "responses": COST, "anthropic": Decimal("0.01025")}
"""Claude Haiku 4.5: 10,000 tokens at 1 US dollar a million, 50 at 5."""


@tool
def search(query: str) -> str:
    """Search the catalogue."""
    return "nothing found"


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """It shares its HTTP clients, also among event loops that are over."""
    yield
    from langchain_anthropic import _client_utils as anthropics
    from langchain_openai.chat_models import _client_utils as openais

    for module in (anthropics, openais):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()
    with warnings.catch_warnings():  # of sockets that it left open
        warnings.simplefilter("ignore")
        gc.collect()


def model(kind: str, **install: Any) -> Any:
    tokeneff.install(**install)
    if kind == "anthropic":
        return langchain_anthropic.ChatAnthropic(model="claude-haiku-4-5", max_tokens=1000)
    # Whatever the host: chat streams say their usage where they are asked to.
    return langchain_openai.ChatOpenAI(
        model="gpt-4o-mini", max_tokens=1000, stream_usage=True, use_responses_api=kind == "responses"
    )


async def ask(by: Any, how: str, messages: list[Any]) -> Any:
    if how == "invoke":
        return by.invoke(messages)
    if how == "ainvoke":
        return await by.ainvoke(messages)
    reply = None
    if how == "stream":
        for chunk in by.stream(messages):
            reply = chunk if reply is None else reply + chunk
    else:
        async for chunk in by.astream(messages):
            reply = chunk if reply is None else reply + chunk
    return reply


async def run(by: Any, how: str) -> str:
    by, messages = by.bind_tools([search]), [HumanMessage(QUESTION)]
    while (reply := await ask(by, how, messages)).tool_calls:
        messages += [reply, *(search.invoke(call) for call in reply.tool_calls)]
    return reply.text


WAYS = pytest.mark.parametrize("how", ["invoke", "stream", "ainvoke", "astream"])
KINDS = pytest.mark.parametrize("kind", COSTS)


@WAYS
@KINDS
async def test_a_block_stops_a_loop_that_does_not_end(provider: FakeProvider, kind: str, how: str) -> None:
    limit = COSTS[kind] * 8
    with tokeneff.budget(usd=limit) as block:
        with pytest.raises(tokeneff.BudgetExceeded) as refused:
            await run(model(kind), how)
        assert type(refused.value) is tokeneff.BudgetExceeded
        assert refused.value.__cause__ is None
    assert block.spent == (
        provider.request_count * COSTS[kind],
        provider.request_count * 10_050,
        provider.request_count,
    )
    assert limit / 3 <= block.spent.usd <= limit
    assert block.held == (0, 0, 0)


@WAYS
@KINDS
async def test_a_client_s_budget_stops_it_too(provider: FakeProvider, kind: str, how: str) -> None:
    with pytest.raises(tokeneff.BudgetExceeded, match="budget 'total'"):
        await run(model(kind, budget=tokeneff.Budget(requests=3)), how)
    assert provider.request_count == 3


@WAYS
@KINDS
async def test_what_fits_is_as_without_a_budget(provider: FakeProvider, kind: str, how: str) -> None:
    provider.queue(endless(), Reply(text="Green tea.", usage=Usage(10_000, 50)))
    with tokeneff.budget(usd=1) as block:
        assert await run(model(kind, budget=tokeneff.Budget(usd=1, per="day")), how) == "Green tea."
    assert block.spent == (2 * COSTS[kind], 20_100, 2)


async def test_clients_that_it_builds_share_one_budget(provider: FakeProvider) -> None:
    """Each model has a client of its own; what they spend is one sum."""
    provider.default = Reply(text="Tea.", usage=Usage(10_000, 50))
    limit = tokeneff.Budget(requests=4)
    models = [model(kind, budget=limit) for kind in COSTS]
    for one in models:
        await one.ainvoke("Hi")
    await models[0].ainvoke("Hi")
    for one in models:
        with pytest.raises(tokeneff.BudgetExceeded):
            await one.ainvoke("Hi")
    assert provider.request_count == 4


async def test_a_batch_is_inside_its_block(provider: FakeProvider) -> None:
    """It runs in threads, in copies of the context."""
    provider.default = Reply(text="Tea.", usage=Usage(10, 5))
    by = model("chat")
    with tokeneff.budget(requests=5) as block:
        told = await asyncio.to_thread(by.batch, ["Hi"] * 8, return_exceptions=True)
    assert sum(isinstance(one, tokeneff.BudgetExceeded) for one in told) == 3
    assert (block.spent.requests, provider.request_count) == (5, 5)


async def test_retries_and_fallbacks_that_name_the_providers_errors(provider: FakeProvider) -> None:
    """Both take every exception unless told which."""
    first, second = model("chat", budget=tokeneff.Budget(requests=1)), model("anthropic")
    provider.default = Reply(text="Tea.", usage=Usage(10, 5))
    await first.ainvoke("Hi")
    with pytest.raises(tokeneff.BudgetExceeded):
        await first.with_fallbacks([second], exceptions_to_handle=(openai.APIError,)).ainvoke("Hi")
    with pytest.raises(tokeneff.BudgetExceeded):
        await first.with_retry(retry_if_exception_type=(openai.APIError,)).ainvoke("Hi")
    assert provider.request_count == 1
    assert (await first.with_fallbacks([second]).ainvoke("Hi")).text == "Tea."


def test_the_manual_s_example(provider: FakeProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = example("from langchain_openai import")
    said = there["answer"](QUESTION)
    assert said.startswith("I had to stop here: budget 'block': the call may cost up to 0.01")
    assert 4 < provider.request_count <= Decimal("0.02") / COST
    provider.queue(Reply(text="Green tea."))
    assert there["answer"](QUESTION) == "Green tea."
    assert (tmp_path / "budgets.db").exists()
