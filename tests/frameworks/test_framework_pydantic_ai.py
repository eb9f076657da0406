"""Budgets in PydanticAI."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

pydantic_ai = pytest.importorskip("pydantic_ai", reason="needs pydantic-ai-slim: make test-frameworks")

from anthropic import AsyncAnthropic  # noqa: E402
from framework_examples import COST, QUESTION, endless, example, wrapped  # noqa: E402
from openai import AsyncOpenAI  # noqa: E402
from pydantic_ai.models.anthropic import AnthropicModel  # noqa: E402
from pydantic_ai.models.fallback import FallbackModel  # noqa: E402
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel  # noqa: E402
from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: E402
from pydantic_ai.providers.openai import OpenAIProvider  # noqa: E402

import tokeneff  # noqa: E402
from tokeneff.testing import FakeProvider, Reply, Usage  # noqa: E402

COSTS = {"chat": COST, "responses": COST, "anthropic": Decimal("0.01025")}
"""Claude Haiku 4.5: 10,000 tokens at 1 US dollar a million, 50 at 5."""


def model(kind: str, budget: Any = None) -> Any:
    if kind == "anthropic":
        client = wrapped(AsyncAnthropic(), budget=budget)
        return AnthropicModel("claude-haiku-4-5", provider=AnthropicProvider(anthropic_client=client))
    made = OpenAIChatModel if kind == "chat" else OpenAIResponsesModel
    return made("gpt-4o-mini", provider=OpenAIProvider(openai_client=wrapped(AsyncOpenAI(), budget=budget)))


def search(query: str) -> str:
    """Search the catalogue."""
    return "nothing found"


async def run(how: str, by: Any, tools: Any = (search,)) -> Any:
    agent: Any = pydantic_ai.Agent(by, tools=list(tools))
    limits = pydantic_ai.UsageLimits(request_limit=None)
    if how == "run":
        return (await agent.run(QUESTION, usage_limits=limits)).output
    if how == "run_stream":
        async with agent.run_stream(QUESTION, usage_limits=limits) as result:
            return await result.get_output()
    async with agent.iter(QUESTION, usage_limits=limits) as steps:
        async for _ in steps:
            pass
    return steps.result.output


@pytest.mark.parametrize("how", ["run", "run_stream", "iter"])
@pytest.mark.parametrize("kind", COSTS)
async def test_a_block_stops_an_agent_that_does_not_end(provider: FakeProvider, kind: str, how: str) -> None:
    limit = COSTS[kind] * 14
    with tokeneff.budget(usd=limit) as block:
        with pytest.raises(tokeneff.BudgetExceeded) as refused:
            await run(how, model(kind))
        assert type(refused.value) is tokeneff.BudgetExceeded
        assert (refused.value.budget, refused.value.partial) == ("block", None)
    assert block.spent == (
        provider.request_count * COSTS[kind],
        provider.request_count * 10_050,
        provider.request_count,
    )
    assert limit / 3 <= block.spent.usd <= limit
    assert block.held == (0, 0, 0)


@pytest.mark.parametrize("how", ["run", "run_stream", "iter"])
@pytest.mark.parametrize("kind", COSTS)
async def test_a_client_s_budget_stops_it_too(provider: FakeProvider, kind: str, how: str) -> None:
    with pytest.raises(tokeneff.BudgetExceeded, match="budget 'total'"):
        await run(how, model(kind, tokeneff.Budget(requests=7)))
    assert provider.request_count == 7


@pytest.mark.parametrize("how", ["run", "run_stream", "iter"])
@pytest.mark.parametrize("kind", COSTS)
async def test_what_fits_is_as_without_a_budget(provider: FakeProvider, kind: str, how: str) -> None:
    provider.queue(endless(), Reply(text="Green tea.", usage=Usage(10_000, 50)))
    with tokeneff.budget(usd=1) as block:
        assert await run(how, model(kind, tokeneff.Budget(usd=1, per="day"))) == "Green tea."
    assert block.spent == (2 * COSTS[kind], 20_100, 2)


@pytest.mark.parametrize("kind", COSTS)
async def test_a_stream_is_cut_where_the_money_ends(provider: FakeProvider, kind: str) -> None:
    words = [f" word{number}" for number in range(5000)]
    provider.queue(Reply(chunks=words, usage=Usage(10_000, 12_000)))
    limit = Decimal("0.05") if kind == "anthropic" else Decimal("0.003")
    with tokeneff.budget(usd=limit) as block, pytest.raises(tokeneff.BudgetExceeded) as cut:
        await run("run_stream", model(kind))
    assert cut.value.partial is not None
    assert "".join(words).startswith(cut.value.partial.text)
    assert limit * 9 / 10 <= block.spent.usd
    assert block.spent.usd <= limit


async def test_a_refusal_in_a_tool_ends_the_run(provider: FakeProvider) -> None:
    inner = model("chat", tokeneff.Budget(requests=1, name="inner"))

    async def asked(query: str) -> str:
        return await run("run", inner)

    asked.__name__ = "search"
    with tokeneff.budget(requests=6) as block, pytest.raises(tokeneff.BudgetExceeded, match="'inner'"):
        await run("run", model("chat"), tools=[asked])
    assert block.spent.requests == 2


async def test_a_fallback_is_for_errors_of_providers(provider: FakeProvider) -> None:
    both = FallbackModel(model("chat", tokeneff.Budget(requests=3)), model("anthropic"))
    with pytest.raises(tokeneff.BudgetExceeded):
        await run("run", both)
    assert provider.request_count == 3


async def test_the_manual_s_example(provider: FakeProvider) -> None:
    there = example("from pydantic_ai import")
    said = await there["answer"](QUESTION)
    assert said.startswith("I had to stop here: budget 'block': the call may cost up to 0.01")
    assert provider.request_count * COST <= Decimal("0.02")
    assert provider.request_count > 4
    provider.queue(Reply(text="Green tea."))
    assert await there["answer"](QUESTION) == "Green tea."
