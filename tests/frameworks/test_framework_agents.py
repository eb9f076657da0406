"""Budgets in the OpenAI Agents SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

agents = pytest.importorskip("agents", reason="needs openai-agents: make test-frameworks")

from framework_examples import COST, QUESTION, endless, example, wrapped  # noqa: E402
from openai import AsyncOpenAI  # noqa: E402

import tokeneff  # noqa: E402
from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage  # noqa: E402

KINDS = [agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel]


@agents.function_tool
def search(query: str) -> str:
    """Search the catalogue."""
    return "nothing found"


def agent(kind: Any, budget: Any = None, tools: Any = (search,), **more: Any) -> Any:
    client = wrapped(AsyncOpenAI(), budget=budget)
    # Whatever the host: chat streams say their usage where they are asked to.
    settings = agents.ModelSettings(include_usage=True)
    return agents.Agent(
        name="buyer", tools=list(tools), model=kind("gpt-4o-mini", client), model_settings=settings, **more
    )


async def run(who: Any, streamed: bool) -> Any:
    if not streamed:
        return (await agents.Runner.run(who, QUESTION, max_turns=None)).final_output
    result = agents.Runner.run_streamed(who, QUESTION, max_turns=None)
    async for _ in result.stream_events():
        pass
    return result.final_output


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "run_streamed"])
@pytest.mark.parametrize("kind", KINDS, ids=["chat", "responses"])
async def test_a_block_stops_an_agent_that_does_not_end(provider: FakeProvider, kind: Any, streamed: bool) -> None:
    with tokeneff.budget(usd=0.02) as block:
        with pytest.raises(tokeneff.BudgetExceeded) as refused:
            await run(agent(kind), streamed)
        assert type(refused.value) is tokeneff.BudgetExceeded
        assert refused.value.__cause__ is None
        assert (refused.value.budget, refused.value.partial) == ("block", None)
    assert block.spent == (provider.request_count * COST, provider.request_count * 10_050, provider.request_count)
    assert Decimal("0.008") <= block.spent.usd <= Decimal("0.02")
    assert block.held == (0, 0, 0)


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "run_streamed"])
@pytest.mark.parametrize("kind", KINDS, ids=["chat", "responses"])
async def test_a_client_s_budget_stops_it_too(provider: FakeProvider, kind: Any, streamed: bool) -> None:
    with pytest.raises(tokeneff.BudgetExceeded, match="budget 'total'") as refused:
        await run(agent(kind, tokeneff.Budget(requests=7)), streamed)
    assert (provider.request_count, refused.value.spent, refused.value.unit) == (7, 7, "requests")


@pytest.mark.parametrize("streamed", [False, True], ids=["run", "run_streamed"])
@pytest.mark.parametrize("kind", KINDS, ids=["chat", "responses"])
async def test_what_fits_is_as_without_a_budget(provider: FakeProvider, kind: Any, streamed: bool) -> None:
    provider.queue(endless(), Reply(text="Green tea.", usage=Usage(10_000, 50)))
    with tokeneff.budget(usd=1) as block:
        assert await run(agent(kind, tokeneff.Budget(usd=1, per="day")), streamed) == "Green tea."
    assert block.spent == (2 * COST, 20_100, 2)


@pytest.mark.parametrize("kind", KINDS, ids=["chat", "responses"])
async def test_a_stream_is_cut_where_the_money_ends(provider: FakeProvider, kind: Any) -> None:
    words = [f" word{number}" for number in range(5000)]
    provider.queue(Reply(chunks=words, usage=Usage(10_000, 12_000)))
    with tokeneff.budget(usd=0.003) as block, pytest.raises(tokeneff.BudgetExceeded) as cut:
        await run(agent(kind), streamed=True)
    assert cut.value.partial is not None
    assert "".join(words).startswith(cut.value.partial.text)
    assert Decimal("0.0027") <= block.spent.usd <= Decimal("0.003")


async def test_a_refusal_in_an_agent_that_is_a_tool(provider: FakeProvider) -> None:
    """The SDK tells a tool's exceptions to the model, which goes on; or wraps them, where it is not to."""
    provider.default = endless(tool_calls=(ToolCall("search", {"input": "tea", "query": "tea"}),))
    inner = agent(KINDS[0], tokeneff.Budget(requests=1, name="inner"))
    tool = inner.as_tool("search", "Search.", max_turns=None, failure_error_function=None)
    with tokeneff.budget(requests=6) as block, pytest.raises(agents.UserError) as wrapping:
        await run(agent(KINDS[0], tools=[tool]), streamed=False)
    assert type(wrapping.value.__cause__) is tokeneff.BudgetExceeded
    assert (wrapping.value.__cause__.budget, block.spent.requests) == ("inner", 2)

    tool = inner.as_tool("search", "Search.", max_turns=None)
    with tokeneff.budget(requests=6) as block, pytest.raises(tokeneff.BudgetExceeded) as refused:
        await run(agent(KINDS[0], tools=[tool]), streamed=False)
    assert (refused.value.budget, block.spent.requests) == ("block", 6)


async def test_guardrails_share_the_block_of_their_run(provider: FakeProvider) -> None:
    """They run beside the first call, in tasks of their own."""
    client = wrapped(AsyncOpenAI())

    @agents.input_guardrail
    async def harmless(context: Any, who: Any, asked: Any) -> Any:
        await client.responses.create(model="gpt-4o-mini", input="harmless?", max_output_tokens=100)
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    provider.default = Reply(text="Yes.", usage=Usage(10_000, 50))
    with tokeneff.budget(requests=2) as block:
        await run(agent(KINDS[1], input_guardrails=[harmless]), streamed=False)
    assert block.spent.requests == 2


@pytest.fixture
async def default_client() -> AsyncIterator[None]:
    yield
    agents.set_default_openai_client(None, use_for_tracing=False)


async def test_the_manual_s_example(provider: FakeProvider, default_client: None) -> None:
    there = example("from agents import")
    said = await there["answer"](QUESTION)
    assert said.startswith("I had to stop here: budget 'block': the call may cost up to 0.01")
    assert provider.request_count * COST <= Decimal("0.02")
    assert provider.request_count > 4
    provider.queue(Reply(text="Green tea."))
    assert await there["answer"](QUESTION) == "Green tea."
