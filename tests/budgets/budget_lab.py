"""Wrapped clients of both SDKs with budgets, on the fake provider; the same way of calling for both flavours."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import tokeneff
from tokeneff.stores import Amounts, Entry
from tokeneff.stores.memory import MemoryStore
from tokeneff.testing import FakeProvider, Reply, Usage
from tokeneff.tokens import counter

FLAVOURS = ("sync", "async")
GPT, CLAUDE = "gpt-4.1-mini", "claude-sonnet-4-6"
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Tell me a story of a fox."}]
SAID = Reply(text="Once upon a time", usage=Usage(input_tokens=20, output_tokens=5))
SPENT = {GPT: Amounts(16_000, 25, 1), CLAUDE: Amounts(135_000, 25, 1)}
"""What `SAID` costs: 20 × 400 + 5 × 1,600, and 20 × 3,000 + 5 × 15,000 nano-dollars."""


class Lab:
    """A provider, a store, and clients that keep their budgets there."""

    def __init__(self) -> None:
        self.provider = FakeProvider()
        self.store: Any = MemoryStore()
        self._clients: list[Any] = []
        for model in (GPT, CLAUDE):
            counter().await_vocabulary(model, 30)

    def client(self, sdk: str, flavour: str, budget: Any = None, **more: Any) -> Any:
        """A wrapped client."""
        options = {key: more.pop(key) for key in ("timeout", "max_retries", "base_url") if key in more}
        wrap = {"budget": budget, "store": self.store, **more}
        return tokeneff.wrap(self.bare(sdk, flavour, **options), **wrap)

    def bare(self, sdk: str, flavour: str, **options: Any) -> Any:
        import anthropic
        import openai

        module: Any = openai if sdk == "openai" else anthropic
        named = {"openai": "OpenAI", "anthropic": "Anthropic"}[sdk]
        kind = getattr(module, named if flavour == "sync" else "Async" + named)
        http = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient
        url = self.provider.openai_url if sdk == "openai" else self.provider.anthropic_url
        made = kind(**{"base_url": url, "api_key": "k", "max_retries": 0, "http_client": http(verify=False), **options})
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for made in self._clients:
            await ready(made.close())
        self.provider.close()

    def spent(self) -> Amounts:
        """Of the one account that there is; nothing may be held any more."""
        assert self.store.holds() == []
        (state,) = self.store.states()
        return state.balance.spent

    def steps(self) -> list[str]:
        return [entry.step for entry in self.store.journal()]

    def settled(self) -> list[Entry]:
        return [entry for entry in self.store.journal() if entry.step == "settle"]

    @property
    def last(self) -> Any:
        """The last request's body."""
        return self.provider.requests[-1].json


async def ready(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def each(items: Any) -> AsyncIterator[Any]:
    """All of an iterable of either flavour."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


class Way(NamedTuple):
    """A way of asking, of one SDK."""

    name: str
    sdk: str
    ask: Callable[..., Any]
    capped: bool = False
    model: str = GPT

    def __str__(self) -> str:
        return self.name


def _chat(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": GPT, "messages": ASKED, "max_tokens": 50, **more})


def _responses(client: Any, **more: Any) -> Any:
    return client.responses.create(**{"model": GPT, "input": ASKED[0]["content"], "max_output_tokens": 50, **more})


def _messages(client: Any, **more: Any) -> Any:
    return client.messages.create(**{"model": CLAUDE, "messages": ASKED, "max_tokens": 50, **more})


WAYS = (
    Way("chat", "openai", _chat),
    Way("responses", "openai", _responses),
    Way("messages", "anthropic", _messages, model=CLAUDE),
)
