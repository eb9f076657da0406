"""A model that fetches back what was left out, in agent frameworks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "trim"))

from framework_examples import wrapped
from test_framework_langchain import fresh_clients
from trim_recall_kit import ANSWER, LOG, QUESTION, SYSTEM, curious, recalling, results

import tokeneff
from tokeneff.testing import FakeProvider

__all__ = ["fresh_clients"]

MODELS = {"chat": "gpt-4.1-mini", "responses": "gpt-4.1-mini", "anthropic": "claude-sonnet-4-6"}
KINDS = pytest.mark.parametrize("kind", MODELS)


@pytest.fixture
def asked(provider: FakeProvider) -> FakeProvider:
    provider.default = curious
    return provider


def run(command: str) -> str:
    """Run it."""
    return LOG


def seen(provider: FakeProvider) -> None:
    """What the model was shown: not all of it, and all of it when it had asked."""
    first, second, third = (results(request.json) for request in provider.requests)
    assert (first, len(second), third) == ([], 1, [second[0], LOG])
    assert len(second[0]) < len(LOG) / 2


@pytest.mark.parametrize("kind", ["chat", "responses"])
@pytest.mark.parametrize("streamed", [False, True], ids=["run", "run_streamed"])
async def test_openai_agents(asked: FakeProvider, kind: str, streamed: bool) -> None:
    agents = pytest.importorskip("agents", reason="needs openai-agents: make test-frameworks")
    from openai import AsyncOpenAI

    client = wrapped(AsyncOpenAI(), trim=recalling(by="user"))
    made = agents.OpenAIChatCompletionsModel if kind == "chat" else agents.OpenAIResponsesModel
    tools = [tokeneff.recall(client).openai_agents(), agents.function_tool(run)]
    agent = agents.Agent(name="a", instructions=SYSTEM, model=made(MODELS[kind], client), tools=tools)
    with tokeneff.tag(user="u1"):
        if streamed:
            result = agents.Runner.run_streamed(agent, QUESTION)
            async for _ in result.stream_events():
                pass
        else:
            result = await agents.Runner.run(agent, QUESTION)
    assert result.final_output == ANSWER
    seen(asked)


@KINDS
@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_langchain(asked: FakeProvider, kind: str, how: str) -> None:
    openais = pytest.importorskip("langchain_openai", reason="needs langchain-openai: make test-frameworks")
    anthropics = pytest.importorskip("langchain_anthropic", reason="needs langchain-anthropic")
    from langchain_core.messages import HumanMessage, SystemMessage
    from langchain_core.tools import tool

    trim = recalling(by="user")
    tokeneff.install(trim=trim)
    if kind == "anthropic":
        model = anthropics.ChatAnthropic(model=MODELS[kind], max_tokens=1000)
    else:
        model = openais.ChatOpenAI(model=MODELS[kind], use_responses_api=kind == "responses")
    tools = {one.name: one for one in (tokeneff.recall(trim).langchain(), tool(run))}
    by, said = model.bind_tools(list(tools.values())), [SystemMessage(SYSTEM), HumanMessage(QUESTION)]
    with tokeneff.tag(user="u1"):
        while (reply := by.invoke(said) if how == "invoke" else await by.ainvoke(said)).tool_calls:
            said.append(reply)
            for call in reply.tool_calls:
                one = tools[call["name"]]
                said.append(one.invoke(call) if how == "invoke" else await one.ainvoke(call))
    assert reply.text == ANSWER
    seen(asked)


@KINDS
async def test_pydantic_ai(asked: FakeProvider, kind: str) -> None:
    pydantic_ai: Any = pytest.importorskip("pydantic_ai", reason="needs pydantic-ai-slim: make test-frameworks")
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.anthropic import AnthropicProvider
    from pydantic_ai.providers.openai import OpenAIProvider

    client = wrapped(AsyncAnthropic() if kind == "anthropic" else AsyncOpenAI(), trim=recalling(by="user"))
    if kind == "anthropic":
        model: Any = AnthropicModel(MODELS[kind], provider=AnthropicProvider(anthropic_client=client))
    else:
        made = OpenAIChatModel if kind == "chat" else OpenAIResponsesModel
        model = made(MODELS[kind], provider=OpenAIProvider(openai_client=client))
    agent = pydantic_ai.Agent(model, instructions=SYSTEM, tools=[tokeneff.recall(client).pydantic_ai(), run])
    with tokeneff.tag(user="u1"):
        assert (await agent.run(QUESTION)).output == ANSWER
    seen(asked)
